//! A function's process: started with an environment like Lambda's, watched, ended.

use std::{
    io::{self, Read},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};

use super::runtime_api::{Outcome, Timeline};
use crate::{
    error::BenchError,
    memory::{self, Memory},
};

/// Between two looks at whether it still runs.
const LOOK: Duration = Duration::from_secs(1);
/// All invokes together take seconds, or a minute under Callgrind on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks at whether it waits.
const GLANCE: Duration = Duration::from_millis(5);

/// A process that ends with this value.
pub struct Process {
    name: String,
    child: Child,
    /// Just before it was executed.
    pub executed: Instant,
}

impl Process {
    /// Executes a command with `variables`, and those that Lambda sets for every runtime.
    ///
    /// # Errors
    /// It cannot be executed.
    pub fn execute(
        name: &str,
        mut command: Command,
        api: SocketAddr,
        variables: &[(&str, String)],
    ) -> Result<Self, BenchError> {
        command.env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
        command.env("AWS_LAMBDA_RUNTIME_API", api.to_string());
        for (variable, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("_HANDLER", "bootstrap"),
            ("TZ", ":UTC"),
        ] {
            command.env(variable, value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let executed = Instant::now();
        let child = command.spawn().map_err(|error| BenchError::Process {
            program: name.to_owned(),
            problem: error.to_string(),
            stderr: String::new(),
        })?;
        Ok(Self { name: name.to_owned(), child, executed })
    }

    /// Waits for all invokes.
    ///
    /// # Errors
    /// The process has ended, answered wrongly, or been silent for too long.
    pub fn outcome(&mut self, outcome: &Receiver<Outcome>) -> Result<Timeline, BenchError> {
        loop {
            match outcome.recv_timeout(LOOK) {
                Ok(Ok(timeline)) => return Ok(timeline),
                Ok(Err(problem)) => return Err(self.failed(problem)),
                Err(RecvTimeoutError::Timeout) => self.look()?,
                Err(RecvTimeoutError::Disconnected) => return Err(self.failed("the runtime API has ended".into())),
            }
        }
    }

    fn look(&mut self) -> Result<(), BenchError> {
        match self.child.try_wait()? {
            Some(status) => Err(self.failed(format!("ended by itself with {status}"))),
            None if self.executed.elapsed() > PATIENCE => Err(self.failed("has not answered in ten minutes".into())),
            None => Ok(()),
        }
    }

    /// What it has in memory.
    ///
    /// # Errors
    /// It has ended.
    pub fn memory(&self) -> Result<Memory, BenchError> {
        Ok(memory::of(self.child.id())?)
    }

    /// Asks it to end as soon as it waits for something, and waits for its end. Callgrind writes nothing when it is killed.
    ///
    /// # Errors
    /// It has ended by itself, or it does not end.
    pub fn end_when_idle(&mut self) -> Result<(), BenchError> {
        let process = self.child.id();
        self.until("it never waits for an invoke", |_| memory::sleeps(process))?;
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM).map_err(io::Error::from)?;
        self.until("it does not end when it is told to", |child| Ok(child.try_wait()?.is_some()))
    }

    fn until(
        &mut self,
        otherwise: &str,
        mut holds: impl FnMut(&mut Child) -> io::Result<bool>,
    ) -> Result<(), BenchError> {
        let since = Instant::now();
        while !holds(&mut self.child)? {
            if since.elapsed() > PATIENCE {
                return Err(self.failed(otherwise.to_owned()));
            }
            thread::sleep(GLANCE);
        }
        Ok(())
    }

    fn failed(&mut self, problem: String) -> BenchError {
        self.end();
        let mut stderr = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            // What is no text is left out.
            let _ = pipe.read_to_string(&mut stderr);
        }
        BenchError::Process { program: self.name.clone(), problem, stderr }
    }

    fn end(&mut self) {
        // Both fail where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
