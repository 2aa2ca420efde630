//! Which requests get a slot, in which form, and what the others are told.

use super::*;

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
