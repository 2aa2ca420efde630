use proptest::prelude::*;

use super::*;

#[test]
fn a_contact_has_one_spelling() {
    for (text, normal) in [
        ("marie@example.org", "marie@example.org"),
        ("Marie@Example.ORG.", "marie@example.org"),
        ("example.org", "example.org"),
        ("TRÈS@café.example", "très@café.example"),
        ("Straße@straße.example", "strasse@strasse.example"),
        ("a@xn--strae-oqa.example", "a@xn--strae-oqa.example"),
        ("\u{fb01}@\u{fb01}.example", "fi@fi.example"),
        ("οδος@οδός.example", "οδοσ@οδόσ.example"),
        ("\u{265a}@example.org", "\u{265a}@example.org"),
        ("e\u{301}@xn--caf-dma.example", "é@café.example"),
        ("\u{ff4d}arie@example.org", "marie@example.org"),
        ("d\\27artagnan@example.org", "d\\27artagnan@example.org"),
        ("a%b#c?d=e+f@localhost", "a%b#c?d=e+f@localhost"),
        ("a@127.0.0.1", "a@127.0.0.1"),
        ("a@[0:0::1]", "a@[::1]"),
    ] {
        assert_eq!(BareJid::parse(text).unwrap().as_str(), normal, "{text}");
    }
    let marie = BareJid::parse("marie@example.org").unwrap();
    assert_eq!((marie.localpart(), marie.domain()), (Some("marie"), "example.org"));
    let host = BareJid::parse("example.org").unwrap();
    assert_eq!((host.localpart(), host.domain()), (None, "example.org"));
}

#[test]
fn what_is_no_contact_is_refused_with_its_cause() {
    use JidError::*;
    for (text, cause) in [
        ("a@b/c", Resource),
        ("a/b", Resource),
        ("@b", Localpart),
        ("a b@c", Localpart),
        ("a\"b@c", Localpart),
        ("a:b@c", Localpart),
        ("<a>@c", Localpart),
        ("a\u{0}@c", Localpart),
        ("\u{ff06}@c", Localpart),
        ("", Domain),
        ("a@", Domain),
        ("a@.", Domain),
        ("a@b@c", Domain),
        ("a@b c", Domain),
        ("a@b_c", Domain),
        // The server keeps both letters as they are, DNS does not.
        ("a@\u{1e9e}.example", Domain),
        ("a@b\u{3002}c", Domain),
        ("a@-b", Domain),
        ("a@b..c", Domain),
        ("a@[::1", Domain),
        ("a@[b]", Domain),
        ("a@xn--a", Domain),
    ] {
        assert_eq!(BareJid::parse(text), Err(cause), "{text:?}");
    }
}

#[test]
fn parts_have_at_most_their_bytes() {
    assert!(BareJid::parse(&format!("{}@b", "a".repeat(1_023))).is_ok());
    assert!(BareJid::parse(&format!("{}@b", "a".repeat(1_024))).is_err());
    assert!(BareJid::parse(&format!("a@{}", "b".repeat(63))).is_ok());
    assert!(BareJid::parse(&format!("a@{}", "b".repeat(64))).is_err());
    let longest = [["b"; 32].concat(), ["c"; 63].concat(), ["d"; 63].concat(), ["e"; 63].concat()].join(".");
    assert_eq!(longest.len(), 224);
    assert!(BareJid::parse(&format!("a@{longest}.{}", "f".repeat(28))).is_ok());
    assert!(BareJid::parse(&format!("a@{longest}.{}", "f".repeat(29))).is_err());
}

#[test]
fn what_a_server_gives_is_what_stands_before_the_resource() {
    for (jid, bare, domain) in [
        ("romeo@montague.example/garden", "romeo@montague.example", "montague.example"),
        ("Romeo@Montague.example.", "romeo@montague.example", "montague.example"),
        ("montague.example", "montague.example", "montague.example"),
        ("montague.example/a@b", "montague.example", "montague.example"),
        ("romeo@montague.example/a/b@c", "romeo@montague.example", "montague.example"),
        ("straße@xmpp_1", "strasse@xmpp_1", "xmpp_1"),
    ] {
        let read = BareJid::of(jid).unwrap();
        assert_eq!((read.as_str(), read.domain()), (bare, domain), "{jid}");
    }
    for malformed in ["", "/a", "@", "@b", "a@", "a@/b", "a@b@c", "a b@c", "a@b\n", "a@b c", &"a".repeat(1_024)] {
        assert!(BareJid::of(malformed).is_err(), "{malformed}");
    }
    assert!(BareJid::of(&format!("{}@{}", "a".repeat(1_023), "b".repeat(1_023))).is_ok());
}

#[test]
fn what_was_stored_is_read_as_it_is_spelled_now() {
    for (stored, jid) in [
        ("marie@example.org", "marie@example.org"),
        ("straße@example.org", "strasse@example.org"),
        ("straße@b_c", "straße@b_c"),
        ("no address", "no address"),
    ] {
        let read: BareJid = serde_json::from_value(stored.into()).unwrap();
        assert_eq!(read.as_str(), jid);
        assert_eq!(serde_json::to_value(&read).unwrap(), jid);
    }
}

proptest! {
    #[test]
    fn the_one_spelling_stays(text in "\\PC{0,12}@\\PC{1,12}|[a-zA-Zß-ÿΑ-ϖ\u{300}-\u{310}]{1,6}@[a-zA-Zß-ÿ.-]{1,10}") {
        if let Ok(jid) = BareJid::parse(&text) {
            prop_assert_eq!(BareJid::parse(jid.as_str()), Ok(jid));
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = (BareJid::parse(&text), BareJid::of(&text), BareJid::from(text));
    }
}
