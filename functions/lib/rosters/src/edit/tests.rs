use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{contact, edit::*, group};

const NOW: Timestamp = Timestamp::from_seconds(1_000);

fn jid(text: &str) -> BareJid {
    BareJid::parse(text).unwrap()
}

fn roster(stored: Value) -> Roster {
    serde_json::from_value(stored).unwrap()
}

fn put(text: &str, contact: &Value) -> RosterEdit {
    RosterEdit::Put(jid(text), contact::contact(contact.to_string().as_bytes()).unwrap())
}

fn replace(contacts: &str) -> RosterEdit {
    RosterEdit::Replace(contact::contacts(contacts.as_bytes()).unwrap())
}

fn share(group: &str, version: u64, members: &Value) -> RosterEdit {
    let members = group::members(members.to_string().as_bytes()).unwrap();
    RosterEdit::Share(GroupName::parse(group).unwrap(), SharedCopy { version, members })
}

fn after(roster: &Roster, edits: &[RosterEdit]) -> Roster {
    let mut roster = roster.clone();
    for edit in edits {
        roster.apply(edit).unwrap();
    }
    roster
}

fn fetched(roster: &Roster) -> Value {
    serde_json::from_str(&roster.to_json(NOW)).unwrap()
}

#[test]
fn contacts_come_change_and_go() {
    let mut john = Roster::default();
    let marie = put("marie@x", &json!({"name": "Marie", "groups": ["Friends"]}));
    assert_eq!(john.apply(&marie), Ok(Edited::Created));
    assert_eq!(john.apply(&marie), Ok(Edited::Done));
    assert_eq!(john.apply(&put("marie@x", &json!({"groups": ["Work"]}))), Ok(Edited::Done));
    assert_eq!(fetched(&john), json!({"marie@x": {"groups": {"Work": true}}}));
    assert_eq!(john.apply(&RosterEdit::Remove(jid("michael@x"))), Err(EditRefusal::NoContact(jid("michael@x"))));
    assert_eq!(john.apply(&RosterEdit::Remove(jid("marie@x"))), Ok(Edited::Done));
    assert_eq!(john, Roster::default());
}

#[test]
fn befriending_leaves_a_known_contact_alone() {
    let known = roster(json!({"contacts": {"john@x": {"name": "Johnny"}}}));
    assert_eq!(after(&known, &[RosterEdit::Befriend(jid("john@x"))]), known);
    let new = after(&Roster::default(), &[RosterEdit::Befriend(jid("john@x"))]);
    assert_eq!(fetched(&new), json!({"john@x": {}}));
}

#[test]
fn replacing_leaves_shared_groups_alone() {
    let before = after(&Roster::default(), &[share("Team", 1, &json!(["a@x"])), put("old@x", &json!({}))]);
    let next = after(&before, &[replace(r#"{"new@x": {"name": "New"}}"#)]);
    assert_eq!(fetched(&next), json!({"a@x": {"groups": {"Team": true}}, "new@x": {"name": "New"}}));
}

#[test]
fn a_roster_that_is_fetched_and_sent_back_makes_nothing_ones_own() {
    let shared = share("Team", 1, &json!({"a@x": {"name": "A"}, "b@x": {}}));
    let before = after(&Roster::default(), &[shared, put("b@x", &json!({"name": "My B", "groups": ["Friends"]}))]);
    let after_return = after(&before, &[replace(&before.to_json(NOW))]);
    assert_eq!(after_return, before);
    let left = after(&after_return, &[share("Team", 2, &json!([]))]);
    assert_eq!(fetched(&left), json!({"b@x": {"name": "My B", "groups": {"Friends": true}}}));
    let renamed = after(&before, &[replace(r#"{"a@x": {"name": "My A", "groups": ["Team"]}}"#)]);
    let left = after(&renamed, &[share("Team", 2, &json!([]))]);
    assert_eq!(fetched(&left), json!({"a@x": {"name": "My A"}}));
}

#[test]
fn a_shared_contact_is_removed_from_the_group_only() {
    let mut john = after(&Roster::default(), &[share("Team", 1, &json!(["a@x"]))]);
    let group = GroupName::parse("Team").unwrap();
    let refusal = EditRefusal::Shared { jid: jid("a@x"), group };
    assert_eq!(john.apply(&RosterEdit::Remove(jid("a@x"))), Err(refusal));
    john.apply(&put("a@x", &json!({"name": "Mine"}))).unwrap();
    assert_eq!(john.apply(&RosterEdit::Remove(jid("a@x"))), Ok(Edited::Done));
    assert_eq!(fetched(&john), json!({"a@x": {"groups": {"Team": true}}}));
}

#[test]
fn an_earlier_copy_never_replaces_a_later_one() {
    let (first, second) = (share("Team", 1, &json!(["a@x"])), share("Team", 2, &json!([])));
    let left = after(&Roster::default(), &[first.clone(), second.clone()]);
    assert_eq!(fetched(&left), json!({}));
    assert_eq!(after(&left, std::slice::from_ref(&first)), left);
    assert_eq!(after(&Roster::default(), &[second, first]), left, "in whatever order they come");
}

#[test]
fn only_changes_of_known_contacts_are_noted() {
    let marie = |name: &str| put("marie@x", &json!({"name": name}));
    let changed = |edits: &[RosterEdit]| {
        let john = after(&Roster::default(), edits);
        john.changed.iter().map(|jid| jid.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert!(changed(&[marie("Marie"), marie("Marie")]).is_empty());
    assert_eq!(changed(&[marie("Marie"), marie("M.")]), ["marie@x"]);
    assert!(changed(&[marie("Marie"), marie("M."), RosterEdit::Remove(jid("marie@x"))]).is_empty());
    assert_eq!(changed(&[marie("Marie"), share("Team", 1, &json!(["marie@x", "new@x"]))]), ["marie@x"]);
    assert_eq!(changed(&[marie("Marie"), replace(r#"{"marie@x": {}, "new@x": {}}"#)]), ["marie@x"]);
}

#[test]
fn changed_contacts_are_hidden_then_shown() {
    let edits = [put("marie@x", &json!({})), put("b@x", &json!({})), put("marie@x", &json!({"name": "Marie"}))];
    let john = after(&Roster::default(), &edits);
    let hidden = after(&john, &[RosterEdit::Hide(NOW.plus(1))]);
    assert!(hidden.hides());
    assert_eq!(fetched(&hidden), json!({"b@x": {}}));
    let shown = after(&hidden, &[RosterEdit::Show]);
    assert_eq!(fetched(&shown), json!({"b@x": {}, "marie@x": {"name": "Marie"}}));
    assert_eq!(after(&shown, &[RosterEdit::Hide(NOW.plus(1))]), shown, "there is nothing to tell any more");
    let again = after(&hidden, &[put("b@x", &json!({"name": "B"})), RosterEdit::Hide(NOW.plus(9))]);
    assert_eq!(fetched(&again), json!({}), "what was not shown again is still to be told");
    let meanwhile = after(&hidden, &[put("b@x", &json!({"name": "B"})), RosterEdit::Show]);
    assert!(meanwhile.changed.contains(&jid("b@x")), "what changes meanwhile is told the next time");
}

#[test]
fn a_roster_has_at_most_5000_contacts() {
    let many: BTreeMap<_, _> = (0..MAX_CONTACTS).map(|n| (jid(&format!("u{n}@x")), Contact::default())).collect();
    let mut full = after(&Roster::default(), &[RosterEdit::Replace(many)]);
    assert_eq!(full.apply(&put("one-more@x", &json!({}))), Err(EditRefusal::Full));
    assert_eq!(full.apply(&RosterEdit::Befriend(jid("one-more@x"))), Err(EditRefusal::Full));
    assert_eq!(full.apply(&put("u1@x", &json!({"name": "One"}))), Ok(Edited::Done));
    full.apply(&RosterEdit::Remove(jid("u2@x"))).unwrap();
    assert_eq!(full.apply(&put("one-more@x", &json!({}))), Ok(Edited::Created));
}

#[test]
fn a_roster_has_at_most_3_000_000_bytes() {
    let name = "x".repeat(contact::MAX_NAME_BYTES);
    let many = |count: usize| {
        (0..count).map(|n| (jid(&format!("u{n:04}@x")), Contact { name: Some(name.clone()), ..Contact::default() }))
    };
    // {"name":"..."} with key, colon and comma.
    let each = name.len() + 22;
    let fits = (MAX_ROSTER_BYTES - 14) / each;
    let mut large = after(&Roster::default(), &[RosterEdit::Replace(many(fits).collect())]);
    assert_eq!(large.to_json(NOW).len(), fits * each + 1);
    let refused = large.apply(&RosterEdit::Replace(many(fits + 1).collect()));
    assert_eq!(refused, Err(EditRefusal::TooLarge((fits + 1) * each + 14)));
    let mut too_large = large.clone();
    too_large.contacts.extend(many(fits + 2));
    assert!(too_large.apply(&RosterEdit::Remove(jid("u0000@x"))).is_ok(), "smaller is always allowed");
}

#[test]
fn notes_about_changes_never_make_a_roster_too_large_to_be_read() {
    let long = |n: usize| jid(&format!("{n:04}{}@x", "a".repeat(1_000)));
    let called = |name: &'static str| Contact { name: Some(name.into()), ..Contact::default() };
    let of = |name: &'static str| (0..2_500).map(move |n| (long(n), called(name)));
    let before = after(&Roster::default(), &[RosterEdit::Replace(of("A").collect())]);
    let some = after(&before, &[RosterEdit::Put(long(1), Contact::default())]);
    assert_eq!(some.changed.len(), 1);
    let all = after(&some, &[RosterEdit::Replace(of("B").collect())]);
    assert!(all.changed.is_empty() && all.stored_bytes() <= MAX_STORED_BYTES);
}

fn contact() -> impl Strategy<Value = Contact> {
    let groups = prop::collection::btree_set("Team|Choir|Friends", 0..3);
    (prop::option::of("A|B|C"), groups).prop_map(|(name, groups)| Contact { name, groups })
}

fn edit() -> impl Strategy<Value = RosterEdit> {
    let who = || "[abc]@x".prop_map(|text| jid(&text));
    let members = prop::collection::btree_map(who(), prop::option::of("A|B"), 0..3);
    prop_oneof![
        (who(), contact()).prop_map(|(jid, contact)| RosterEdit::Put(jid, contact)),
        who().prop_map(RosterEdit::Befriend),
        who().prop_map(RosterEdit::Remove),
        prop::collection::btree_map(who(), contact(), 0..3).prop_map(RosterEdit::Replace),
        ("Team|Choir", 1..5_u64, members).prop_map(|(group, version, members)| {
            let members = members.into_iter().map(|(jid, name)| (jid, group::Member { name })).collect();
            RosterEdit::Share(GroupName::parse(&group).unwrap(), SharedCopy { version, members })
        }),
        Just(RosterEdit::Hide(NOW.plus(1))),
        Just(RosterEdit::Show),
    ]
}

proptest! {
    #[test]
    fn edits_are_idempotent_and_survive_storage(edits in prop::collection::vec(edit(), 0..12), last in edit()) {
        let mut roster = Roster::default();
        for edit in &edits {
            let _ = roster.apply(edit);
        }
        let mut once = roster.clone();
        let refused = once.apply(&last).is_err();
        prop_assert!(!refused || once == roster, "a refused edit changes nothing");
        let mut twice = once.clone();
        let _ = twice.apply(&last);
        prop_assert_eq!(twice.entries(), once.entries());
        let stored = serde_json::to_vec(&once).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Roster>(&stored).unwrap(), once);
    }

    #[test]
    fn what_is_fetched_and_sent_back_changes_nothing(edits in prop::collection::vec(edit(), 0..12)) {
        let mut roster = Roster::default();
        for edit in &edits {
            let _ = roster.apply(edit);
        }
        roster.apply(&RosterEdit::Show).unwrap();
        let before = roster.to_json(NOW);
        roster.apply(&replace(&before)).unwrap();
        prop_assert_eq!(roster.to_json(NOW), before);
    }
}
