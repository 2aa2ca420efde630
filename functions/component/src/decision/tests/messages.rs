//! Which messages are answered, and as what.

use super::*;

fn message(from: &str, attributes: &str, body: &str) -> Decision {
    let stanza = format!("<message{attributes}><body>as above</body></message>");
    let posted = json!({ "to": UPLOAD, "from": from, "kind": "message", "body": body, "stanza": stanza });
    decided(posted.to_string().as_bytes()).unwrap()
}

#[test]
fn messages_of_accounts_are_answered_in_their_own_type() {
    let owners: Vec<_> =
        ["key", "previous"].map(|key| OwnerId::of_bare_jid("romeo@example.org", &Secret::from(key))).into();
    for (attributes, kind) in [
        (" type='chat'", MessageType::Chat),
        (" type='normal'", MessageType::Normal),
        ("", MessageType::Normal),
        (" type='unheard-of'", MessageType::Normal),
    ] {
        let chat = Chat { command: Command::List, owners: owners.clone(), kind };
        assert_eq!(message(ROMEO, attributes, "list"), Decision::Chat(chat), "{attributes}");
    }
}

#[test]
fn errors_rooms_and_strangers_get_no_reply() {
    for (from, attributes, body) in [
        (ROMEO, " type='error'", "help"),
        (ROMEO, " type='groupchat'", "help"),
        (ROMEO, " type='headline'", "help"),
        (ROMEO, " type='chat'", " \n"),
        ("romeo@evil.example/x", " type='chat'", "help"),
        ("@", " type='chat'", "help"),
    ] {
        assert_eq!(message(from, attributes, body), Decision::Silence, "{from}{attributes}");
    }
}

#[test]
fn answers_presences_and_messages_without_text_are_met_with_silence() {
    for (kind, stanza) in [
        ("iq", "<iq type='result' id='1'/>"),
        ("iq", "<iq type='error' id='1'><error type='cancel'/></iq>"),
        ("message", "<message type='chat'><active xmlns='http://jabber.org/protocol/chatstates'/></message>"),
        ("presence", "<presence/>"),
    ] {
        assert_eq!(decided(&envelope(ROMEO, UPLOAD, kind, stanza)).unwrap(), Decision::Silence, "{stanza}");
    }
}
