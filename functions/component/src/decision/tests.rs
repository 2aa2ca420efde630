//! Stanzas in, stanzas out: tables of questions, and properties of every answer.

use proptest::prelude::*;
use satchel_core::{
    retention::Retention,
    secret::{Secret, Secrets},
    time::Timestamp,
};
use serde_json::json;

use super::*;
use crate::{
    ledger::QuotaReached,
    slot::{AllowedDomains, PutAddress},
    stanza::element::Element,
};

mod messages;
mod slots;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
const ROMEO: &str = "romeo@example.org/garden";
const UPLOAD: &str = "upload.example.org";
const CURRENT: &str = "urn:xmpp:http:upload:0";
const LEGACY: &str = "urn:xmpp:http:upload";
const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

fn policy() -> SlotPolicy {
    SlotPolicy {
        max_size: 20_000,
        daily_quota: None,
        retention: Retention::default(),
        purposes: vec![Purpose::Ephemeral, Purpose::Profile],
        domains: AllowedDomains::default(),
        owner_keys: Secrets::parse("key\nprevious").unwrap(),
    }
}

fn envelope(from: &str, to: &str, kind: &str, stanza: &str) -> Vec<u8> {
    json!({ "to": to, "from": from, "kind": kind, "stanza": stanza }).to_string().into_bytes()
}

fn decided(body: &[u8]) -> Result<Decision, EnvelopeError> {
    decide(&Envelope::parse(body)?, &policy(), &Moment { now: NOW, random: [0; 27] })
}

fn iq(payload: &str) -> String {
    format!("<iq type='get' id='step_03' from='{ROMEO}' to='{UPLOAD}'>{payload}</iq>")
}

/// The stanza that answers, where one does.
fn answer(body: &[u8]) -> Option<Element> {
    let xml = match decided(body).unwrap() {
        Decision::Silence | Decision::Chat(_) => return None,
        Decision::Reply(reply) => reply.stanza,
        Decision::Refuse(refused) => refused.reply.stanza,
        Decision::Grant(granted) => {
            let get_url = granted.slot.get_url("https://files.example.org/");
            let put = PutAddress { url: "https://s3.example/put?a=1&b=2".into(), bearer: None };
            granted.reply(&put, &get_url).stanza
        }
    };
    Some(Element::parse(&xml).unwrap())
}

fn answered(payload: &str) -> Element {
    answer(&envelope(ROMEO, UPLOAD, "iq", &iq(payload))).unwrap()
}

fn condition(stanza: &Element) -> (&str, &str) {
    let error = stanza.child("error", "").unwrap();
    assert_eq!(error.children()[0].namespace(), STANZAS);
    assert!(!error.child("text", STANZAS).unwrap().text().is_empty());
    (error.attribute("type").unwrap(), error.children()[0].name())
}

#[test]
fn an_answer_has_the_questions_id_and_its_addresses_swapped() {
    for payload in
        ["<ping xmlns='urn:xmpp:ping'/>", "<other xmlns='else'/>", "<request xmlns='urn:xmpp:http:upload:0'/>"]
    {
        let answer = answered(payload);
        assert!(answer.is("iq", ""));
        assert_eq!(answer.attribute("id"), Some("step_03"));
        assert_eq!((answer.attribute("from"), answer.attribute("to")), (Some(UPLOAD), Some(ROMEO)));
    }
}

#[test]
fn disco_info_announces_the_service_in_both_namespaces() {
    let answer = answered(&format!("<query xmlns='{DISCO_INFO}'/>"));
    let query = answer.child("query", DISCO_INFO).unwrap();
    let identity = query.child("identity", DISCO_INFO).unwrap();
    assert_eq!((identity.attribute("category"), identity.attribute("type")), (Some("store"), Some("file")));
    let features: Vec<_> = query.children().iter().filter(|child| child.name() == "feature").collect();
    for feature in [DISCO_INFO, CURRENT, LEGACY, PING, VERSION] {
        assert!(features.iter().any(|known| known.attribute("var") == Some(feature)), "{feature}");
    }
    for (purpose, offered) in [("message", true), ("ephemeral", true), ("profile", true), ("permanent", false)] {
        let feature = format!("urn:xmpp:http:upload:purpose:0#{purpose}");
        assert_eq!(features.iter().any(|known| known.attribute("var") == Some(&feature)), offered, "{purpose}");
    }
    let forms: Vec<_> = query.children().iter().filter(|child| child.is("x", "jabber:x:data")).collect();
    for (form, namespace) in forms.iter().zip([CURRENT, LEGACY]) {
        let values: Vec<_> = form.children().iter().map(|field| field.children()[0].text()).collect();
        assert_eq!((form.attribute("type"), values.as_slice()), (Some("result"), [namespace, "20000"].as_slice()));
        assert_eq!(form.children()[1].attribute("var"), Some("max-file-size"));
    }
    assert_eq!(forms.len(), 2);
}

#[test]
fn small_questions_have_small_answers() {
    let items = answered(&format!("<query xmlns='{DISCO_ITEMS}'/>"));
    assert!(items.child("query", DISCO_ITEMS).unwrap().children().is_empty());
    let ping = answered("<ping xmlns='urn:xmpp:ping'/>");
    assert!(ping.attribute("type") == Some("result") && ping.children().is_empty());
    let version = answered("<query xmlns='jabber:iq:version'/>");
    assert_eq!(version.child("query", VERSION).unwrap().child("name", VERSION).unwrap().text(), "Satchel");
}

#[test]
fn sets_are_not_answered_with_results() {
    let stanza = iq(&format!("<query xmlns='{DISCO_INFO}'/>")).replace("'get'", "'set'");
    assert_eq!(condition(&answer(&envelope(ROMEO, UPLOAD, "iq", &stanza)).unwrap()), ("cancel", "service-unavailable"));
}

#[test]
fn what_is_no_envelope_or_stanza_is_malformed() {
    let code = |body: &[u8]| decided(body).unwrap_err().code();
    for body in ["", "{", "[]", "null", "{\"to\":\"a\",\"from\":\"b\",\"stanza\":\"\"}"] {
        assert_eq!(code(body.as_bytes()), "json_malformed", "{body}");
    }
    assert_eq!(code(b"\xff"), "json_malformed");
    assert_eq!(code(&envelope("a", "b", "other", "<iq/>")), "json_malformed");
    assert_eq!(code("[".repeat(100_000).as_bytes()), "json_malformed");
    for stanza in ["", "<message", "<!DOCTYPE a><message/>"] {
        assert_eq!(code(&envelope("a", "b", "message", stanza)), "stanza_malformed", "{stanza}");
    }
    for stanza in ["", "<iq", "<message/>", "<iq type='get' id='1'/>", "<!DOCTYPE a><iq/>"] {
        assert_eq!(code(&envelope("a", "b", "iq", stanza)), "stanza_malformed", "{stanza}");
    }
    let whole = json!({ "to": "a", "from": "b", "kind": "presence", "body": null, "stanza": "", "more": 1 });
    assert!(decided(whole.to_string().as_bytes()).is_ok());
}

fn with_attributes(names: &[(&'static str, &str)], payload: Markup) -> String {
    names.iter().fold(Markup::new("iq"), |iq, (name, value)| iq.with(name, *value)).child(payload).to_xml()
}

proptest! {
    #[test]
    fn no_body_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), stanza in any::<String>()) {
        let _ = decided(&bytes);
        let _ = decided(&envelope(ROMEO, UPLOAD, "iq", &stanza));
    }

    #[test]
    fn nothing_in_a_question_becomes_markup(
        id in "\\PC{1,20}|[<>&'\"/\n\r\t=]{1,20}",
        (from, to) in (any::<String>(), any::<String>()),
        name in "\\PC{0,20}|[<>&'\"/ =a]{0,20}",
        kind in any::<String>(),
    ) {
        let request = Markup::qualified("request", CURRENT).with("size", "1").with("filename", name.as_str());
        let stanza = with_attributes(&[("type", "get"), ("id", &id)], request.with("content-type", kind.as_str()));
        for (from, to) in [(from.as_str(), to.as_str()), (ROMEO, UPLOAD)] {
            let reply = answer(&envelope(from, to, "iq", &stanza)).unwrap();
            let kept = |text: &str| text.replace(|c| !satchel_core::xml::is_xml_char(c), "\u{fffd}");
            prop_assert_eq!(reply.attribute("id"), Some(id.as_str()));
            prop_assert_eq!(reply.attribute("from").map(str::to_owned), Some(kept(to)));
            prop_assert_eq!(reply.attribute("to").map(str::to_owned), Some(kept(from)));
            prop_assert_eq!(reply.children().len(), 1);
            prop_assert_eq!(reply.text(), "");
            match reply.child("slot", CURRENT) {
                Some(slot) => prop_assert_eq!(slot.children().len(), 2),
                None => prop_assert_eq!(reply.child("error", "").unwrap().children().len(), 2),
            }
        }
    }
}
