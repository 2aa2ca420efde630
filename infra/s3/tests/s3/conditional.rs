//! Of writers who want a key to be new, exactly one wins.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::support::{BUCKET, Fixture, code, status};

async fn race<F, Fut>(contenders: usize, attempt: F) -> Vec<(usize, u16)>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = u16> + Send + 'static,
{
    let tasks: Vec<_> = (0..contenders).map(|n| tokio::spawn(attempt(n))).collect();
    let mut outcomes = Vec::new();
    for (n, task) in tasks.into_iter().enumerate() {
        outcomes.push((n, task.await.unwrap()));
    }
    outcomes
}

fn winner(outcomes: &[(usize, u16)]) -> usize {
    let winners: Vec<_> = outcomes.iter().filter(|(_, status)| *status == 200).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|(_, status)| matches!(status, 200 | 412)), "{outcomes:?}");
    winners[0].0
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_fifty_puts_wins_and_its_bytes_stay() {
    let fixture = Fixture::start().await;
    for round in 0..20 {
        let key = format!("race/{round}");
        let outcomes = race(50, |n| {
            let (client, key) = (fixture.client.clone(), key.clone());
            async move {
                let body = ByteStream::from(format!("contender {n}").into_bytes());
                status(&client.put_object().bucket(BUCKET).key(key).if_none_match("*").body(body).send().await)
            }
        })
        .await;
        let expected = format!("contender {}", winner(&outcomes));
        assert_eq!(fixture.get(&key).await, expected.into_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_eight_copies_wins() {
    let fixture = Fixture::start().await;
    for n in 0..8 {
        fixture.put(&format!("source/{n}"), format!("source {n}")).await;
    }
    for round in 0..10 {
        let key = format!("copy/{round}");
        let outcomes = race(8, |n| {
            let (client, key) = (fixture.client.clone(), key.clone());
            async move {
                let source = format!("{BUCKET}/source/{n}");
                let copy = client.copy_object().bucket(BUCKET).key(key).copy_source(source).if_none_match("*");
                status(&copy.send().await)
            }
        })
        .await;
        let expected = format!("source {}", winner(&outcomes));
        assert_eq!(fixture.get(&key).await, expected.into_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_eight_completions_wins() {
    let fixture = Fixture::start().await;
    for round in 0..5 {
        let key = format!("multipart/{round}");
        let mut uploads = Vec::new();
        for n in 0..8 {
            uploads.push(upload_one_part(&fixture, &key, format!("upload {n}")).await);
        }
        let outcomes = race(8, |n| {
            let (client, key) = (fixture.client.clone(), key.clone());
            let (id, parts) = uploads[n].clone();
            async move {
                let complete = client.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(id);
                status(&complete.multipart_upload(parts).if_none_match("*").send().await)
            }
        })
        .await;
        let expected = format!("upload {}", winner(&outcomes));
        assert_eq!(fixture.get(&key).await, expected.into_bytes());
    }
}

async fn upload_one_part(fixture: &Fixture, key: &str, body: String) -> (String, CompletedMultipartUpload) {
    let client = &fixture.client;
    let begun = client.create_multipart_upload().bucket(BUCKET).key(key).send().await.unwrap();
    let id = begun.upload_id.unwrap();
    let part = client.upload_part().bucket(BUCKET).key(key).upload_id(&id).part_number(1);
    let part = part.body(ByteStream::from(body.into_bytes())).send().await.unwrap();
    let part = CompletedPart::builder().part_number(1).e_tag(part.e_tag.unwrap()).build();
    (id, CompletedMultipartUpload::builder().parts(part).build())
}

#[tokio::test]
async fn if_match_writes_only_over_the_object_it_names() {
    let fixture = Fixture::start().await;
    let put = |key: &'static str| fixture.client.put_object().bucket(BUCKET).key(key);
    let etag = put("k").body(ByteStream::from_static(b"one")).send().await.unwrap().e_tag.unwrap();

    let wrong = put("k").if_match("\"0\"").body(ByteStream::from_static(b"two")).send().await;
    assert_eq!((status(&wrong), code(&wrong)), (412, "PreconditionFailed".into()));
    let weak = put("k").if_match(format!("W/{etag}")).body(ByteStream::from_static(b"two")).send().await;
    assert_eq!((status(&weak), code(&weak)), (412, "PreconditionFailed".into()));
    assert_eq!(status(&put("missing").if_match(&etag).body(ByteStream::from_static(b"two")).send().await), 404);
    assert_eq!(status(&put("k").if_match(&etag).body(ByteStream::from_static(b"two")).send().await), 200);
    assert_eq!(fixture.get("k").await, b"two");
}

#[tokio::test]
async fn a_put_that_must_fail_is_refused_before_its_body() {
    use tokio::io::AsyncWriteExt;
    let fixture = Fixture::start().await;
    fixture.put("k", "first").await;
    let request = fixture.client.put_object().bucket(BUCKET).key("k").if_none_match("*").content_length(1 << 30);
    let expires = std::time::Duration::from_secs(60);
    let presigning = aws_sdk_s3::presigning::PresigningConfig::expires_in(expires).unwrap();
    let presigned = request.presigned(presigning).await.unwrap();

    let path = presigned.uri().split_once("127.0.0.1").unwrap().1.split_once('/').unwrap().1;
    let mut head = format!("PUT /{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", fixture.addr);
    for (name, value) in presigned.headers() {
        head += &format!("{name}: {value}\r\n");
    }
    let mut stream = tokio::net::TcpStream::connect(fixture.addr).await.unwrap();
    stream.write_all(format!("{head}Expect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
    // Not one byte of the gibibyte is sent.
    let answer = crate::support::soon(crate::support::Answer::read(&mut stream)).await;
    assert_eq!(answer.status, 412, "{}", answer.text());
}
