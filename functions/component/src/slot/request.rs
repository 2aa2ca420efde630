//! Slot requests, answers and errors in the two namespaces that clients use.

use satchel_core::{date_time, purpose::Purpose, time::Timestamp};

use super::{domains::Service, granting::SlotRequest, refusal::SlotRefusal};
use crate::stanza::{
    element::Element,
    error::{ErrorType, StanzaError},
    markup::Markup,
};

/// Where a client sends its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutAddress {
    /// The URL.
    pub url: String,
    /// A token for its Authorization header, where the URL has none in it.
    pub bearer: Option<String>,
}

/// The namespace of purposes (XEP-0363, section 5).
pub const PURPOSE: &str = "urn:xmpp:http:upload:purpose:0";

/// Which form of XEP-0363 a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadNamespace {
    /// `urn:xmpp:http:upload:0`: attributes.
    Current,
    /// `urn:xmpp:http:upload`, of version 0.2: child elements.
    Legacy,
}

impl UploadNamespace {
    /// Both, the current one first.
    pub const ALL: [Self; 2] = [Self::Current, Self::Legacy];

    /// The namespace's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "urn:xmpp:http:upload:0",
            Self::Legacy => "urn:xmpp:http:upload",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// Reads a `<request/>`.
    ///
    /// # Errors
    /// An expiry that is missing or no date.
    pub(super) fn request<'a>(
        self,
        request: &'a Element,
        from: &'a str,
        service: Service<'a>,
    ) -> Result<SlotRequest<'a>, SlotRefusal> {
        let value = |name| self.value(request, name);
        let (purpose, expire_before) = purpose(request)?;
        Ok(SlotRequest {
            from,
            service,
            file_name: value("filename"),
            size: value("size"),
            content_type: value("content-type"),
            purpose,
            expire_before,
        })
    }

    /// What a `<request/>` says under a name.
    pub(super) fn value<'a>(self, request: &'a Element, name: &str) -> Option<&'a str> {
        match self {
            Self::Current => request.attribute(name),
            Self::Legacy => request.child(name, self.as_str()).map(Element::text),
        }
    }

    /// A `<slot/>`. The legacy form has no headers (XEP-0363, version 0.2).
    pub(super) fn slot(self, put: &PutAddress, get_url: &str) -> Markup {
        let url = |name, url: &str| match self {
            Self::Current => Markup::new(name).with("url", url),
            Self::Legacy => Markup::new(name).text(url),
        };
        let header = |bearer| Markup::new("header").with("name", "Authorization").text(format!("Bearer {bearer}"));
        let put = url("put", &put.url).children(put.bearer.as_ref().map(header));
        Markup::qualified("slot", self.as_str()).child(put).child(url("get", get_url))
    }

    /// The error that XEP-0363, section 6, has for a refusal, else RFC 6120's (section 8.3.3).
    pub(super) fn error(self, refusal: &SlotRefusal) -> StanzaError {
        let (kind, condition) = match refusal {
            SlotRefusal::Address => (ErrorType::Modify, "jid-malformed"),
            SlotRefusal::Domain => (ErrorType::Auth, "forbidden"),
            SlotRefusal::TooLarge { .. } => (ErrorType::Modify, "not-acceptable"),
            SlotRefusal::Purpose => (ErrorType::Cancel, "feature-not-implemented"),
            SlotRefusal::Quota(_) => (ErrorType::Wait, "resource-constraint"),
            SlotRefusal::Size
            | SlotRefusal::FileNameMissing
            | SlotRefusal::FileName(_)
            | SlotRefusal::ContentType(_)
            | SlotRefusal::Expiry => (ErrorType::Modify, "bad-request"),
        };
        let detail = match refusal {
            SlotRefusal::TooLarge { max_size } => Some(self.file_too_large(*max_size)),
            SlotRefusal::Quota(reached) => Some(self.retry(reached.retry)),
            _ => None,
        };
        StanzaError { detail, ..StanzaError::new(kind, condition, refusal.to_string()) }
    }

    fn retry(self, at: Timestamp) -> Markup {
        Markup::qualified("retry", self.as_str()).with("stamp", date_time::format(at))
    }

    fn file_too_large(self, max_size: u64) -> Markup {
        let max_file_size = Markup::new("max-file-size").text(max_size.to_string());
        Markup::qualified("file-too-large", self.as_str()).child(max_file_size)
    }
}

/// Elements of unknown names are ignored, as everywhere in XMPP (RFC 6120, section 8.4).
fn purpose(request: &Element) -> Result<(Purpose, Option<Timestamp>), SlotRefusal> {
    let asked = request.children().iter().find(|child| child.namespace() == PURPOSE);
    let Some((element, purpose)) = asked.and_then(|element| Some((element, Purpose::named(element.name())?))) else {
        return Ok((Purpose::Message, None));
    };
    if purpose != Purpose::Ephemeral {
        return Ok((purpose, None));
    }
    let stamp = element.attribute("expire-before").map(str::trim);
    let expire_before = stamp.and_then(date_time::parse).ok_or(SlotRefusal::Expiry)?;
    Ok((purpose, Some(expire_before)))
}
