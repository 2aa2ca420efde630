//! The decision about what mod_component_http posts: which stanza is answered, and with what.

use std::iter;

use satchel_core::{grant::OwnerId, purpose::Purpose, time::Timestamp};
use serde::Deserialize;

use crate::{
    chat::commands::{Chat, Command, MessageType},
    reply::Reply,
    slot::{self, Chance, GrantedSlot, RefusedSlot, Service, SlotPolicy, UploadNamespace, component_host},
    stanza::{
        element::{Element, XmlError},
        error::{ErrorType, StanzaError},
        iq::{Exchange, Iq, IqError, Question},
        markup::Markup,
    },
};

const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
const PING: &str = "urn:xmpp:ping";
const VERSION: &str = "jabber:iq:version";

/// What Prosody's mod_component_http posts, as far as it counts.
#[derive(Debug, Clone, Deserialize)]
pub struct Envelope {
    /// Whom the stanza is for.
    to: String,
    /// Who sent it; the server vouches for it.
    from: String,
    /// The stanza's name.
    kind: Kind,
    /// A message's text.
    body: Option<String>,
    /// The stanza's XML.
    stanza: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Iq,
    Message,
    Presence,
}

/// Why a posted request is no stanza (400).
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not the JSON of mod_component_http.
    #[error("the body is not JSON with 'to', 'from', 'kind' (iq, message or presence) and 'stanza'")]
    Json(#[source] serde_json::Error),
    /// The stanza in it is none.
    #[error(transparent)]
    Iq(#[from] IqError),
    /// The message in it is none.
    #[error(transparent)]
    Message(#[from] XmlError),
}

impl EnvelopeError {
    /// Stable, for logs and programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Json(_) => "json_malformed",
            Self::Iq(_) | Self::Message(_) => "stanza_malformed",
        }
    }
}

impl Envelope {
    /// Reads a request's body.
    ///
    /// # Errors
    /// [`EnvelopeError::Json`].
    pub fn parse(body: &[u8]) -> Result<Self, EnvelopeError> {
        serde_json::from_slice(body).map_err(EnvelopeError::Json)
    }
}

/// What to do about a stanza.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it asks for no answer.
    Silence,
    /// Send this stanza.
    Reply(Reply),
    /// Sign this slot's PUT, then send [`GrantedSlot::reply`].
    Grant(Box<GrantedSlot>),
    /// Send [`RefusedSlot::reply`], which is a refusal though its status is 200.
    Refuse(Box<RefusedSlot>),
    /// Answer this message.
    Chat(Chat),
}

/// Decides about a stanza. Presences are not even read.
///
/// # Errors
/// [`EnvelopeError::Iq`], [`EnvelopeError::Message`].
pub fn decide(
    envelope: &Envelope,
    policy: &SlotPolicy,
    now: Timestamp,
    chance: &Chance,
) -> Result<Decision, EnvelopeError> {
    match envelope.kind {
        Kind::Presence => Ok(Decision::Silence),
        Kind::Message => message(envelope, policy),
        Kind::Iq => iq(envelope, policy, now, chance),
    }
}

/// Strangers are not answered: a service that does is a way to make others send messages.
fn message(envelope: &Envelope, policy: &SlotPolicy) -> Result<Decision, EnvelopeError> {
    let stanza = Element::parse(&envelope.stanza)?;
    let account = component_host(&envelope.to)
        .and_then(|component| policy.account(&envelope.from, Service::Component(component.domain())));
    let body = envelope.body.as_deref().filter(|body| !body.trim().is_empty());
    let (Some(kind), Ok(account), Some(body)) = (MessageType::of(stanza.attribute("type")), account, body) else {
        return Ok(Decision::Silence);
    };
    let owners = policy.owner_keys.iter().map(|key| OwnerId::of_bare_jid(account.as_str(), key)).collect();
    Ok(Decision::Chat(Chat { command: Command::parse(body), owners, kind }))
}

fn iq(envelope: &Envelope, policy: &SlotPolicy, now: Timestamp, chance: &Chance) -> Result<Decision, EnvelopeError> {
    let Iq::Question(question) = Iq::parse(&envelope.stanza)? else { return Ok(Decision::Silence) };
    let exchange = Exchange { id: question.id.clone(), from: envelope.from.clone(), to: envelope.to.clone() };
    Ok(match Query::of(&question) {
        Query::Slot(namespace) => {
            let decided = slot::decide_question(exchange, namespace, &question, policy, now, chance);
            decided.map_or_else(|refused| Decision::Refuse(Box::new(refused)), |slot| Decision::Grant(Box::new(slot)))
        }
        query => Decision::Reply(described(&exchange, &query, policy)),
    })
}

/// What is asked.
enum Query {
    Info,
    Items,
    Ping,
    Version,
    Slot(UploadNamespace),
    /// Of a disco node; there are none.
    Node,
    Unknown,
}

impl Query {
    fn of(question: &Question) -> Self {
        let payload = &question.payload;
        if question.sets {
            return Self::Unknown;
        }
        let of_node = payload.attribute("node").is_some_and(|node| !node.is_empty());
        match (payload.name(), payload.namespace()) {
            ("query", DISCO_INFO | DISCO_ITEMS) if of_node => Self::Node,
            ("query", DISCO_INFO) => Self::Info,
            ("query", DISCO_ITEMS) => Self::Items,
            ("query", VERSION) => Self::Version,
            ("ping", PING) => Self::Ping,
            ("request", namespace) => UploadNamespace::named(namespace).map_or(Self::Unknown, Self::Slot),
            _ => Self::Unknown,
        }
    }
}

fn described(exchange: &Exchange, query: &Query, policy: &SlotPolicy) -> Reply {
    let result = |payload, code| Reply { stanza: exchange.result(payload), code };
    match query {
        Query::Info => result(Some(info(policy)), "disco_info"),
        Query::Items => result(Some(Markup::qualified("query", DISCO_ITEMS)), "disco_items"),
        Query::Ping => result(None, "ping"),
        Query::Version => result(Some(version()), "version"),
        Query::Node => refused(exchange, "item-not-found", "there is no such node"),
        Query::Unknown | Query::Slot(_) => refused(exchange, "service-unavailable", "this is a file upload service"),
    }
}

fn refused(exchange: &Exchange, condition: &'static str, text: &str) -> Reply {
    let error = StanzaError::new(ErrorType::Cancel, condition, text);
    Reply { stanza: exchange.error(&error), code: "query_refused" }
}

/// XEP-0363, section 3, for both namespaces.
fn info(policy: &SlotPolicy) -> Markup {
    let identity = Markup::new("identity").with("category", "store").with("type", "file");
    let namespaces = UploadNamespace::ALL.map(UploadNamespace::as_str);
    let purposes = iter::once(Purpose::Message).chain(policy.purposes.iter().copied());
    let features = [DISCO_INFO, DISCO_ITEMS].into_iter().chain(namespaces).chain([PING, VERSION]);
    let features = features.map(str::to_owned);
    Markup::qualified("query", DISCO_INFO)
        .child(identity.with("name", "HTTP File Upload"))
        .children(
            features.chain(purposes.map(purpose_feature)).map(|feature| Markup::new("feature").with("var", feature)),
        )
        .children(namespaces.map(|namespace| form(namespace, policy.max_size)))
}

/// XEP-0363, section 5.
fn purpose_feature(purpose: Purpose) -> String {
    format!("{}#{}", slot::PURPOSE, purpose.as_str())
}

/// Extended information (XEP-0128).
fn form(form_type: &str, max_size: u64) -> Markup {
    let field =
        |name: &str, value: String| Markup::new("field").with("var", name).child(Markup::new("value").text(value));
    Markup::qualified("x", "jabber:x:data")
        .with("type", "result")
        .child(field("FORM_TYPE", form_type.to_owned()).with("type", "hidden"))
        .child(field("max-file-size", max_size.to_string()))
}

/// XEP-0092.
fn version() -> Markup {
    Markup::qualified("query", VERSION)
        .child(Markup::new("name").text("Satchel"))
        .child(Markup::new("version").text(env!("CARGO_PKG_VERSION")))
}

#[cfg(test)]
mod tests;
