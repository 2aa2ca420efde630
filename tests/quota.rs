//! The daily quota of slots, which is kept in the bucket.

use crate::support::{
    PlainS3,
    component::{ROMEO, iq, said, slot_request, stanza, world},
};

const QUOTA: &[(&str, &str)] = &[("SATCHEL_DAILY_QUOTA", "1000")];

#[tokio::test]
async fn the_day_has_no_more_bytes_than_the_quota() {
    let world = world(QUOTA).await;
    let ask = async |size, from: &str| stanza(&world.send(&iq(&slot_request("a", size, ""), from)).await);
    assert!(ask(600, ROMEO).await.contains("<put"));
    assert!(ask(400, "romeo@example.org/other").await.contains("<put"), "resources share a quota");
    let refused = ask(1, ROMEO).await;
    for part in ["type=\"wait\"", "resource-constraint", "<retry xmlns=\"urn:xmpp:http:upload:0\" stamp=\"2"] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    assert!(refused.contains("T00:00:00Z"), "{refused}");
    assert!(ask(1_000, "juliet@example.org/r").await.contains("<put"), "each account has its own");
    let too_large = ask(1_001, "nurse@example.org/r").await;
    assert!(too_large.contains("<max-file-size>1000</max-file-size>"), "never fits: {too_large}");
    let query = "jid=romeo%40example.org&name=a&size=1&content_type=";
    assert_eq!(world.get(&format!("/slot/ejabberd-secret?{query}")).await.status, 402);
    world.stop().await;
}

#[tokio::test]
async fn twenty_requests_at_once_share_one_quota() {
    let world = world(QUOTA).await;
    let request = iq(&slot_request("a", 100, ""), ROMEO);
    let answers = futures_util::future::join_all((0..20).map(|_| world.send(&request))).await;
    let granted = answers.iter().filter(|answer| stanza(answer).contains("<put")).count();
    let refused = answers.iter().filter(|answer| stanza(answer).contains("resource-constraint")).count();
    assert_eq!((granted, refused), (10, 10));
    assert!(
        said(&world, "quota", ROMEO)
            .await
            .starts_with("You have used 1000 bytes of 1000 bytes today, 0 bytes are left")
    );
    assert_eq!(world.keys("ledger/").await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn without_its_ledger_a_quota_grants_nothing() {
    let s3 = PlainS3::start().await;
    let component = ("SATCHEL_COMPONENT_CREDENTIALS", "prosody:pass".to_owned());
    let slot = ("SATCHEL_SLOT_CREDENTIALS", "ejabberd-secret".to_owned());
    let world = s3.world(vec![component, slot, ("SATCHEL_DAILY_QUOTA", "1000".to_owned())]).await;
    s3.stop().await;
    let refused = stanza(&world.send(&iq(&slot_request("a", 1, ""), ROMEO)).await);
    assert!(refused.contains("type=\"wait\"") && refused.contains("internal-server-error"), "{refused}");
    let answer = world.get("/slot/ejabberd-secret?jid=romeo%40example.org&name=a&size=1").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"));
    assert!(said(&world, "list", ROMEO).await.contains("try again"));
    world.stop().await;
}
