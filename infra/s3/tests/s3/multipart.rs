//! Multipart uploads.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use satchel_s3::CreatedBy;

use crate::support::{BUCKET, Fixture, code, pattern, soon, status};

const MIN: usize = 5 << 20;

pub async fn begin(fixture: &Fixture, key: &str) -> String {
    let begun = fixture.client.create_multipart_upload().bucket(BUCKET).key(key).content_type("image/png");
    begun.metadata("owner", "me").send().await.unwrap().upload_id.unwrap()
}

pub async fn part(fixture: &Fixture, key: &str, id: &str, number: i32, body: Vec<u8>) -> CompletedPart {
    let part = fixture.client.upload_part().bucket(BUCKET).key(key).upload_id(id).part_number(number);
    let etag = part.body(ByteStream::from(body)).send().await.unwrap().e_tag.unwrap();
    CompletedPart::builder().part_number(number).e_tag(etag).build()
}

pub fn parts(parts: impl IntoIterator<Item = CompletedPart>) -> CompletedMultipartUpload {
    CompletedMultipartUpload::builder().set_parts(Some(parts.into_iter().collect())).build()
}

#[tokio::test]
async fn parts_become_an_object_without_being_copied() {
    let fixture = Fixture::start().await;
    let mut created = fixture.store.subscribe();
    let id = begin(&fixture, "k").await;
    let whole = pattern(2 * MIN + 100);
    let second = part(&fixture, "k", &id, 7, whole[MIN..2 * MIN].to_vec()).await;
    let first = part(&fixture, "k", &id, 2, whole[..MIN].to_vec()).await;
    let last = part(&fixture, "k", &id, 9, whole[2 * MIN..].to_vec()).await;
    let before: std::collections::BTreeSet<_> = fixture.files().into_iter().collect();
    let complete = fixture.client.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
    let done = complete.multipart_upload(parts([first, second, last])).send().await.unwrap();
    assert!(done.e_tag.as_ref().unwrap().ends_with("-3\""));
    assert_eq!(fixture.files().into_iter().collect::<std::collections::BTreeSet<_>>(), before);
    assert!(fixture.get("k").await == whole);
    let head = fixture.client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(head.content_type.as_deref(), Some("image/png"));
    assert_eq!(head.metadata.unwrap()["owner"], "me");
    let range = fixture.client.get_object().bucket(BUCKET).key("k").range(format!("bytes={}-{}", MIN - 1, 2 * MIN));
    assert!(range.send().await.unwrap().body.collect().await.unwrap().to_vec() == whole[MIN - 1..=2 * MIN]);
    let event = soon(created.recv()).await.unwrap();
    assert_eq!((event.key.as_str(), event.by), ("k", CreatedBy::CompleteMultipartUpload));
    assert_eq!(event.size, whole.len() as u64);

    let copy = fixture.client.copy_object().bucket(BUCKET).key("copy").copy_source(format!("{BUCKET}/k"));
    copy.send().await.unwrap();
    fixture.client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert!(fixture.get("copy").await == whole);
}

#[tokio::test]
async fn completions_that_do_not_fit_are_refused() {
    let fixture = Fixture::start().await;
    let id = begin(&fixture, "k").await;
    let small = part(&fixture, "k", &id, 1, pattern(MIN - 1)).await;
    let last = part(&fixture, "k", &id, 2, pattern(1)).await;
    let unknown = CompletedPart::builder().part_number(3).e_tag("\"x\"").build();
    let cases = [
        ("a small part first", vec![small.clone(), last.clone()], "EntityTooSmall"),
        ("descending", vec![last.clone(), small], "InvalidPartOrder"),
        ("unknown", vec![last, unknown], "InvalidPart"),
    ];
    for (case, named, expected) in cases {
        let complete = fixture.client.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
        let refused = complete.multipart_upload(parts(named)).send().await;
        assert_eq!((status(&refused), code(&refused).as_str()), (400, expected), "{case}");
    }
    let other = fixture.client.complete_multipart_upload().bucket(BUCKET).key("k").upload_id("no");
    let other = other.multipart_upload(parts([])).send().await;
    assert_eq!((status(&other), code(&other)), (404, "NoSuchUpload".into()));
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let fixture = Fixture::start().await;
    let id = begin(&fixture, "k").await;
    part(&fixture, "k", &id, 1, pattern(1000)).await;
    part(&fixture, "k", &id, 1, pattern(2000)).await;
    let abort = || fixture.client.abort_multipart_upload().bucket(BUCKET).key("k").upload_id(&id).send();
    abort().await.unwrap();
    assert_eq!(status(&abort().await), 404);
    let late = fixture.client.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(1).send().await;
    assert_eq!((status(&late), code(&late)), (404, "NoSuchUpload".into()));
    let dir = fixture.stop().await;
    assert_eq!(crate::support::blob_files(dir.path()).len(), 0);
}

#[tokio::test]
async fn parts_are_listed_page_by_page() {
    let fixture = Fixture::start().await;
    let id = begin(&fixture, "k").await;
    for number in [1, 5, 9, 10_000] {
        part(&fixture, "k", &id, number, vec![0; number as usize]).await;
    }
    let (mut seen, mut marker) = (Vec::new(), None);
    loop {
        let list = fixture.client.list_parts().bucket(BUCKET).key("k").upload_id(&id).max_parts(2);
        let page = list.set_part_number_marker(marker).send().await.unwrap();
        seen.extend(page.parts().iter().map(|part| (part.part_number().unwrap(), part.size().unwrap())));
        marker = page.next_part_number_marker;
        if page.is_truncated != Some(true) {
            break;
        }
    }
    assert_eq!(seen, [(1, 1), (5, 5), (9, 9), (10_000, 10_000)]);
    for number in [0, 10_001] {
        let refused = fixture.client.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(number);
        assert_eq!(status(&refused.send().await), 400, "part {number}");
    }
}

#[tokio::test]
async fn uploads_are_listed_page_by_page() {
    let fixture = Fixture::start().await;
    let mut expected = Vec::new();
    for key in ["a", "b", "b", "b", "c/1", "c/2", "d"] {
        expected.push((key.to_owned(), begin(&fixture, key).await));
    }
    let (mut seen, mut key, mut id) = (Vec::new(), None, None);
    loop {
        let list = fixture.client.list_multipart_uploads().bucket(BUCKET).max_uploads(2);
        let page = list.set_key_marker(key).set_upload_id_marker(id).send().await.unwrap();
        let own = |text: Option<&str>| text.unwrap().to_owned();
        seen.extend(page.uploads().iter().map(|upload| (own(upload.key()), own(upload.upload_id()))));
        (key, id) = (page.next_key_marker, page.next_upload_id_marker);
        if page.is_truncated != Some(true) {
            break;
        }
    }
    expected.sort();
    seen.sort();
    assert_eq!(seen, expected);
    let rolled =
        fixture.client.list_multipart_uploads().bucket(BUCKET).delimiter("/").prefix("c").send().await.unwrap();
    assert_eq!(rolled.common_prefixes()[0].prefix(), Some("c/"));
    assert!(rolled.uploads().is_empty());
}

#[tokio::test]
async fn a_part_can_be_copied_from_a_range() {
    let fixture = Fixture::start().await;
    fixture.put("from", pattern(MIN + 1000)).await;
    let id = begin(&fixture, "k").await;
    let copy = |number, range: &str| {
        let copy = fixture.client.upload_part_copy().bucket(BUCKET).key("k").upload_id(&id).part_number(number);
        copy.copy_source(format!("{BUCKET}/from")).copy_source_range(range).send()
    };
    assert_eq!(status(&copy(1, &format!("bytes=0-{}", MIN + 1000)).await), 416);
    let first = copy(1, &format!("bytes=1000-{}", MIN + 999)).await.unwrap().copy_part_result.unwrap();
    let second = copy(2, "bytes=0-9").await.unwrap().copy_part_result.unwrap();
    let named = [(1, first), (2, second)]
        .map(|(number, part)| CompletedPart::builder().part_number(number).e_tag(part.e_tag.unwrap()).build());
    let complete = fixture.client.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
    complete.multipart_upload(parts(named)).send().await.unwrap();
    let whole = pattern(MIN + 1000);
    assert!(fixture.get("k").await == [&whole[1000..], &whole[..10]].concat());
}

#[tokio::test]
async fn parts_checksums_make_a_checksum_of_the_object() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let begun = client.create_multipart_upload().bucket(BUCKET).key("k").checksum_algorithm(ChecksumAlgorithm::Sha256);
    let id = begun.send().await.unwrap().upload_id.unwrap();
    let part = client.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(1);
    let part = part.checksum_algorithm(ChecksumAlgorithm::Sha256).body(ByteStream::from_static(b"x"));
    let part = part.send().await.unwrap();
    let named = CompletedPart::builder().part_number(1).e_tag(part.e_tag.unwrap());
    let named = named.checksum_sha256(part.checksum_sha256.unwrap()).build();
    let complete = client.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
    let done = complete.multipart_upload(parts([named])).send().await.unwrap();
    assert!(done.checksum_sha256.unwrap().ends_with("-1"));
    let get = client.get_object().bucket(BUCKET).key("k");
    let get = get.checksum_mode(aws_sdk_s3::types::ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(get.body.collect().await.unwrap().to_vec(), b"x");
}

#[tokio::test]
async fn a_completion_that_names_other_bytes_is_refused() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let begun = client.create_multipart_upload().bucket(BUCKET).key("k").checksum_algorithm(ChecksumAlgorithm::Sha256);
    let id = begun.send().await.unwrap().upload_id.unwrap();
    let part = client.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(1);
    let part = part.checksum_algorithm(ChecksumAlgorithm::Sha256).body(ByteStream::from_static(b"x"));
    let part = part.send().await.unwrap();
    let named = || CompletedPart::builder().part_number(1).e_tag(part.e_tag.clone().unwrap());
    let (right, wrong) = (part.checksum_sha256.clone().unwrap(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    let complete = |part: CompletedPart| {
        let complete = client.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
        complete.multipart_upload(parts([part]))
    };
    let cases = [
        ("another checksum", complete(named().checksum_sha256(wrong).build()), 400, "InvalidPart"),
        ("another algorithm", complete(named().checksum_crc32("AAAAAA==").build()), 400, "InvalidPart"),
        ("another size", complete(named().build()).mpu_object_size(2), 400, "InvalidRequest"),
        ("another type", complete(named().build()).checksum_type(ChecksumType::FullObject), 400, "InvalidRequest"),
        ("a checksum of all", complete(named().build()).checksum_sha256(wrong), 501, "NotImplemented"),
        ("what is there", complete(named().checksum_sha256(right).build()).mpu_object_size(1), 200, ""),
    ];
    for (case, request, expected_status, expected) in cases {
        let answer = request.send().await;
        assert_eq!((status(&answer), code(&answer).as_str()), (expected_status, expected), "{case}");
    }
    assert_eq!(fixture.get("k").await, b"x");
}
