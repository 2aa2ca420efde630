//! The Lambda runtime API (AWS: "Using the Lambda runtime API for custom runtimes"), played to one process after
//! another. Each connection has a blocking thread, which notes the time next to its own `read` and `write`.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use super::http1::{Connection, Message};

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
/// AWS's own Runtime Interface Emulator has longer events in a chunk, and does not say how long they are.
const LONGEST_WITH_LENGTH: usize = 2_048;
const ACCEPTED: &[u8] =
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";

/// What a process is invoked with, and what it must answer.
pub struct Script {
    /// The event of the first, second, ... invoke, as JSON.
    pub event: Event,
    /// How often it is invoked, the first time included.
    pub invokes: usize,
    /// Says no, with a reason, to an answer that is not the one to be measured.
    pub check: Check,
}

/// Makes the event of an invoke.
pub type Event = Box<dyn Fn(usize) -> String + Send + Sync>;
/// Reads an answer.
pub type Check = Box<dyn Fn(&[u8]) -> Result<(), String> + Send + Sync>;

/// When things happened.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// The first poll was complete.
    pub first_poll: Instant,
    /// The first response was complete.
    pub first_response: Instant,
    /// How long each further invoke took, from its event's first byte to its response's last.
    pub warm: Vec<Duration>,
}

/// All invokes are answered, or one of them wrongly: then why.
pub type Outcome = Result<Timeline, String>;

/// The API, on a free port of this machine, for as long as the harness runs.
pub struct RuntimeApi {
    address: SocketAddr,
    session: Arc<Mutex<Option<Arc<Session>>>>,
}

impl RuntimeApi {
    /// Starts listening.
    ///
    /// # Errors
    /// What the system says.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let session = Arc::new(Mutex::new(None));
        let current = Arc::clone(&session);
        thread::Builder::new().name("runtime-api".into()).spawn(move || accept(&listener, &current))?;
        Ok(Self { address, session })
    }

    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Plays `script` to the process that connects next. Its last poll is left waiting, so that it can be looked at.
    pub fn play(&self, script: Script) -> Receiver<Outcome> {
        let (done, outcome) = mpsc::channel();
        let first = Some(script.next_event(0));
        let progress = Progress { prepared: first, sent: 0, sent_at: Instant::now(), first: None, warm: Vec::new() };
        let session = Session { script, progress: Mutex::new(progress), done };
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(session));
        outcome
    }
}

fn accept(listener: &TcpListener, current: &Mutex<Option<Arc<Session>>>) {
    for stream in listener.incoming().flatten() {
        let session = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Nobody but the process under measurement knows the port.
        let Some(session) = session else { continue };
        thread::spawn(move || {
            if let Err(error) = session.converse(stream) {
                session.end(Err(format!("the runtime API was sent {error}")));
            }
        });
    }
}

impl Script {
    /// The answer to a poll, head and all.
    fn next_event(&self, number: usize) -> Vec<u8> {
        let event = (self.event)(number);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
             Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-{number:012x}\r\n\
             Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:measured\r\n\
             Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n"
        );
        let length = event.len();
        let message = if length > LONGEST_WITH_LENGTH {
            format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{event}\r\n0\r\n\r\n")
        } else {
            format!("{head}Content-Length: {length}\r\n\r\n{event}")
        };
        message.into_bytes()
    }
}

struct Session {
    script: Script,
    progress: Mutex<Progress>,
    done: Sender<Outcome>,
}

struct Progress {
    /// The first event, made beforehand: the time until its answer counts.
    prepared: Option<Vec<u8>>,
    sent: usize,
    sent_at: Instant,
    /// The first poll, the first response.
    first: Option<(Instant, Option<Instant>)>,
    warm: Vec<Duration>,
}

impl Session {
    fn converse(&self, stream: TcpStream) -> io::Result<()> {
        let mut connection = Connection::new(stream)?;
        while let Some(request) = connection.request()? {
            let at = Instant::now();
            if request.name == NEXT {
                match self.event(at) {
                    Some(event) => {
                        self.progress().sent_at = Instant::now();
                        connection.send(&event)?;
                    }
                    None => self.end(self.timeline()),
                }
            } else {
                self.answered(at, &request);
                connection.send(ACCEPTED)?;
            }
        }
        Ok(())
    }

    fn event(&self, at: Instant) -> Option<Vec<u8>> {
        let mut progress = self.progress();
        progress.first.get_or_insert((at, None));
        let number = progress.sent;
        if number == self.script.invokes {
            return None;
        }
        progress.sent += 1;
        Some(progress.prepared.take().unwrap_or_else(|| self.script.next_event(number)))
    }

    fn answered(&self, at: Instant, request: &Message) {
        let mut progress = self.progress();
        match &mut progress.first {
            Some((_, response @ None)) => *response = Some(at),
            _ => {
                let took = at - progress.sent_at;
                progress.warm.push(took);
            }
        }
        drop(progress);
        if !request.name.ends_with("/response") {
            self.end(Err(format!("{}: {}", request.name, String::from_utf8_lossy(&request.body))));
        } else if let Err(problem) = (self.script.check)(&request.body) {
            self.end(Err(problem));
        }
    }

    fn timeline(&self) -> Outcome {
        let progress = self.progress();
        match progress.first {
            Some((first_poll, Some(first_response))) => {
                Ok(Timeline { first_poll, first_response, warm: progress.warm.clone() })
            }
            // Nothing to be answered.
            Some((first_poll, None)) if self.script.invokes == 0 => {
                Ok(Timeline { first_poll, first_response: first_poll, warm: Vec::new() })
            }
            _ => Err("it polled again without an answer".into()),
        }
    }

    /// The first outcome counts; nobody listens to a second one.
    fn end(&self, outcome: Outcome) {
        let _ = self.done.send(outcome);
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
