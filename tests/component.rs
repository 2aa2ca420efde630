//! Slots from Satchel itself: they lead to its own address, or straight to S3, so that every client can upload files of
//! any size.

use crate::support::{
    Answer, Request, Setup, World, bytes,
    component::{ROMEO, iq, put, put_slot, slot_request, stanza, target, url, world, world_over_s3},
    tokens,
};

async fn upload_and_fetch(world: &World, to: &str, get: &str, body: &[u8]) -> Answer {
    let stored = put(to, &[("Content-Type", "x/ignored")], body).await;
    assert_eq!(stored.status, 200, "{stored:?}");
    world.fetch(&target(get)).await
}

#[tokio::test]
async fn a_slot_takes_files_of_any_size_without_a_redirect() {
    for (slot_put, status) in [("front", 201), ("s3", 200)] {
        let world = world(&[("SATCHEL_SLOT_PUT", slot_put)]).await;
        takes_files_of_any_size(&world, status).await;
        world.stop().await;
    }
}

#[tokio::test]
async fn a_slot_costs_no_s3_request() {
    let world = world_over_s3().await;
    let before = world.s3_requests();
    let asked = iq(&slot_request("cool.jpg", 5 * 1024 * 1024, ""), ROMEO);
    assert!(url(&stanza(&world.send(&asked).await), "put").contains("/satchel/incoming/"));
    assert!(two_lines(&world, QUERY).await[0].contains("X-Amz-Signature"));
    assert_eq!(world.s3_requests(), before);
    world.stop().await;
}

async fn takes_files_of_any_size(world: &World, status: u16) {
    for size in [1, 5 * 1024 * 1024] {
        let answer = world.send(&iq(&slot_request("très &amp; cool.jpg", size, ""), ROMEO)).await;
        let slot = stanza(&answer);
        let get = url(&slot, "get");
        assert!(get.ends_with("/tr%C3%A8s%20%26%20cool.jpg"), "{get}");
        // Siskin and Beagle take 201 alone.
        assert_eq!(put_slot(&slot, &[("Content-Type", "x/ignored")], &bytes(size)).await.status, status);
        let fetched = world.fetch(&target(&get)).await;
        assert!(fetched.body == bytes(size));
        assert_eq!(fetched.header("content-type"), Some("image/jpeg"), "the granted type is served");
    }
}

/// Clients of XEP-0363, version 0.2, send no header that a slot names: it names none.
#[tokio::test]
async fn a_client_that_knows_no_headers_gets_a_url_that_is_enough() {
    let world = world(&[]).await;
    let request = "<iq xmlns='jabber:client' type='get' id='i1' from='romeo@example.org/r' to='upload.example.org'>\
        <request xmlns='urn:xmpp:http:upload'><filename>a.jpg</filename><size>5</size></request></iq>";
    let slot = stanza(&world.send(&iq(request, ROMEO)).await);
    let of = |name: &str| slot.split_once(&format!("<{name}>")).unwrap().1.split('<').next().unwrap().to_owned();
    assert_eq!(put(&of("put"), &[], b"hello").await.status, 201, "{slot}");
    assert_eq!(world.fetch(&target(&of("get"))).await.body, b"hello");
    world.stop().await;
}

#[tokio::test]
async fn another_length_than_granted_is_refused() {
    for (slot_put, status) in [("front", 413), ("s3", 403)] {
        let world = world(&[("SATCHEL_SLOT_PUT", slot_put)]).await;
        let slot = stanza(&world.send(&iq(&slot_request("a", 5, ""), ROMEO)).await);
        for body in [b"four".as_slice(), b"sixsix", b""] {
            assert_eq!(put_slot(&slot, &[], body).await.status, status, "{body:?}");
        }
        assert!(world.is_empty().await);
        assert_eq!(world.get(&target(&url(&slot, "get"))).await.status, 404);
        world.stop().await;
    }
}

#[tokio::test]
async fn each_purpose_is_kept_under_a_prefix_of_its_own() {
    let world = world(&[("SATCHEL_RETENTION_DAYS", "30"), ("SATCHEL_PROFILE_RETENTION_DAYS", "365")]).await;
    for (element, prefix, expires) in [
        ("", "uploads/", true),
        ("message", "uploads/", true),
        ("profile", "uploads-profile/", true),
        ("ephemeral expire-before='2999-01-01T00:00:00Z'", "uploads-ephemeral/", true),
        ("permanent", "uploads-permanent/", false),
    ] {
        let inside = format!("<{element} xmlns='urn:xmpp:http:upload:purpose:0'/>");
        let inside = if element.is_empty() { "" } else { inside.as_str() };
        let before = world.keys(prefix).await;
        crate::support::component::uploaded(&world, ROMEO, "a.jpg", inside, b"hello").await;
        let after = world.keys(prefix).await;
        let key = after.iter().find(|key| !before.contains(key)).unwrap_or_else(|| panic!("{prefix}"));
        let metadata = world.metadata(key).await;
        assert_eq!(metadata.contains_key("expires"), expires, "{key}");
    }
    assert!(world.keys("incoming/").await.is_empty());
    world.stop().await;
}

const QUERY: &str = "jid=romeo%40example.org%2Fr&name=a%20b.txt&size=5&content_type=text%2Fplain";

async fn two_lines(world: &World, query: &str) -> [String; 2] {
    let answer = world.get(&format!("/slot/ejabberd-secret?{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = String::from_utf8(answer.body).unwrap();
    text.lines().map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()
}

#[tokio::test]
async fn ejabberd_gets_two_lines() {
    let world = world(&[("SATCHEL_SLOT_PUT", "s3")]).await;
    let [put, get] = two_lines(&world, QUERY).await;
    assert_eq!(upload_and_fetch(&world, &put, &get, b"hello").await.body, b"hello");
    assert_eq!(world.get(&format!("/slot/wrong?{QUERY}")).await.status, 401);
    assert_eq!(world.get(&format!("/slot?{QUERY}")).await.status, 401);
    world.stop().await;
}

/// ejabberd before 25.08 would encode the query of a presigned URL: the stack's gateway takes the PUT instead.
#[tokio::test]
async fn ejabberds_slot_takes_one_file_of_its_size_at_the_front() {
    let world = world(&[]).await;
    for size in [1, 64 * 1024, 6 * 1024 * 1024] {
        let query = QUERY.replace("size=5", &format!("size={size}"));
        let [put, get] = two_lines(&world, &query).await.map(|url| target(&url));
        assert!(get.ends_with("/a_b.txt"), "{get}");
        let refused = world.put(&put, &bytes(size + 1)).await;
        assert_eq!((refused.status, refused.code()), (413, "size_mismatch".into()));
        let other: Vec<u8> = bytes(size).iter().map(|byte| !byte).collect();
        for (body, status) in [(&bytes(size), 201), (&other, 409)] {
            let sent = Request::new("PUT", &put).header("Content-Type", "text/html").body(body);
            assert_eq!(world.send(&sent).await.status, status, "{size}");
        }
        let fetched = world.fetch(&get).await;
        assert!(fetched.body == bytes(size));
        assert_eq!(fetched.header("content-type"), Some("text/plain"), "the granted type is served");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_slot_that_ejabberd_does_not_get_costs_no_quota() {
    let world = world(&[("SATCHEL_DAILY_QUOTA", "10")]).await;
    let slot = |name: &str| format!("/slot/ejabberd-secret?jid=romeo%40example.org&name={name}&size=10");
    assert_eq!(world.get(&slot(&"n".repeat(900))).await.status, 400, "no room for the token");
    assert_eq!(world.get(&slot("n")).await.status, 200);
    assert_eq!(world.get(&slot("n")).await.status, 402);
    world.stop().await;
}

#[tokio::test]
async fn a_token_in_the_path_is_refused_as_in_a_header() {
    const NOW: u64 = 1_612_113_200;
    let world = World::with(Setup { now: Some(NOW), ..Setup::default() }).await;
    let token = |slot: &str, exp| tokens::bearer(&tokens::claims(slot, "f", 5, "", exp)).split_off("Bearer ".len());
    let (good, other) = (token("s", NOW + 1), token("s", NOW + 2));
    let swapped = format!("{}.{}", good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    for (path, status, code) in [
        (format!("s/{}", token("s", NOW)), 410, "token_expired"),
        (format!("other/{good}"), 400, "slot_mismatch"),
        (format!("s/{swapped}"), 403, "token_signature"),
        ("s/eyJ.eyJ.x".to_owned(), 403, "token_malformed"),
        (format!("s/{good}/f"), 403, "token_missing"),
        (good.clone(), 403, "token_missing"),
        (format!("s/{good}?v=00"), 403, "mac_malformed"),
    ] {
        let answer = world.put(&format!("/upload/{path}"), b"hello").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
    }
    assert!(world.is_empty().await);
    let stored = world.put(&format!("/upload/s/{good}"), b"hello").await;
    assert_eq!((stored.status, world.keys("").await), (201, vec!["uploads/s/f".to_owned()]));
    world.stop().await;
}

#[tokio::test]
async fn a_sender_that_expects_permission_gets_it() {
    let world = world(&[]).await;
    let request = iq(&slot_request("a", 5, ""), ROMEO).header("Expect", "100-continue");
    assert!(stanza(&world.send(&request).await).contains("<put"));
    world.stop().await;
}

#[tokio::test]
async fn strangers_get_no_slot() {
    let world = world(&[]).await;
    let foreign = stanza(&world.send(&iq(&slot_request("a", 5, ""), "eve@elsewhere.org/r")).await);
    assert!(foreign.contains("type=\"error\"") && foreign.contains("forbidden"), "{foreign}");
    let anonymous = Request::new("POST", "/component").body(b"{}");
    assert_eq!(world.send(&anonymous).await.status, 401);
    assert_eq!(world.send(&iq("<iq", ROMEO)).await.code(), "stanza_malformed");
    world.stop().await;
}
