//! Answers as API Gateway takes them (AWS: "Output format of a Lambda function for proxy integration").

use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderMap;
use lambda_http::{Body, Response};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeStruct},
};

use super::event::Shape;

/// An answer in the shape of its event.
#[derive(Debug)]
pub struct Reply {
    shape: Shape,
    response: Response<Body>,
}

impl Reply {
    /// Takes the answer to an event of this shape.
    pub fn new(shape: Shape, response: Response<Body>) -> Self {
        Self { shape, response }
    }
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut reply = serializer.serialize_struct("Reply", 4)?;
        reply.serialize_field("statusCode", &self.response.status().as_u16())?;
        match self.shape {
            Shape::Rest => reply.serialize_field("multiValueHeaders", &Multiple(self.response.headers()))?,
            Shape::Http => reply.serialize_field("headers", &Single(self.response.headers()))?,
        }
        match self.response.body() {
            Body::Text(text) => reply.serialize_field("body", text)?,
            Body::Binary(binary) => reply.serialize_field("body", &BASE64_STANDARD.encode(binary))?,
            _ => {}
        }
        reply.serialize_field("isBase64Encoded", &matches!(self.response.body(), Body::Binary(_)))?;
        reply.end()
    }
}

struct Multiple<'a>(&'a HeaderMap);

impl Serialize for Multiple<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.keys_len()))?;
        for name in self.0.keys() {
            map.serialize_entry(name.as_str(), &values(self.0, name).collect::<Vec<_>>())?;
        }
        map.end()
    }
}

/// Several lines of one header mean the same as one with commas (RFC 9110, section 5.3); of Set-Cookie, of which that
/// is not true, there is none.
struct Single<'a>(&'a HeaderMap);

impl Serialize for Single<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.keys_len()))?;
        for name in self.0.keys() {
            map.serialize_entry(name.as_str(), &values(self.0, name).collect::<Vec<_>>().join(", "))?;
        }
        map.end()
    }
}

/// JSON is UTF-8; a value that is none is left out.
fn values<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
}
