//! A client that changes nothing it is told to send, and follows no redirect unless it is told to.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A request that goes out as it is written here: no normalised path, no added header but Host, Connection and,
/// with a body, Content-Length.
#[derive(Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn body(self, body: &[u8]) -> Self {
        let length = body.len().to_string();
        Self { body: body.to_vec(), ..self }.header("Content-Length", length)
    }

    /// A body that goes out as it is, whatever the headers say about it.
    pub fn raw_body(self, body: &[u8]) -> Self {
        Self { body: body.to_vec(), ..self }
    }

    pub fn head(&self, host: &str) -> Vec<u8> {
        let lines: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (method, target) = (&self.method, &self.target);
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n").into_bytes()
    }

    /// All of it.
    pub fn to_bytes(&self, host: &str) -> Vec<u8> {
        [self.head(host), self.body.clone()].concat()
    }

    pub async fn send_to(&self, host: &str) -> Answer {
        self.send_as(host, host).await
    }

    /// The same under another Host.
    pub async fn send_as(&self, address: &str, host: &str) -> Answer {
        let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
        let (head, body) = (self.head(host), self.body.clone());
        // A refusal may come, and the connection end, while the body is still being sent.
        let sending = tokio::spawn(async move {
            let _ = writer.write_all(&head).await;
            let _ = writer.write_all(&body).await;
            writer
        });
        let answer = Answer::read(&mut reader).await;
        sending.abort();
        answer
    }
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads to the end of the connection.
    pub async fn read(reader: &mut (impl AsyncReadExt + Unpin)) -> Self {
        let mut bytes = Vec::new();
        let _ = reader.read_to_end(&mut bytes).await;
        Self::parse(&bytes).unwrap_or_else(|| panic!("no answer in {:?}", String::from_utf8_lossy(&bytes)))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let mut lines = head.split("\r\n");
        let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        if status == 100 {
            return Self::parse(&bytes[end + 4..]);
        }
        let field = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Some(Self { status, headers: lines.filter_map(field).collect(), body: bytes[end + 4..].to_vec() })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The `code` of a problem document, whose form is checked on the way.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        assert!(problem["detail"].as_str().unwrap().len() > 10 && problem["title"].is_string(), "{problem}");
        problem["code"].as_str().unwrap().to_owned()
    }

    pub fn location(&self) -> url::Url {
        assert_eq!(self.status, 307, "{self:?}");
        self.header("location").unwrap().parse().unwrap()
    }
}

/// Follows a redirect as a client would, with headers of one's own. A file that came at once is what there is.
pub async fn follow(answer: &Answer, method: &str, headers: &[(&str, &str)]) -> Answer {
    follow_with(answer, method, headers, &[]).await
}

/// The same with a body.
pub async fn follow_with(answer: &Answer, method: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    if answer.status == 200 && method == "GET" && headers.is_empty() {
        return answer.clone();
    }
    let url = answer.location();
    let target = &url[url::Position::BeforePath..];
    let mut request = Request::new(method, target);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    if method == "PUT" {
        request = request.body(body);
    }
    request.send_to(&format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())).await
}
