//! Secrets that are kept at AWS: read at the start, and again while the function is warm.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use satchel_aws::{
    bootstrap::StartError,
    clock::Clock,
    live::{Live, Variables},
    sdk,
};
use satchel_core::{config::FromEnvironment, secret::Secret};
use satchel_upload::UploadConfig;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

type State = satchel_upload::State;

const PARAMETER: &str = "/satchel/upload-secrets";
const FAILED: (u16, &str) = (500, "InternalServerError");
const DENIED: (u16, &str) = (400, "AccessDeniedException");
const UNKNOWN: (u16, &str) = (400, "ResourceNotFoundException");

/// A secret, or the status and name of a refusal.
type Answer = Result<String, (u16, &'static str)>;

/// Parameter Store and Secrets Manager, as far as Satchel asks them.
struct Services {
    address: String,
    /// What each question, such as `/satchel/upload-secrets` or `name AWSPREVIOUS`, is answered with.
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<AtomicU64>,
}

impl Services {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let services = Self { address, answers: Arc::default(), asked: Arc::default() };
        let (answers, asked) = (Arc::clone(&services.answers), Arc::clone(&services.asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, asked) = (Arc::clone(&answers), Arc::clone(&asked));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Some(question) = question(&mut stream).await {
                        asked.fetch_add(1, Ordering::Relaxed);
                        let answer = answers.lock().unwrap().get(&question.name).cloned().unwrap_or(Err(UNKNOWN));
                        stream.write_all(question.answered(answer).as_bytes()).await.unwrap();
                    }
                });
            }
        });
        services
    }

    fn put(&self, name: &str, answer: Result<&str, (u16, &'static str)>) {
        self.answers.lock().unwrap().insert(name.to_owned(), answer.map(str::to_owned));
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn variables(&self, secrets: &str) -> Variables {
        let pairs =
            [("SATCHEL_BUCKET", "satchel"), ("SATCHEL_UPLOAD_SECRETS", secrets), ("SATCHEL_SECRETS_REFRESH", "100")];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// A function that starts at second 1,000, and its clock.
    async fn function(&self, secrets: &str) -> Result<(Live<State>, Arc<AtomicU64>), StartError> {
        let seconds = Arc::new(AtomicU64::new(1_000));
        let clock = Clock::Fixed(Arc::clone(&seconds));
        let credentials = aws_credential_types::Credentials::new("key", "secret", None, None, "test");
        let sdk = sdk::of_known("eu-central-1", credentials, Some(&self.address));
        let parse = |lookup: satchel_aws::live::Lookup<'_>| UploadConfig::parse(lookup);
        let live =
            Live::load_from(self.variables(secrets), Ok(sdk), clock, parse, State::load, State::with_config).await?;
        Ok((live, seconds))
    }
}

struct Question {
    name: String,
    of_parameter: bool,
}

async fn question(stream: &mut BufReader<TcpStream>) -> Option<Question> {
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|length| *length > 0)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => drop(headers.insert(name.to_lowercase(), value.to_owned())),
            None if line.trim().is_empty() => break,
            None => assert_eq!(line, "POST / HTTP/1.1\r\n"),
        }
    }
    let target = headers["x-amz-target"].as_str();
    let of_parameter = target == "AmazonSSM.GetParameter";
    assert!(of_parameter || target == "secretsmanager.GetSecretValue", "{target}");
    let scope =
        if of_parameter { "/eu-central-1/ssm/aws4_request" } else { "/eu-central-1/secretsmanager/aws4_request" };
    let signature = &headers["authorization"];
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=key/") && signature.contains(scope), "{signature}");
    let signed = signature.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    let signed: Vec<&str> = signed.split(';').collect();
    let all = ["content-type", "host", "x-amz-date", "x-amz-target"].iter().all(|name| signed.contains(name));
    assert!(all, "{signature}");
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let name = [&body["Name"], &body["SecretId"], &body["VersionStage"]].map(|part| part.as_str().unwrap_or_default());
    Some(Question { name: name.join(" ").trim().to_owned(), of_parameter })
}

impl Question {
    fn answered(&self, answer: Result<String, (u16, &str)>) -> String {
        let (status, body) = match answer {
            Ok(value) if self.of_parameter => (200, json!({"Parameter": {"Name": self.name, "Value": value}})),
            Ok(value) => (200, json!({"Name": self.name, "SecretString": value})),
            Err((status, kind)) => (status, json!({"__type": format!("com.amazonaws#{kind}")})),
        };
        let body = body.to_string();
        format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }
}

fn secrets(live: &Live<State>) -> Vec<Secret> {
    live.state().config.policy.secrets.iter().cloned().collect()
}

#[tokio::test]
async fn a_rotated_secret_is_known_without_a_new_start() {
    let services = Services::start().await;
    services.put(PARAMETER, Ok("old"));
    let (live, seconds) = services.function("ssm:/satchel/upload-secrets").await.unwrap();
    assert_eq!(secrets(&live), [Secret::from("old")]);
    services.put(PARAMETER, Ok("new\nold"));
    for (second, known, asked) in [(1_099, 1, 1), (1_100, 2, 2), (1_199, 2, 2), (1_200, 2, 3)] {
        seconds.store(second, Ordering::Relaxed);
        live.renew().await.unwrap();
        assert_eq!((secrets(&live).len(), services.asked()), (known, asked), "second {second}");
    }
    assert_eq!(secrets(&live), [Secret::from("new"), Secret::from("old")]);
}

#[tokio::test]
async fn the_last_good_secrets_stay_in_force() {
    let services = Services::start().await;
    services.put(PARAMETER, Ok("good"));
    let (live, seconds) = services.function("ssm:/satchel/upload-secrets").await.unwrap();
    for (second, answer, asked) in [
        // What may pass is asked three times at once.
        (1_100, Err(FAILED), 4),
        (1_129, Err(FAILED), 4),
        (1_130, Err(DENIED), 5),
        (1_160, Ok(" \n"), 6),
        (1_190, Err(UNKNOWN), 7),
    ] {
        services.put(PARAMETER, answer);
        seconds.store(second, Ordering::Relaxed);
        let tried = services.asked();
        let renewed = live.renew().await;
        assert_eq!(renewed.is_err(), services.asked() > tried, "second {second}");
        assert!(!renewed.is_err_and(|error| error.to_string().contains("good")));
        assert_eq!((secrets(&live), services.asked()), (vec![Secret::from("good")], asked), "second {second}");
    }
    services.put(PARAMETER, Ok("better"));
    seconds.store(1_220, Ordering::Relaxed);
    live.renew().await.unwrap();
    assert_eq!(secrets(&live), [Secret::from("better")]);
}

#[tokio::test]
async fn a_secret_of_secrets_manager_comes_with_its_previous_version() {
    let services = Services::start().await;
    services.put("satchel/upload", Ok("current"));
    let (live, seconds) = services.function("secretsmanager:satchel/upload").await.unwrap();
    assert_eq!(secrets(&live), [Secret::from("current")]);
    services.put("satchel/upload", Ok("next"));
    services.put("satchel/upload AWSPREVIOUS", Ok("current"));
    seconds.store(1_100, Ordering::Relaxed);
    live.renew().await.unwrap();
    assert_eq!(secrets(&live), [Secret::from("next"), Secret::from("current")]);
}

#[tokio::test]
async fn a_function_without_its_secrets_does_not_start() {
    let services = Services::start().await;
    for answer in [Err(DENIED), Err(FAILED), Ok(" ")] {
        services.put(PARAMETER, answer);
        assert!(services.function("ssm:/satchel/upload-secrets").await.is_err(), "{answer:?}");
    }
    services.put(PARAMETER, Err(DENIED));
    let error = services.function("ssm:/satchel/upload-secrets").await.unwrap_err().to_string();
    assert!(error.contains(PARAMETER) && error.contains("AccessDeniedException"), "{error}");
}

#[tokio::test]
async fn secrets_in_the_environment_itself_cost_no_request() {
    let services = Services::start().await;
    let (live, seconds) = services.function("current\nssm:/not/a/reference").await.unwrap();
    seconds.store(1_000_000, Ordering::Relaxed);
    live.renew().await.unwrap();
    assert_eq!((secrets(&live).len(), services.asked()), (2, 0));
}
