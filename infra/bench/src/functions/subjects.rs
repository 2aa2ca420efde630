//! What is measured: a table with one entry for each operation of each function.

use bytes::Bytes;
use satchel_core::{
    content_type::ContentType,
    grant::{Grant, UploadId},
    object_key::Key,
    upload_path::UploadPath,
};
use satchel_rosters::username::Username;
use serde_json::{Value, json};

use super::{
    events::{self, CREDENTIALS, object_created, rest, slot_request},
    runtime_api::Script,
    s3::S3,
};
use crate::{
    error::BenchError,
    figures::Kind,
    tokens::{SECRET, token},
};

/// Bytes of the ordinary body.
const SMALL: usize = 1_024;
/// A body that fills a Lambda event nearly.
const LARGE: usize = 4 * 1024 * 1024;
/// Of a large upload, which is not in the event.
const ANNOUNCED: u64 = 104_857_600;

/// One entry.
pub struct Subject {
    /// The function: its binary's name, and its package's behind `satchel-`. Empty for the harness itself.
    pub function: &'static str,
    /// What it is asked to do.
    pub operation: &'static str,
    /// Its budget.
    pub kind: Kind,
    /// Whether it needs no S3 request: checks a token, perhaps signs, answers.
    pub arithmetic: bool,
    /// Bytes of body in each event, where the harness should make fewer invokes for it.
    pub body: Option<usize>,
    /// Prepares as many events as it is asked for.
    pub script: fn(&S3<'_>, usize) -> Result<Script, BenchError>,
    /// Variables of this function alone.
    pub variables: &'static [(&'static str, &'static str)],
}

const STORAGE: Subject = Subject {
    function: "",
    operation: "",
    kind: Kind::Storage,
    arithmetic: false,
    body: None,
    script: hello,
    variables: &[("SATCHEL_UPLOAD_SECRETS", SECRET)],
};

/// What the functions of other languages do, too.
pub const DOWNLOAD: Subject = Subject { function: "download", operation: "redirect", script: downloaded, ..STORAGE };

const SIGNING: Subject = Subject { kind: Kind::Signing, arithmetic: true, ..STORAGE };

const ROSTERS: &[(&str, &str)] = &[("SATCHEL_ROSTER_CREDENTIALS", CREDENTIALS)];

/// All of them, the limit first.
pub const SUBJECTS: &[Subject] = &[
    Subject { kind: Kind::Harness, arithmetic: true, variables: &[], ..STORAGE },
    Subject { function: "hello", kind: Kind::Bare, arithmetic: true, variables: &[], ..STORAGE },
    Subject {
        function: "component",
        operation: "slot",
        script: slot,
        variables: &[
            ("SATCHEL_COMPONENT_CREDENTIALS", CREDENTIALS),
            ("SATCHEL_PUBLIC_URL", "https://files.example.org/upload"),
        ],
        ..SIGNING
    },
    Subject {
        function: "component",
        operation: "slot within a quota",
        arithmetic: false,
        script: slot,
        variables: &[
            ("SATCHEL_COMPONENT_CREDENTIALS", CREDENTIALS),
            ("SATCHEL_PUBLIC_URL", "https://files.example.org/upload"),
            ("SATCHEL_DAILY_QUOTA", "1000000000000"),
        ],
        ..SIGNING
    },
    Subject { function: "upload", operation: "refused token", arithmetic: true, script: refused, ..STORAGE },
    Subject {
        function: "upload",
        operation: "secrets by reference",
        kind: Kind::Referenced,
        script: redirected,
        variables: &[
            ("SATCHEL_UPLOAD_SECRETS", "ssm:/satchel/upload-secrets"),
            // The network excluded: reading the machine's certificates for it is left out as well.
            ("AWS_CA_BUNDLE", concat!(env!("CARGO_MANIFEST_DIR"), "/certificate.pem")),
        ],
        ..STORAGE
    },
    Subject { function: "upload", operation: "redirect", script: redirected, ..STORAGE },
    Subject { function: "upload", operation: "1 KiB stored", script: stored::<SMALL>, ..STORAGE },
    Subject { function: "upload", operation: "4 MiB stored", body: Some(LARGE), script: stored::<LARGE>, ..STORAGE },
    DOWNLOAD,
    Subject { function: "seal", operation: "event", script: sealed, ..STORAGE },
    Subject { function: "resume", operation: "creation", script: begun, ..STORAGE },
    Subject { function: "roster-fetch", operation: "30 contacts", script: fetched, variables: ROSTERS, ..STORAGE },
    Subject { function: "roster-refresh", operation: "one user", script: refreshed, variables: ROSTERS, ..STORAGE },
    Subject { function: "expire", operation: "nothing due", script: expired, variables: &[], ..STORAGE },
];

fn hello(_: &S3<'_>, invokes: usize) -> Result<Script, BenchError> {
    let event = rest("GET", "/upload/hello.txt", &[], &[], None);
    Ok(script(invokes, json!({"statusCode": 200}), move |_| event.clone()))
}

fn slot(_: &S3<'_>, invokes: usize) -> Result<Script, BenchError> {
    let event = slot_request();
    Ok(script(invokes, json!({"statusCode": 200}), move |_| event.clone()))
}

fn refused(_: &S3<'_>, invokes: usize) -> Result<Script, BenchError> {
    let body = vec![7; SMALL];
    let event = rest("PUT", "/upload/u/a.bin", &[("v", &token("u/b.bin", SMALL as u64))], &[], Some(&body));
    Ok(script(invokes, json!({"statusCode": 403}), move |_| event.clone()))
}

fn redirected(_: &S3<'_>, invokes: usize) -> Result<Script, BenchError> {
    let (query, length) = (token("u/a.bin", ANNOUNCED), ANNOUNCED.to_string());
    let event = rest("PUT", "/upload/u/a.bin", &[("v", &query)], &[("Content-Length", &length)], None);
    Ok(script(invokes, json!({"statusCode": 307}), move |_| event.clone()))
}

fn stored<const SIZE: usize>(_: &S3<'_>, invokes: usize) -> Result<Script, BenchError> {
    let body: Vec<u8> = (0_u32..).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).take(SIZE).collect();
    Ok(script(invokes, json!({"statusCode": 201}), move |number| {
        let path = format!("u/{number}.bin");
        rest("PUT", &format!("/upload/{path}"), &[("v", &token(&path, SIZE as u64))], &[], Some(&body))
    }))
}

fn downloaded(s3: &S3<'_>, invokes: usize) -> Result<Script, BenchError> {
    let keys: Vec<Key> = (0..invokes).map(|number| Key::of_upload(&path(number))).collect();
    s3.put(&keys, &Bytes::from_static(&[7; SMALL]))?;
    let script = script(invokes, json!({"statusCode": 307}), |number| {
        rest("GET", &format!("/upload/{}", path(number)), &[], &[], None)
    });
    let redirects = script.check;
    Ok(Script { check: Box::new(move |answer| redirects(answer).and_then(|()| is_presigned(answer))), ..script })
}

/// Whoever makes the URL, in whatever language: it is signed, and says what the answer is to say of itself.
fn is_presigned(answer: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(answer);
    let parts = [
        "/uploads/u/",
        "X-Amz-Signature=",
        "response-cache-control=",
        "response-content-disposition=",
        "response-content-type=",
    ];
    match parts.iter().find(|part| !text.contains(**part)) {
        None => Ok(()),
        Some(part) => Err(format!("answered {text} where a presigned URL should have {part}")),
    }
}

fn sealed(s3: &S3<'_>, invokes: usize) -> Result<Script, BenchError> {
    let granted = (0..invokes).map(|number| Key::of_grant(&grant(number)));
    let keys: Vec<Key> = granted.collect::<Result<_, _>>().map_err(|error| BenchError::S3(error.into()))?;
    let etag = s3.put(&keys, &Bytes::from_static(&[7; SMALL]))?;
    let bucket = s3.bucket();
    Ok(script(invokes, json!({"sealed": 1}), move |number| object_created(bucket, keys[number].as_str(), SMALL, &etag)))
}

fn begun(_: &S3<'_>, invokes: usize) -> Result<Script, BenchError> {
    let event = |number| events::creation(&format!("u/{number}.bin"), ANNOUNCED);
    Ok(script(invokes, json!({"statusCode": 201}), event))
}

fn fetched(s3: &S3<'_>, invokes: usize) -> Result<Script, BenchError> {
    let username = |number| format!("user{number}");
    let key = |number| Username::parse(&username(number)).map(|username| username.key());
    let keys: Vec<Key> =
        (0..invokes).map(key).collect::<Result<_, _>>().map_err(|error| BenchError::S3(error.into()))?;
    s3.put(&keys, &events::roster().into())?;
    Ok(script(invokes, json!({"statusCode": 200}), move |number| events::roster_fetch(&username(number))))
}

fn refreshed(_: &S3<'_>, invokes: usize) -> Result<Script, BenchError> {
    Ok(script(invokes, json!({"statusCode": 200}), |number| events::roster_refresh(&format!("user{number}"))))
}

fn expired(_: &S3<'_>, invokes: usize) -> Result<Script, BenchError> {
    Ok(script(invokes, json!({"complete": true, "errors": 0}), |_| events::hourly()))
}

fn path(number: usize) -> UploadPath {
    UploadPath::parse_decoded(&format!("u/{number}.bin")).unwrap_or_else(|error| unreachable!("{error}"))
}

fn grant(number: usize) -> Grant {
    Grant {
        path: path(number),
        size: SMALL as u64,
        content_type: ContentType::default(),
        expires: None,
        owner: None,
        id: UploadId::from_random([7; 9]),
        token: None,
    }
}

/// `expected` is what each answer must have among its fields.
fn script(invokes: usize, expected: Value, event: impl Fn(usize) -> String + Send + Sync + 'static) -> Script {
    let check = move |answer: &[u8]| {
        let answer: Value = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
        let fields = expected.as_object().into_iter().flatten();
        match fields.into_iter().find(|(name, value)| answer.get(name) != Some(value)) {
            None => Ok(()),
            Some((name, value)) => Err(format!("answered {answer} where {name} should be {value}")),
        }
    };
    Script { event: Box::new(event), invokes, check: Box::new(check) }
}
