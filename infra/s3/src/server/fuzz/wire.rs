//! A request as bytes, and everything that happens to it.

use aws_sdk_s3::presigning::PresignedRequest;
use http::{HeaderName, HeaderValue, Request};
use s3s::Body;

/// Where all is that may be asked for.
pub(super) const BUCKET: &str = "satchel";

/// splitmix64: every seed gives another sequence, and all of them good ones.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// A request as it goes over the wire.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<String>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Wire {
    pub(super) fn of(presigned: &PresignedRequest, body: &str) -> Self {
        let rest = presigned.uri().strip_prefix("http://127.0.0.1:9").unwrap();
        let (path, query) = rest.split_once('?').unwrap();
        let headers = presigned.headers().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let host = [("host".to_owned(), b"127.0.0.1:9".to_vec())];
        Self {
            method: presigned.method().to_owned(),
            path: path.to_owned(),
            query: query.split('&').map(str::to_owned).collect(),
            headers: host.into_iter().chain(headers).collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    /// `None` for what is no HTTP at all.
    pub(super) fn request(&self) -> Option<Request<Body>> {
        let uri = format!("{}?{}", self.path, self.query.join("&"));
        let mut request = Request::builder().method(self.method.as_str()).uri(uri).body(Body::from(self.body.clone()));
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            let value = HeaderValue::from_bytes(value.trim_ascii()).ok()?;
            request.as_mut().ok()?.headers_mut().append(name, value);
        }
        request.ok()
    }
}

const PARAMETERS: [&str; 34] = [
    "acl",
    "tagging",
    "uploads",
    "uploadId=x",
    "partNumber=1",
    "versionId=null",
    "versionId=x",
    "retention",
    "delete",
    "legal-hold",
    "torrent",
    "attributes",
    "restore",
    "cors",
    "lifecycle",
    "policy",
    "location",
    "list-type=2",
    "prefix=",
    "x-id=CopyObject",
    "response-content-type=text/html",
    "response-content-disposition=inline",
    "Signature=x",
    "AWSAccessKeyId=AK",
    "X-Amz-Expires=604800",
    "X-Amz-SignedHeaders=host",
    "X-Amz-Signature=x",
    "x-amz-acl=public-read",
    "x-amz-copy-source=%2Fsatchel%2Frosters%2Fvictim",
    "X-Amz-Security-Token=x",
    "X-Amz-Content-Sha256=x",
    "",
    "=",
    "a=%ff",
];
const LINES: [(&str, &[u8]); 43] = [
    ("x-amz-copy-source", b"/satchel/rosters/victim"),
    ("x-amz-copy-source", b"\xff"),
    ("X-Amz-Copy-Source", b"satchel/rosters/victim"),
    ("x-amz-copy-source-range", b"bytes=0-1"),
    ("x-amz-metadata-directive", b"REPLACE"),
    ("x-amz-meta-owner", b"mallory"),
    ("x-amz-meta-owner", b"\xff"),
    ("x-amz-meta-more", b"x"),
    ("x-amz-acl", b"public-read"),
    ("x-amz-tagging", b"a=b"),
    ("x-amz-storage-class", b"GLACIER"),
    ("x-amz-write-offset-bytes", b"5"),
    ("x-amz-decoded-content-length", b"5"),
    ("x-amz-trailer", b"x-amz-checksum-crc32"),
    ("x-amz-content-sha256", b"UNSIGNED-PAYLOAD"),
    ("x-amz-content-sha256", b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
    ("x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
    ("x-amz-date", b"20260101T000000Z"),
    ("x-amz-request-route", b"x"),
    ("x-amz-request-token", b"x"),
    ("authorization", b"AWS AK:x"),
    ("authorization", b"Bearer x"),
    ("authorization", b"\xff"),
    ("authorization", b""),
    (
        "authorization",
        b"AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x",
    ),
    ("x-http-method-override", b"DELETE"),
    ("x-method-override", b"PUT"),
    ("content-type", b"text/html"),
    ("content-type", b"\xff"),
    ("content-type", b"multipart/form-data; boundary=x"),
    ("content-disposition", b"inline"),
    ("content-disposition", b"b.png\""),
    ("content-encoding", b"aws-chunked"),
    ("content-md5", b"XUFAKrxLKna5cZ2REBfFkg=="),
    ("content-length", b"6"),
    ("content-range", b"bytes 0-4/5"),
    ("if-none-match", b"\xff"),
    ("if-none-match", b"\"x\""),
    ("if-match", b"*"),
    ("if-modified-since", b"Tue, 14 Nov 2023 22:13:19 GMT"),
    ("range", b"bytes=1-2"),
    ("host", b"elsewhere"),
    ("transfer-encoding", b"chunked"),
];
const METHODS: [&str; 8] = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "put"];
const KEYS: [&str; 6] = ["rosters/victim", "uploads/there", "uploads/open", "incoming/other", "", "rosters%2Fvictim"];
/// White space to one reader or another, and bytes that are none.
const SPACES: [&[u8]; 8] =
    [b" ", b"\t", "\u{a0}".as_bytes(), "\u{2003}".as_bytes(), "\u{85}".as_bytes(), b"\xff", b",", b";"];

fn escape(dice: &mut Dice, text: &str) -> String {
    let places: Vec<_> =
        text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_alphanumeric() || *byte == b'-').collect();
    if places.is_empty() {
        return text.to_owned();
    }
    let (at, byte) = dice.pick(&places);
    let escaped = if dice.below(2) == 0 { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
    format!("{}{escaped}{}", &text[..at], &text[at + 1..])
}

/// One change, anywhere.
pub(super) fn mutate(dice: &mut Dice, wire: &mut Wire) {
    match dice.below(10) {
        0..4 => mutate_query(dice, &mut wire.query),
        4..8 => mutate_headers(dice, &mut wire.headers),
        8 => match dice.below(4) {
            0 => wire.method = dice.pick(&METHODS).to_owned(),
            1 => wire.body = b"hellO".to_vec(),
            2 => wire.body.clear(),
            _ => wire.body.extend_from_slice(b"more"),
        },
        _ => match dice.below(5) {
            0 => wire.path = escape(dice, &wire.path),
            1 => wire.path = format!("/{BUCKET}/{}", dice.pick(&KEYS)),
            2 => wire.path = wire.path.replacen('/', dice.pick(&["//", "%2F", "/./", "/../"]), 1 + dice.below(2)),
            3 => wire.path.push_str(dice.pick(&["/", "%00", "%20", "+", "=", "%2F..%2Fvictim", "%C3%BC"])),
            _ => wire.path = format!("http://elsewhere{}", wire.path),
        },
    }
}

fn mutate_query(dice: &mut Dice, query: &mut Vec<String>) {
    let at = dice.below(query.len());
    let (name, value) = query[at].split_once('=').unwrap_or((&query[at], ""));
    let (name, value) = (name.to_owned(), value.to_owned());
    match dice.below(10) {
        0..3 => query[at] = format!("{}={value}", escape(dice, &name)),
        3 => query[at] = format!("{name}={}", escape(dice, &value)),
        4 => {
            query[at] =
                format!("{}={value}", if dice.below(2) == 0 { name.to_lowercase() } else { name.to_uppercase() });
        }
        5 => query[at] = dice.pick(&["%20", "+", "%2B", "%ff", "%00"]).to_owned() + &query[at],
        6 => drop(query.swap_remove(at)),
        7 => {
            let name = if dice.below(2) == 0 { name.clone() } else { escape(dice, &name) };
            let value = dice.pick(&["", "inline", "host", "text/html", &value]).to_owned();
            query.insert(dice.below(query.len()), format!("{name}={value}"));
        }
        _ => query.insert(dice.below(query.len() + 1), dice.pick(&PARAMETERS).to_owned()),
    }
    if query.is_empty() {
        query.push(String::new());
    }
}

fn mutate_headers(dice: &mut Dice, headers: &mut Vec<(String, Vec<u8>)>) {
    let at = dice.below(headers.len());
    let (name, value) = headers[at].clone();
    match dice.below(8) {
        // A line before or after the signed one.
        0 => {
            let value = dice.pick(&[b"\xff".as_slice(), b"*", b"", b"inline", b"mallory", value.as_slice()]).to_vec();
            headers.insert(at + dice.below(2), (name, value));
        }
        1 | 2 => {
            let place = dice.below(value.len() + 1);
            headers[at].1.splice(place..place, dice.pick(&SPACES).iter().copied());
        }
        // One line as two, which a signature joins.
        3 => {
            let place = value.iter().position(|byte| *byte == b',').unwrap_or(value.len());
            headers[at].1.truncate(place);
            headers.insert(at + 1, (name, value[value.len().min(place + 1)..].to_vec()));
        }
        4 if headers.len() > 1 => drop(headers.remove(at)),
        5 => headers[at].0 = name.to_uppercase(),
        _ => {
            let (name, value) = dice.pick(&LINES);
            headers.insert(dice.below(headers.len() + 1), (name.to_owned(), value.to_vec()));
        }
    }
}
