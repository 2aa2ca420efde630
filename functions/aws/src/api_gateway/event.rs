//! Events of REST APIs (payload format 1.0), HTTP APIs and function URLs (2.0), read in one pass.

use std::{borrow::Cow, collections::HashMap, fmt, marker::PhantomData};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use lambda_http::{
    Body, Request, RequestExt,
    aws_lambda_events::{
        apigw::{ApiGatewayProxyRequestContext, ApiGatewayV2httpRequestContext},
        query_map::QueryMap,
    },
    request::RequestContext,
};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::{Event, body::Content};

/// How an event is written, and its answer is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Payload format 1.0 (AWS: "Input format of a Lambda function for proxy integration").
    Rest,
    /// Payload format 2.0 (AWS: "Create AWS Lambda proxy integrations for HTTP APIs").
    Http,
}

/// Why JSON is no event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not the JSON of one of the shapes.
    #[error("this is no event of API Gateway or a function URL: {0}")]
    Json(#[from] serde_json::Error),
    /// Not even text.
    #[error("this is no event: it is not UTF-8")]
    Text,
    /// Neither `httpMethod`, there and in `requestContext`, nor `requestContext.http.method`; or no method.
    #[error("the event has no HTTP method")]
    Method,
    /// A name or value that HTTP does not allow.
    #[error("the event has a header that is none")]
    Header,
    /// Says so and is not.
    #[error("the event's body is not base64")]
    Base64,
}

pub(super) fn parse(json: Vec<u8>) -> Result<Event, EventError> {
    // All of it at once, instead of string by string.
    let text = str::from_utf8(&json).map_err(|_| EventError::Text)?;
    let mut wire = serde_json::from_str::<Wire<'_>>(text)?;
    let base64 = wire.is_base64_encoded.unwrap_or_default();
    let body = Content::of(wire.body.take().map(|text| text.0), base64, &json);
    let mut event = wire.into_event()?;
    *event.request.body_mut() = body.into_body(json)?;
    Ok(event)
}

/// What counts of an event, borrowed from its bytes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    http_method: Option<Text<'a>>,
    #[serde(borrow)]
    path: Option<Text<'a>>,
    #[serde(borrow)]
    raw_path: Option<Text<'a>>,
    #[serde(borrow)]
    raw_query_string: Option<Text<'a>>,
    #[serde(borrow)]
    headers: Option<Pairs<'a, Text<'a>>>,
    #[serde(borrow)]
    multi_value_headers: Option<Pairs<'a, Vec<Text<'a>>>>,
    #[serde(borrow)]
    query_string_parameters: Option<Pairs<'a, Text<'a>>>,
    #[serde(borrow)]
    multi_value_query_string_parameters: Option<Pairs<'a, Vec<Text<'a>>>>,
    #[serde(borrow)]
    request_context: Context<'a>,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    is_base64_encoded: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    #[serde(borrow)]
    stage: Option<Text<'a>>,
    #[serde(borrow)]
    request_id: Option<Text<'a>>,
    #[serde(borrow)]
    domain_name: Option<Text<'a>>,
    #[serde(borrow)]
    path: Option<Text<'a>>,
    http_method: Option<IgnoredAny>,
    #[serde(borrow)]
    http: Option<Description<'a>>,
}

#[derive(Deserialize)]
struct Description<'a> {
    #[serde(borrow)]
    method: Text<'a>,
}

impl Wire<'_> {
    /// The event without its body.
    fn into_event(mut self) -> Result<Event, EventError> {
        // A load balancer's events have a method as well, but not in their context, and are another shape.
        let of_rest = self.http_method.take().filter(|_| self.request_context.http_method.is_some());
        let shape = if of_rest.is_some() { Shape::Rest } else { Shape::Http };
        let described = self.request_context.http.take().map(|http| http.method);
        let method = of_rest.or(described).ok_or(EventError::Method)?;
        let method = Method::from_bytes(method.0.as_bytes()).map_err(|_| EventError::Method)?;
        let query = self.query(shape);
        let path = if shape == Shape::Rest { self.path.take() } else { self.raw_path.take() };
        let context = context(shape, self.request_context);
        let headers = headers(self.headers, self.multi_value_headers)?;
        let mut request = Request::new(Body::Empty)
            .with_raw_http_path(path.map(Text::into_owned).unwrap_or_default())
            .with_query_string_parameters(query)
            .with_request_context(context);
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        Ok(Event { request, shape })
    }

    /// REST APIs decode the parameters; the others pass them on as they came, and a map that is of no use
    /// (<https://github.com/aws/aws-lambda-rust-runtime/issues/470>).
    fn query(&mut self, shape: Shape) -> QueryMap {
        match (shape, self.multi_value_query_string_parameters.take(), self.raw_query_string.take()) {
            (Shape::Http, _, Some(raw)) => raw.0.parse().unwrap_or_default(),
            (_, Some(multiple), _) if !multiple.0.is_empty() => {
                let owned = |(name, values): (Text<'_>, Vec<Text<'_>>)| {
                    (name.into_owned(), values.into_iter().map(Text::into_owned).collect())
                };
                multiple.0.into_iter().map(owned).collect::<HashMap<String, Vec<String>>>().into()
            }
            _ => {
                let single = self.query_string_parameters.take().map(|pairs| pairs.0).unwrap_or_default();
                let owned = |(name, value): (Text<'_>, Text<'_>)| (name.into_owned(), vec![value.into_owned()]);
                single.into_iter().map(owned).collect::<HashMap<String, Vec<String>>>().into()
            }
        }
    }
}

/// Where both maps have a header, the single value counts, which is the last one.
fn headers(
    single: Option<Pairs<'_, Text<'_>>>,
    multiple: Option<Pairs<'_, Vec<Text<'_>>>>,
) -> Result<HeaderMap, EventError> {
    let (single, multiple) = (single.map(|it| it.0).unwrap_or_default(), multiple.map(|it| it.0).unwrap_or_default());
    let mut headers = HeaderMap::with_capacity(single.len().max(multiple.len()));
    for (name, value) in single {
        headers.insert(header_name(&name)?, header_value(&value)?);
    }
    // Both maps have the same names, unless something before API Gateway made the event.
    let mut others = HeaderMap::new();
    for (name, values) in multiple {
        let name = header_name(&name)?;
        if headers.contains_key(&name) {
            continue;
        }
        for value in values {
            others.append(&name, header_value(&value)?);
        }
    }
    headers.extend(others);
    Ok(headers)
}

fn header_name(name: &Text<'_>) -> Result<HeaderName, EventError> {
    HeaderName::from_bytes(name.0.as_bytes()).map_err(|_| EventError::Header)
}

fn header_value(value: &Text<'_>) -> Result<HeaderValue, EventError> {
    HeaderValue::from_str(&value.0).map_err(|_| EventError::Header)
}

fn context(shape: Shape, context: Context<'_>) -> RequestContext {
    let owned = |text: Option<Text<'_>>| text.map(Text::into_owned);
    let Context { stage, request_id, domain_name, path, .. } = context;
    let (stage, request_id, domain_name) = (owned(stage), owned(request_id), owned(domain_name));
    match shape {
        Shape::Rest => {
            let mut context = ApiGatewayProxyRequestContext::default();
            (context.stage, context.request_id, context.domain_name) = (stage, request_id, domain_name);
            context.path = owned(path);
            RequestContext::ApiGatewayV1(context)
        }
        Shape::Http => {
            let mut context = ApiGatewayV2httpRequestContext::default();
            (context.stage, context.request_id, context.domain_name) = (stage, request_id, domain_name);
            RequestContext::ApiGatewayV2(context)
        }
    }
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    fn into_owned(self) -> String {
        self.0.into_owned()
    }
}

/// A map in the order of the document.
struct Pairs<'a, V>(Vec<(Text<'a>, V)>);

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Pairs<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<'a, V>(PhantomData<(&'a (), V)>);

impl<'de: 'a, 'a, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<'a, V> {
    type Value = Pairs<'a, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}
