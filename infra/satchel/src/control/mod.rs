//! Commands to a running stack: HTTP on a Unix socket in its data folder, for the user whom it runs as and for root. The
//! files can be open only once, so whoever wants something done to them asks the stack that has them open.

mod client;
mod expire;
pub(crate) mod said;
mod socket;

use std::{convert::Infallible, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use http::{
    Method, StatusCode,
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    request::Parts,
};
use http_body_util::StreamBody;
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
};
use satchel_core::{
    outcome::REASON,
    problem::{PROBLEM_JSON, Problem},
};
use satchel_listener::{Listener, Patience, Terms};
use satchel_telemetry::level::Level;

use crate::{housekeeping::Housekeeper, journal::Journal, notices::notice, running::Running};

pub(crate) use client::RunningStack;
pub(crate) use expire::target as expire_target;
use said::Said;
pub(crate) use socket::socket;

/// Lines of JSON, each as soon as there is something to say.
const JSON_LINES: &str = "application/jsonl";

/// What can be asked for, by path and method.
const RESOURCES: [(&str, Method, Command); 1] = [(expire::PATH, Method::POST, Command::Expire)];

#[derive(Debug, Clone, Copy)]
enum Command {
    Expire,
}

type Body = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

/// Listens to commands.
#[derive(Debug)]
pub(crate) struct Control(Running);

impl Control {
    /// Takes the place of one that was killed: of stacks on one folder there is one, and it calls this. Where the folder
    /// takes no sockets the stack does without, and says so.
    pub async fn start(data: &Path, housekeeper: &Arc<Housekeeper>, journal: &Journal) -> Option<Self> {
        let socket = socket(data);
        let listener = match Listener::private(&socket).await {
            Ok(listener) => listener,
            Err(error) => {
                let reason = format!("commands to the stack are not heard on {}: {error}", socket.display());
                journal.write(&notice(Level::Warn, "control_unavailable", [(REASON, reason.into())]));
                return None;
            }
        };
        let housekeeper = Arc::clone(housekeeper);
        let answer = move |request: Request<Incoming>, _| {
            let answered = answer(&housekeeper, &request.into_parts().0);
            async move { answered }
        };
        // A command that is under way ends with the stack, which has the files to close.
        let terms = Terms { patience: Patience { grace: Duration::ZERO, ..Patience::default() }, ..Terms::default() };
        Some(Self(Running::spawn(|told| satchel_listener::serve(listener, answer, terms, async { drop(told.await) }))))
    }

    /// Listens no more, and breaks off what is under way; the socket is gone.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}

fn answer(housekeeper: &Arc<Housekeeper>, request: &Parts) -> Response<Body> {
    match find(&request.method, request.uri.path()) {
        Ok(Command::Expire) => match expire::order(request.uri.query()) {
            Ok(order) => saying(expire::run(Arc::clone(housekeeper), order)),
            Err(problem) => refusal(&problem),
        },
        Err(Missing::Path) => refusal(&Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_command",
            "this version of the stack knows no such command; use the `satchel` that the stack was started with",
        )),
        Err(Missing::Method(allowed)) => {
            let detail = format!("this command is given by {allowed}");
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
            let mut response = refusal(&problem);
            if let Ok(allowed) = HeaderValue::from_str(allowed.as_str()) {
                response.headers_mut().insert(ALLOW, allowed);
            }
            response
        }
    }
}

/// Why there is no command.
#[derive(Debug, PartialEq, Eq)]
enum Missing {
    Path,
    Method(Method),
}

fn find(method: &Method, path: &str) -> Result<Command, Missing> {
    let (_, allowed, command) = RESOURCES.into_iter().find(|(known, ..)| *known == path).ok_or(Missing::Path)?;
    if allowed == *method { Ok(command) } else { Err(Missing::Method(allowed)) }
}

fn saying(lines: BoxStream<'static, Said>) -> Response<Body> {
    let frames = lines.map(|said| Ok(Frame::data(Bytes::from(said.line())))).boxed();
    of_type(StatusCode::OK, JSON_LINES, frames)
}

fn refusal(problem: &Problem) -> Response<Body> {
    let body = Bytes::from(problem.to_json());
    of_type(problem.status, PROBLEM_JSON, stream::iter([Ok(Frame::data(body))]).boxed())
}

fn of_type(
    status: StatusCode,
    content_type: &'static str,
    frames: BoxStream<'static, Result<Frame<Bytes>, Infallible>>,
) -> Response<Body> {
    let mut response = Response::new(StreamBody::new(frames));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_by_path_and_method() {
        for (method, path, found) in [
            (Method::POST, "/expire", Ok(())),
            (Method::GET, "/expire", Err(Missing::Method(Method::POST))),
            (Method::POST, "/", Err(Missing::Path)),
            (Method::POST, "/expire/", Err(Missing::Path)),
        ] {
            assert_eq!(find(&method, path).map(|_| ()), found, "{method} {path}");
        }
    }
}
