//! IQ stanzas: questions in, answers out (RFC 6120, section 8.2.3).

use crate::stanza::{
    element::{Element, XmlError},
    error::StanzaError,
    markup::Markup,
};

/// The namespaces a server may give a stanza when it stands alone; the first is none.
const STANZA_NAMESPACES: [&str; 4] = ["", "jabber:client", "jabber:component:accept", "jabber:server"];

/// The longest id answered, in bytes.
const MAX_ID_BYTES: usize = 1_024;

/// An IQ that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Iq {
    /// Somebody asks.
    Question(Question),
    /// A result or an error: never answered.
    Answer,
}

/// An IQ of type get or set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What the answer must repeat.
    pub id: String,
    /// Whether it is of type set.
    pub sets: bool,
    /// Its one child.
    pub payload: Element,
}

/// Why XML is no IQ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IqError {
    /// No XML that is read here.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Another element.
    #[error("the stanza is no <iq/>")]
    NotAnIq,
    /// The type is not one of the four.
    #[error("the IQ's type is none of get, set, result and error")]
    Type,
    /// No id, or an endless one.
    #[error("the IQ has no id, or one of more than {MAX_ID_BYTES} bytes")]
    Id,
    /// Not exactly one child.
    #[error("the IQ has no child element, or more than one")]
    Payload,
}

impl Iq {
    /// Reads an IQ.
    ///
    /// # Errors
    /// See [`IqError`].
    pub fn parse(xml: &str) -> Result<Self, IqError> {
        let stanza = Element::parse(xml)?;
        if stanza.name() != "iq" || !STANZA_NAMESPACES.contains(&stanza.namespace()) {
            return Err(IqError::NotAnIq);
        }
        let sets = match stanza.attribute("type") {
            Some("get") => false,
            Some("set") => true,
            Some("result" | "error") => return Ok(Self::Answer),
            _ => return Err(IqError::Type),
        };
        let id = stanza.attribute("id").filter(|id| (1..=MAX_ID_BYTES).contains(&id.len())).ok_or(IqError::Id)?;
        let [payload] = stanza.children() else { return Err(IqError::Payload) };
        Ok(Self::Question(Question { id: id.to_owned(), sets, payload: payload.clone() }))
    }
}

/// Whom an answer goes to: the question's addresses, as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The question's id.
    pub id: String,
    /// Who asks.
    pub from: String,
    /// Who was asked.
    pub to: String,
}

impl Exchange {
    /// The result, with what was asked for.
    #[must_use]
    pub fn result(&self, payload: Option<Markup>) -> String {
        self.answer("result").children(payload).to_xml()
    }

    /// The refusal.
    #[must_use]
    pub fn error(&self, error: &StanzaError) -> String {
        self.answer("error").child(error.to_markup()).to_xml()
    }

    fn answer(&self, kind: &'static str) -> Markup {
        let (from, to) = (self.to.as_str(), self.from.as_str());
        Markup::new("iq").with("type", kind).with("id", self.id.as_str()).with("from", from).with("to", to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_told_from_answers() {
        for namespace in ["", " xmlns='jabber:client'", " xmlns='jabber:component:accept'"] {
            let Iq::Question(question) =
                Iq::parse(&format!("<iq{namespace} type='set' id='1'><a xmlns='b'/></iq>")).unwrap()
            else {
                panic!("{namespace}")
            };
            assert!(question.sets && question.id == "1" && question.payload.is("a", "b"));
        }
        assert_eq!(Iq::parse("<iq type='result' id='1'/>"), Ok(Iq::Answer));
        assert_eq!(Iq::parse("<iq type='error'><a/><error/></iq>"), Ok(Iq::Answer));
    }

    #[test]
    fn malformed_questions_are_refused_with_their_cause() {
        for (xml, cause) in [
            ("<message type='get' id='1'><a/></message>", IqError::NotAnIq),
            ("<iq xmlns='other' type='get' id='1'><a/></iq>", IqError::NotAnIq),
            ("<iq id='1'><a/></iq>", IqError::Type),
            ("<iq type='GET' id='1'><a/></iq>", IqError::Type),
            ("<iq type='get'><a/></iq>", IqError::Id),
            ("<iq type='get' id=''><a/></iq>", IqError::Id),
            ("<iq type='get' id='1'/>", IqError::Payload),
            ("<iq type='get' id='1'><a/><b/></iq>", IqError::Payload),
            ("<iq type='get' id='1'>", IqError::Xml(XmlError::Syntax { at: 22 })),
        ] {
            assert_eq!(Iq::parse(xml), Err(cause), "{xml}");
        }
    }
}
