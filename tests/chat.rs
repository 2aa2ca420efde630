//! The chat bot at the component's address: everyone's own files, and nobody else's.

use crate::support::{
    Setup, World,
    component::{ROMEO, chat, iq, put_slot, said, slot_request, stanza, target, uploaded, url, world},
};

const JULIET: &str = "juliet@example.org/balcony";

/// The numbers in a list, in its order.
fn numbers(list: &str) -> Vec<&str> {
    let entry = |line: &'_ str| -> Option<usize> {
        line.find(": ").filter(|at| *at == 5 && line.as_bytes()[0].is_ascii_digit())
    };
    list.lines().filter_map(|line| entry(line).map(|at| &line[..at])).collect()
}

#[tokio::test]
async fn the_bot_explains_itself() {
    let world = world(&[("SATCHEL_RETENTION_DAYS", "30"), ("SATCHEL_MAX_SIZE", "1048576")]).await;
    let help = said(&world, "help", ROMEO).await;
    for part in ["quota", "list", "delete NUMBER", "delete LINK", "1 MiB", "30 days"] {
        assert!(help.contains(part), "{part} in {help}");
    }
    assert!(said(&world, "what?", ROMEO).await.contains("help"));
    assert!(said(&world, "quota", ROMEO).await.contains("no daily limit"));
    for silent in [chat("help", "eve@elsewhere.org/r"), chat("", ROMEO)] {
        assert_eq!(world.send(&silent).await.status, 204);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_list_has_my_files_with_links_that_work() {
    let world = world(&[("SATCHEL_RETENTION_DAYS", "30")]).await;
    assert_eq!(said(&world, "list", ROMEO).await, "You have no files here.");
    let photo = uploaded(&world, ROMEO, "photo.jpg", "", b"photo").await;
    let avatar =
        uploaded(&world, ROMEO, "me.png", "<permanent xmlns='urn:xmpp:http:upload:purpose:0'/>", b"avatar").await;
    let hers = uploaded(&world, JULIET, "letter.txt", "", b"letter").await;
    let list = said(&world, "list", ROMEO).await;
    assert!(list.starts_with("You have 2 files, 11 bytes in all."), "{list}");
    for part in [&photo, &avatar, "photo.jpg", "no expiry", " UTC, until 2"] {
        assert!(list.contains(part), "{part} in {list}");
    }
    assert!(!list.contains(&hers));
    world.stop().await;
}

#[tokio::test]
async fn i_can_delete_my_files_by_number_and_by_link() {
    let world = world(&[]).await;
    let first = uploaded(&world, ROMEO, "one.jpg", "", b"1").await;
    let second = uploaded(&world, ROMEO, "two.jpg", "", b"2").await;
    let list = said(&world, "list", ROMEO).await;
    let number_of = |name: &str| {
        let line = list.lines().find(|line| line.ends_with(name)).unwrap();
        numbers(line)[0].to_owned()
    };
    let (one, two) = (number_of("one.jpg"), number_of("two.jpg"));
    assert_eq!(said(&world, &format!("delete {one}"), ROMEO).await, "Deleted: one.jpg");
    assert_eq!(world.get(&target(&first)).await.status, 404);
    assert!(said(&world, &format!("delete {one}"), ROMEO).await.contains("no such file"));
    assert!(said(&world, "list", ROMEO).await.contains(&format!("{two}: two.jpg")), "numbers stay");
    assert_eq!(said(&world, &format!("delete {second}"), ROMEO).await, "Deleted: two.jpg");
    assert!(world.is_empty().await);
    world.stop().await;
}

#[tokio::test]
async fn nobody_deletes_what_is_not_theirs() {
    let world = world(&[]).await;
    let get = uploaded(&world, ROMEO, "mine.jpg", "", b"mine").await;
    world.store("u/by-token", b"token").await;
    let list = said(&world, "list", ROMEO).await;
    let number = numbers(&list)[0];
    for text in
        [format!("delete {get}"), format!("delete {number}"), format!("delete {}u/by-token", world.stack.public_url())]
    {
        assert!(said(&world, &text, JULIET).await.contains("no such file"), "{text}");
    }
    for text in ["delete https://elsewhere.example/upload/a/b", "delete http://127.0.0.1/upload/../a"] {
        assert!(said(&world, text, ROMEO).await.contains("no such file"), "{text}");
    }
    assert_eq!(world.keys("").await.len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn a_file_that_was_never_fetched_can_be_deleted_too() {
    let s3 = crate::support::PlainS3::start().await;
    let world = s3.world(vec![("SATCHEL_COMPONENT_CREDENTIALS", "prosody:pass".to_owned())]).await;
    let slot = stanza(&world.send(&iq(&slot_request("a", 5, ""), ROMEO)).await);
    assert_eq!(put_slot(&slot, &[], b"hello").await.status, 201);
    let get = url(&slot, "get");
    assert!(said(&world, &format!("delete {get}"), JULIET).await.contains("no such file"));
    assert_eq!(said(&world, &format!("delete {get}"), ROMEO).await, "Deleted: a");
    assert!(world.is_empty().await);
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn files_stay_mine_when_the_secret_changes_and_go_when_they_expire() {
    let now = satchel_telemetry::clock::Clock::System.now();
    let with = |secrets: &str| {
        let variables = vec![
            ("SATCHEL_COMPONENT_CREDENTIALS", "prosody:pass".to_owned()),
            ("SATCHEL_UPLOAD_SECRETS", secrets.to_owned()),
            ("SATCHEL_RETENTION_DAYS", "1".to_owned()),
        ];
        Setup { variables, now: Some(now.as_seconds()), ..Setup::default() }
    };
    let world = World::with(with("an old secret")).await;
    let get = uploaded(&world, ROMEO, "a.jpg", "", b"hello").await;
    let world = world.restart_with(with("a new secret\nan old secret")).await;
    assert!(said(&world, "list", ROMEO).await.contains("a.jpg\n"));
    world.set_clock(now.as_seconds() + 86_399);
    let until = satchel_core::date_time::to_minute(now.plus(86_400));
    assert!(said(&world, "list", ROMEO).await.contains(&format!("until {until}")));
    world.set_clock(now.as_seconds() + 86_400);
    assert_eq!(said(&world, "list", ROMEO).await, "You have no files here.");
    assert_eq!(world.get(&target(&get)).await.status, 410);
    let (_, path) = get.split_once("/upload/").unwrap();
    let delete = format!("delete {}{path}", world.stack.public_url());
    assert_eq!(said(&world, &delete, ROMEO).await, "Deleted: a.jpg");
    world.stop().await;
}
