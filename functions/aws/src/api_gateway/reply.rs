//! Answers as API Gateway takes them (AWS: "Output format of a Lambda function for proxy integration").

use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderMap;
use lambda_http::{Body, Response};
use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::event::Shape;

/// An answer in the shape of its event.
#[derive(Debug)]
pub struct Reply {
    /// `None` for what all shapes have in common.
    shape: Option<Shape>,
    response: Response<Body>,
}

impl Reply {
    /// Takes the answer to an event of this shape.
    pub fn new(shape: Shape, response: Response<Body>) -> Self {
        Self { shape: Some(shape), response }
    }

    /// Takes the answer to what is no event: a REST API takes no fields that it does not know.
    pub(crate) fn of_any_shape(response: Response<Body>) -> Self {
        Self { shape: None, response }
    }
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut reply = serializer.serialize_struct("Reply", 5)?;
        reply.serialize_field("statusCode", &self.response.status().as_u16())?;
        match self.shape {
            Some(Shape::Rest) => reply.serialize_field("multiValueHeaders", &Multiple(self.response.headers()))?,
            _ => reply.serialize_field("headers", &Single(self.response.headers()))?,
        }
        if self.shape == Some(Shape::Http) {
            // cargo-lambda's emulator wants it.
            reply.serialize_field("cookies", &[(); 0])?;
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
        serializer.collect_map(written(self.0))
    }
}

/// Several lines of one header mean the same as one with commas (RFC 9110, section 5.3); of Set-Cookie, of which that
/// is not true, there is none.
struct Single<'a>(&'a HeaderMap);

impl Serialize for Single<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(written(self.0).map(|(name, values)| (name, values.join(", "))))
    }
}

/// Headers and their values. JSON is UTF-8; a value that is none is left out.
fn written(headers: &HeaderMap) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let text = |name| headers.get_all(name).iter().filter_map(|value| str::from_utf8(value.as_bytes()).ok());
    let all = headers.keys().map(move |name| (name.as_str(), text(name).collect()));
    all.filter(|(_, values): &(_, Vec<_>)| !values.is_empty())
}
