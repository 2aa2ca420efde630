//! The loop against a runtime API that follows a script.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
const NOBODY: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// A request as it came: the first line, the headers in lower case, the body.
#[derive(Debug, Clone)]
struct Request {
    line: String,
    headers: String,
    body: String,
}

/// What one request is answered, and whether the connection is closed then.
#[derive(Debug, Clone)]
struct Turn {
    answer: Vec<u8>,
    close: bool,
}

fn turn(answer: impl Into<Vec<u8>>) -> Turn {
    Turn { answer: answer.into(), close: false }
}

fn last(answer: impl Into<Vec<u8>>) -> Turn {
    Turn { answer: answer.into(), close: true }
}

/// An event with this id.
fn event(id: &str, event: &str) -> Vec<u8> {
    framed(id, &format!("Content-Length: {}", event.len()), event)
}

fn framed(id: &str, framing: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {id}\r\nLambda-Runtime-Deadline-Ms: 4102444800000\r\n\
         Lambda-Runtime-Invocation-Id: delivery of {id}\r\n{framing}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Plays the script, and is gone.
async fn play(listener: TcpListener, script: Vec<Turn>, received: Arc<Mutex<Vec<Request>>>) {
    let mut connection = None;
    for turn in script {
        let request = loop {
            let mut stream = match connection.take() {
                Some(stream) => stream,
                None => listener.accept().await.unwrap().0,
            };
            if let Some(request) = request(&mut stream).await {
                connection = Some(stream);
                break request;
            }
        };
        received.lock().unwrap().push(request);
        connection.as_mut().unwrap().write_all(&turn.answer).await.unwrap();
        if turn.close {
            connection = None;
        }
    }
}

async fn request(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return None;
        }
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let (line, headers) = head.split_once("\r\n").unwrap();
        let headers = headers.to_lowercase();
        let length = headers.lines().find_map(|header| header.strip_prefix("content-length: "));
        if body.len() == length.map_or(0, |length| length.parse().unwrap()) {
            return Some(Request { line: line.into(), headers, body: body.into() });
        }
    }
}

/// What came of a script: all requests, all complaints, and why it ended.
struct Played {
    requests: Vec<Request>,
    complaints: Vec<(String, String)>,
    end: RuntimeError,
}

impl Played {
    fn lines(&self) -> Vec<&str> {
        self.requests.iter().map(|request| request.line.trim_end_matches(" HTTP/1.1")).collect()
    }
}

async fn played<F: Future<Output = Result<Value, Failure>>>(
    script: Vec<Turn>,
    address: impl Fn(SocketAddr) -> String,
    handle: impl Fn(Next) -> F,
) -> Played {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, received) = (address(listener.local_addr().unwrap()), Arc::default());
    let playing = tokio::spawn(play(listener, script, Arc::clone(&received)));
    let complaints = Mutex::new(Vec::new());
    let ended = run(Some(address), |id, reason| complaints.lock().unwrap().push((id, reason)), handle);
    let Err(end) = ended.await;
    // A loop that ended early has not heard all of it.
    tokio::time::timeout(Duration::from_secs(20), playing).await.expect("a script that is played to its end").unwrap();
    let requests = received.lock().unwrap().clone();
    Played { requests, complaints: complaints.into_inner().unwrap(), end }
}

/// Answers the event itself.
async fn echo(next: Next) -> Result<Value, Failure> {
    let event = serde_json::from_slice::<Value>(&next.event).map_err(|error| Failure::of(&error))?;
    Ok(json!({"id": next.request_id, "deadline": next.deadline, "event": event}))
}

const NEXT: &str = "GET /2018-06-01/runtime/invocation/next";

#[tokio::test]
async fn events_are_answered_one_after_another_on_one_connection() {
    let large = json!("x".repeat(3_000_000)).to_string();
    let chunks = format!("5\r\n{{\"a\":\r\n{:x}\r\n{large}\r\n1\r\n}}\r\n0\r\n\r\n", large.len());
    let script = vec![
        turn(event("one", r#"{"a":1}"#)),
        turn(ACCEPTED),
        turn(framed("two", "Transfer-Encoding: chunked", &chunks)),
        turn(ACCEPTED),
        turn(event("three", &large)),
        turn("HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    ];
    let played = played(script, |address| address.to_string(), echo).await;
    let answer = |id: &str| format!("POST /2018-06-01/runtime/invocation/{id}/response");
    assert_eq!(played.lines(), [NEXT, &answer("one"), NEXT, &answer("two"), NEXT, &answer("three")]);
    for (at, id, event) in [(1, "one", r#"{"a":1}"#), (3, "two", &format!(r#"{{"a":{large}}}"#)), (5, "three", &large)]
    {
        let Request { headers, body, .. } = &played.requests[at];
        let event: Value = serde_json::from_str(event).unwrap();
        let expected = json!({"id": id, "deadline": 4_102_444_800_000_u64, "event": event});
        assert!(serde_json::from_str::<Value>(body).unwrap() == expected, "{id}");
        for header in
            [format!("lambda-runtime-invocation-id: delivery of {id}"), "content-type: application/json".into()]
        {
            assert!(headers.lines().any(|line| line == header), "{header}: {headers}");
        }
    }
    assert!(played.requests.iter().all(|request| request.headers.contains("user-agent: satchel/")));
    assert!(played.complaints.is_empty());
    assert!(matches!(played.end, RuntimeError::Connect(_) | RuntimeError::Connection(_)), "{}", played.end);
}

#[tokio::test]
async fn failures_and_panics_end_their_event_alone() {
    let script = ["fails", "panics", "panics at once", "is no JSON", "is well"]
        .into_iter()
        .flat_map(|how| [turn(event("id", &json!(how).to_string())), turn(ACCEPTED)])
        .collect();
    let played = played(
        script,
        |address| address.to_string(),
        |next| {
            let how = serde_json::from_slice::<String>(&next.event).unwrap();
            assert_ne!(how, "panics at once", "before there is a future");
            async move {
                match &*how {
                    "fails" => Err(Failure::of(&std::io::Error::other("no room"))),
                    "panics" => panic!("this {how}"),
                    "is no JSON" => serde_json::from_str("{").map_err(|error| Failure::of(&error)),
                    _ => Ok(json!("done")),
                }
            }
        },
    );
    let played = played.await;
    let answers: Vec<&Request> = played.requests.iter().filter(|request| request.line.starts_with("POST")).collect();
    for (answer, error_type, message) in
        [(answers[0], "Error", "no room"), (answers[1], "Panic", "this panics"), (answers[3], "Error", "EOF while")]
    {
        assert!(answer.line.contains("/invocation/id/error "), "{}", answer.line);
        let header = format!("lambda-runtime-function-error-type: function.{}", error_type.to_lowercase());
        assert!(answer.headers.lines().any(|line| line == header), "{}", answer.headers);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["errorType"], error_type);
        assert!(body["errorMessage"].as_str().unwrap().contains(message), "{body}");
    }
    assert!(answers[2].body.contains("before there is a future"), "{}", answers[2].body);
    assert!(answers[4].line.contains("/response ") && answers[4].body == r#""done""#, "{answers:?}");
}

#[tokio::test]
async fn closed_connections_and_refused_answers_end_nothing() {
    let script = vec![
        last(NOBODY),
        turn(NOBODY),
        last(event("a", "1")),
        last("HTTP/1.1 410 Gone\r\nConnection: close\r\n\r\n{\"errorType\":\"Late\"}"),
        turn(event("b", "2")),
        turn("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n"),
        turn(event("c", "3")),
        last(ACCEPTED),
    ];
    let played = played(script, |address| address.to_string(), echo).await;
    let [a, b, c] = ["a", "b", "c"].map(|id| format!("POST /2018-06-01/runtime/invocation/{id}/response"));
    assert_eq!(played.lines(), [NEXT, NEXT, NEXT, &a, NEXT, &b, NEXT, &c]);
    let [(of_late, late), (of_large, large)] = &played.complaints[..] else { panic!("{:?}", played.complaints) };
    assert_eq!((&**of_late, &**of_large), ("a", "b"));
    assert!(late.contains("410") && late.contains("too late"), "{late}");
    assert!(large.contains("413") && large.contains("6 MB"), "{large}");
}

#[tokio::test]
async fn an_answer_is_given_once() {
    let answer = "POST /2018-06-01/runtime/invocation/a/response";
    // The connection breaks: nobody knows whether it was heard.
    let lost = played(vec![turn(event("a", "1")), last("")], |address| address.to_string(), echo).await;
    assert_eq!(lost.lines(), [NEXT, answer]);
    assert!(matches!(lost.end, RuntimeError::Connection(_)), "{}", lost.end);
    // It was heard, whatever becomes of the rest.
    let cut = "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"sta";
    let script = vec![turn(event("a", "1")), last(cut), last(NOBODY)];
    assert_eq!(played(script, |address| address.to_string(), echo).await.lines(), [NEXT, answer, NEXT]);
    // The environment is done for.
    let failed = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
    let failed = played(vec![turn(event("a", "1")), turn(failed)], |address| address.to_string(), echo).await;
    assert!(matches!(failed.end, RuntimeError::Status(status) if status == 500), "{}", failed.end);
}

#[tokio::test]
async fn a_deadline_is_passed_on_where_there_is_one() {
    for (header, expected) in
        [("X: y", None), ("Lambda-Runtime-Deadline-Ms: soon", None), ("Lambda-Runtime-Deadline-Ms: 600", Some(600))]
    {
        let answer =
            format!("HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: a\r\n{header}\r\nContent-Length: 1\r\n\r\n1");
        let played = played(vec![turn(answer), turn(ACCEPTED)], |address| address.to_string(), echo).await;
        let answer: Value = serde_json::from_str(&played.requests[1].body).unwrap();
        assert_eq!(answer["deadline"], json!(expected), "{header}");
    }
}

#[tokio::test]
async fn emulators_have_a_path_for_each_function() {
    let script = || vec![turn(event("id", "1")), turn(ACCEPTED)];
    for end in ["", "/"] {
        let played = played(script(), |address| format!("http://{address}/roster-fetch{end}"), echo).await;
        let below = |path: &str| format!("/roster-fetch/2018-06-01/runtime/invocation/{path}");
        assert_eq!(played.lines(), [format!("GET {}", below("next")), format!("POST {}", below("id/response"))]);
    }
}

#[tokio::test]
async fn what_is_no_event_ends_the_function() {
    let empty = "Content-Length: 0\r\n\r\n";
    let id = "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: a\r\n";
    type Expected = fn(&RuntimeError) -> bool;
    let cases: [(String, Expected); 5] = [
        (format!("HTTP/1.1 500 No\r\n{empty}"), |end| matches!(end, RuntimeError::Status(status) if *status == 500)),
        (format!("HTTP/1.1 403 No\r\n{empty}"), |end| matches!(end, RuntimeError::Status(status) if *status == 403)),
        (format!("HTTP/1.1 200 OK\r\n{empty}"), |end| matches!(end, RuntimeError::Header(_))),
        (format!("{id}Content-Length: 9\r\n\r\n{{}}"), |end| matches!(end, RuntimeError::Connection(_))),
        ("HTP\r\n\r\n".to_owned(), |end| matches!(end, RuntimeError::Connection(_))),
    ];
    for (answer, expected) in cases {
        let played = played(vec![last(answer.clone())], |address| address.to_string(), echo).await;
        assert!(expected(&played.end), "{answer}: {}", played.end);
        assert_eq!(played.lines(), [NEXT]);
    }
}

#[tokio::test]
async fn outside_of_lambda_a_function_says_what_it_is() {
    for address in [None, Some(""), Some("/"), Some("a b:1")] {
        let Err(end) = run(address.map(str::to_owned), |_, _| {}, echo).await;
        assert!(matches!(end, RuntimeError::Address(_)), "{address:?}: {end}");
        assert!(
            end.to_string().contains(address.unwrap_or_default()) && end.to_string().contains("cargo lambda watch")
        );
    }
}
