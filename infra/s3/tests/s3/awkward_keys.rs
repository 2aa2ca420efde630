//! Any key of up to 1,024 bytes works everywhere: keys never become file names.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, EncodingType, ObjectIdentifier};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::support::{BUCKET, Fixture, code, status};

#[rustfmt::skip] // One key a line would be a page of nothing.
const KEYS: &[&str] = &[
    "a", "a/b", "a/", "a//b", "/leading", "//", "..", "../up", "a/../b", ".", "a/./b", "trailing/", "back\\slash",
    "per%cent", "per%20cent", "%2F", "plus+plus", "sp ace", " leading space", "trailing space ", "que?ry", "ha#sh",
    "am&p", "eq=ual", "ti~lde", "quo'te", "dquo\"te", "(paren)", "st*r", "b!ng", "at@", "col:on", "com,ma",
    "d$llar", "semi;colon", "<angle>", "[bracket]", "{brace}", "pi|pe", "ca^ret", "gra`ve", "umläut", "日本語", "🎒",
    "e\u{301}", "new\nline", "tab\tkey", "bell\u{7}", "nul\0key", "del\u{7f}", "\u{feff}bom", "con.txt", "aux",
    "index.redb", "tmp", "versionId", "a?versionId=1", "uploads", "x/?uploads", "list-type=2", "\u{10ffff}",
];

fn keys() -> Vec<String> {
    let mut keys: Vec<String> = KEYS.iter().map(|key| (*key).to_owned()).collect();
    keys.push("s".repeat(1000));
    keys.push("ü".repeat(512));
    keys.push(format!("{}/{}", "d".repeat(511), "f".repeat(512)));
    keys
}

/// The header is percent-encoded, slashes too or not: both are in use.
fn copy_source(key: &str) -> String {
    format!("{BUCKET}/{}", utf8_percent_encode(key, NON_ALPHANUMERIC))
}

#[tokio::test]
async fn awkward_keys_are_stored_read_copied_listed_and_deleted() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let mut keys = keys();
    for key in &keys {
        let body = ByteStream::from(format!("body of {key}").into_bytes());
        let put = client.put_object().bucket(BUCKET).key(key).if_none_match("*").body(body).send().await;
        assert_eq!(status(&put), 200, "PUT {key:?}: {put:?}");
    }
    for key in &keys {
        assert_eq!(fixture.get(key).await, format!("body of {key}").into_bytes(), "GET {key:?}");
        let copied = client.copy_object().bucket(BUCKET).key(key).copy_source(copy_source(key));
        let copied = copied.metadata_directive(aws_sdk_s3::types::MetadataDirective::Replace).send().await;
        assert_eq!(status(&copied), 200, "COPY {key:?}: {copied:?}");
    }
    let listed = client.list_objects_v2().bucket(BUCKET).encoding_type(EncodingType::Url).send().await.unwrap();
    let decode = |key: &str| percent_decode_str(key).decode_utf8().unwrap().into_owned();
    let listed: Vec<_> = listed.contents().iter().map(|object| decode(object.key().unwrap())).collect();
    keys.sort();
    assert_eq!(listed, keys);
    for key in &keys {
        assert_eq!(status(&client.delete_object().bucket(BUCKET).key(key).send().await), 200, "DELETE {key:?}");
        assert_eq!(status(&client.head_object().bucket(BUCKET).key(key).send().await), 404, "HEAD {key:?}");
    }
}

#[tokio::test]
async fn awkward_keys_survive_the_xml_of_a_batch() {
    let fixture = Fixture::start().await;
    // XML 1.0 cannot carry the others.
    let keys: Vec<_> = keys().into_iter().filter(|key| !key.contains(|c: char| c.is_control())).collect();
    for key in &keys {
        fixture.put(key, "x").await;
    }
    let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build().unwrap()).collect();
    let delete = Delete::builder().set_objects(Some(objects)).build().unwrap();
    fixture.client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    let left = fixture.client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let left: Vec<_> = left.contents().iter().map(|object| object.key().unwrap()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_key_may_have_1024_bytes_and_no_more() {
    let fixture = Fixture::start().await;
    let put = |key: String| fixture.client.put_object().bucket(BUCKET).key(key).send();
    assert_eq!(status(&put("k".repeat(1024)).await), 200);
    for key in ["k".repeat(1025), "ü".repeat(513)] {
        let refused = put(key).await;
        assert_eq!((status(&refused), code(&refused)), (400, "KeyTooLongError".into()));
    }
}
