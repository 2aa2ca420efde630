//! Stanzas in, stanzas out: tables of questions, and properties of every answer.

use proptest::prelude::*;
use satchel_core::{
    grant::UploadId,
    retention::Retention,
    secret::{Secret, Secrets},
};
use serde_json::json;

use super::*;
use crate::{
    ledger::QuotaReached,
    slot::{AllowedDomains, PutAddress},
    stanza::element::Element,
};

mod messages;

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
    let chance = Chance { slot: [0; 18], upload: UploadId::from_random([0; 9]) };
    decide(&Envelope::parse(body)?, &policy(), NOW, &chance)
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
fn a_slot_comes_in_the_form_it_was_asked_for() {
    let current = answered(&format!("<request xmlns='{CURRENT}' filename='très cool.jpg' size='20000'/>"));
    let slot = current.child("slot", CURRENT).unwrap();
    let owner = OwnerId::of_bare_jid("romeo@example.org", &Secret::from("key")).slot_prefix();
    let get = format!("https://files.example.org/{owner}AAAAAAAAAAAAAAAAAAAAAAAA/tr%C3%A8s%20cool.jpg");
    let url = |name| slot.child(name, CURRENT).unwrap().attribute("url");
    assert_eq!((url("put"), url("get")), (Some("https://s3.example/put?a=1&b=2"), Some(get.as_str())));
    let legacy = answered(&format!(
        "<request xmlns='{LEGACY}'><filename>très cool.jpg</filename><size>1</size>\
         <content-type>a/b</content-type></request>"
    ));
    let slot = legacy.child("slot", LEGACY).unwrap();
    let url = |name| slot.child(name, LEGACY).unwrap().text();
    assert_eq!((url("put"), url("get")), ("https://s3.example/put?a=1&b=2", get.as_str()));
}

#[test]
fn what_is_granted_is_what_was_asked_for() {
    let payload = format!(
        "<x:request xmlns:x='{CURRENT}' filename='a' size='7' content-type='image/png'>\
         <ephemeral xmlns='urn:xmpp:http:upload:purpose:0' expire-before='1970-01-12T13:46:41Z'/></x:request>"
    );
    let Decision::Grant(granted) = decided(&envelope(ROMEO, UPLOAD, "iq", &iq(&payload))).unwrap() else {
        panic!("no slot")
    };
    let grant = &granted.slot.grant;
    assert_eq!((grant.size, grant.content_type.as_str()), (7, "image/png"));
    assert_eq!(grant.expires, Some(NOW.plus(1)));
}

#[test]
fn a_refusal_knows_who_asked_for_how_much_as_far_as_it_was_said() {
    let current = |size: &str| format!("<request xmlns='{CURRENT}' filename='a' size='{size}'/>");
    let legacy = format!("<request xmlns='{LEGACY}'><filename>a</filename><size>20001</size></request>");
    for (from, payload, code, owner, size) in [
        (ROMEO, current("20001"), "file_too_large", Some("romeo@example.org"), Some(20_001)),
        (ROMEO, legacy, "file_too_large", Some("romeo@example.org"), Some(20_001)),
        (ROMEO, current("many"), "size_malformed", Some("romeo@example.org"), None),
        ("eve@elsewhere.org/x", current("7"), "domain_not_allowed", Some("eve@elsewhere.org"), Some(7)),
        ("@", current("7"), "address_malformed", None, Some(7)),
    ] {
        let Decision::Refuse(refused) = decided(&envelope(from, UPLOAD, "iq", &iq(&payload))).unwrap() else {
            panic!("{code}")
        };
        let owner = owner.map(|jid| OwnerId::of_bare_jid(jid, &Secret::from("key")));
        assert_eq!((refused.reply.code, refused.refusal.code()), (code, code));
        assert_eq!((refused.attempt.owner, refused.attempt.size), (owner, size), "{code}");
    }
}

#[test]
fn refusals_are_the_errors_of_xep_0363() {
    let purpose = |inner: &str| {
        let purpose = format!("<{inner} xmlns='urn:xmpp:http:upload:purpose:0'/>");
        format!("<request xmlns='{CURRENT}' filename='a' size='1'>{purpose}</request>")
    };
    for (payload, kind, name) in [
        (format!("<request xmlns='{CURRENT}' filename='a' size='20001'/>"), "modify", "not-acceptable"),
        (
            format!("<request xmlns='{LEGACY}'><filename>a</filename><size>20001</size></request>"),
            "modify",
            "not-acceptable",
        ),
        (format!("<request xmlns='{CURRENT}' filename='a' size='0'/>"), "modify", "bad-request"),
        (format!("<request xmlns='{CURRENT}' filename='a'/>"), "modify", "bad-request"),
        (format!("<request xmlns='{CURRENT}' size='1'/>"), "modify", "bad-request"),
        (format!("<request xmlns='{CURRENT}' filename='../a' size='1'/>"), "modify", "bad-request"),
        (format!("<request xmlns='{CURRENT}' filename='a' size='1' content-type='é'/>"), "modify", "bad-request"),
        (format!("<request xmlns='{LEGACY}' filename='a' size='1'/>"), "modify", "bad-request"),
        (purpose("ephemeral"), "modify", "bad-request"),
        (purpose("ephemeral expire-before='never'"), "modify", "bad-request"),
        (purpose("ephemeral expire-before='1970-01-12T13:46:40Z'"), "modify", "bad-request"),
        (purpose("permanent"), "cancel", "feature-not-implemented"),
        ("<request xmlns='urn:xmpp:http:upload:1' filename='a' size='1'/>".to_owned(), "cancel", "service-unavailable"),
        ("<query xmlns='jabber:iq:last'/>".to_owned(), "cancel", "service-unavailable"),
        (format!("<query xmlns='{DISCO_INFO}' node='a'/>"), "cancel", "item-not-found"),
    ] {
        let answer = answered(&payload);
        assert_eq!(answer.attribute("type"), Some("error"), "{payload}");
        assert_eq!(condition(&answer), (kind, name), "{payload}");
    }
    for granted in [
        purpose("message"),
        purpose("profile"),
        purpose("ephemeral expire-before='2030-01-31T12:00:00Z'"),
        purpose("unheard-of"),
    ] {
        assert_eq!(answered(&granted).attribute("type"), Some("result"), "{granted}");
    }
}

#[test]
fn a_file_that_is_too_large_is_told_the_limit_in_its_own_namespace() {
    for (payload, namespace) in [
        (format!("<request xmlns='{CURRENT}' filename='a' size='20001'/>"), CURRENT),
        (format!("<request xmlns='{LEGACY}'><filename>a</filename><size>20001</size></request>"), LEGACY),
    ] {
        let answer = answered(&payload);
        let detail = answer.child("error", "").unwrap().child("file-too-large", namespace).unwrap();
        assert_eq!(detail.child("max-file-size", namespace).unwrap().text(), "20000");
    }
}

#[test]
fn strangers_are_forbidden_slots_and_nothing_else() {
    let request = iq(&format!("<request xmlns='{CURRENT}' filename='a' size='1'/>"));
    let refused = answer(&envelope("romeo@evil.example/x", UPLOAD, "iq", &request)).unwrap();
    assert_eq!(condition(&refused), ("auth", "forbidden"));
    let addressed = answer(&envelope(ROMEO, "somebody@upload.example.org", "iq", &request)).unwrap();
    assert_eq!(addressed.attribute("type"), Some("result"));
    let ping = answer(&envelope("romeo@evil.example/x", UPLOAD, "iq", &iq("<ping xmlns='urn:xmpp:ping'/>"))).unwrap();
    assert_eq!(ping.attribute("type"), Some("result"));
}

#[test]
fn the_servers_word_on_who_sends_counts_and_not_the_stanzas() {
    let stanza = format!(
        "<iq type='get' id='1' from='romeo@example.org'><request xmlns='{CURRENT}' filename='a' size='1'/></iq>"
    );
    let refused = answer(&envelope("mallory@evil.example", UPLOAD, "iq", &stanza)).unwrap();
    assert_eq!(condition(&refused), ("auth", "forbidden"));
}

#[test]
fn sets_are_not_answered_with_results() {
    let stanza = iq(&format!("<query xmlns='{DISCO_INFO}'/>")).replace("'get'", "'set'");
    assert_eq!(condition(&answer(&envelope(ROMEO, UPLOAD, "iq", &stanza)).unwrap()), ("cancel", "service-unavailable"));
}

#[test]
fn a_spent_quota_says_when_to_try_again() {
    let request = iq(&format!("<request xmlns='{CURRENT}' filename='a' size='1'/>"));
    let Decision::Grant(granted) = decided(&envelope(ROMEO, UPLOAD, "iq", &request)).unwrap() else {
        panic!("no slot")
    };
    let reached = QuotaReached { left: 0, quota: 9, retry: Timestamp::from_seconds(1_512_344_525) };
    let refused = Element::parse(&granted.refusal(&reached.into()).stanza).unwrap();
    assert_eq!(condition(&refused), ("wait", "resource-constraint"));
    let retry = refused.child("error", "").unwrap().child("retry", CURRENT).unwrap();
    assert_eq!(retry.attribute("stamp"), Some("2017-12-03T23:42:05Z"));
    let unavailable = Element::parse(&granted.unavailable().stanza).unwrap();
    assert_eq!(condition(&unavailable), ("wait", "internal-server-error"));
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
