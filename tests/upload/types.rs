//! Content types: which one counts of what was signed, what the header says and what the name says.

use crate::support::{Request, World, tokens};

#[tokio::test]
async fn the_type_that_was_signed_is_the_type_that_is_served() {
    let world = World::new().await;
    for (number, (signed, header, served)) in [
        ("text/plain; charset=utf-8", Some("text/plain; charset=utf-8"), "text/plain; charset=utf-8"),
        ("image/png", Some("image/png; x=y"), "image/png"),
        ("application/octet-stream", Some("image/png"), "application/octet-stream"),
        ("application/octet-stream", None, "application/octet-stream"),
        ("", Some("image/png"), "application/octet-stream"),
        ("image/jpeg", None, "image/jpeg"),
        ("image/jpeg", Some("text/html"), "image/jpeg"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("u{number}/pic.jpg");
        let mut request = Request::new("PUT", &tokens::v2(&name, 5, signed));
        if let Some(header) = header {
            request = request.header("Content-Type", header);
        }
        assert_eq!(world.send(&request.body(b"hello")).await.status, 201, "{signed} {header:?}");
        let fetched = world.fetch(&tokens::target(&name)).await;
        assert_eq!(fetched.header("content-type"), Some(served), "{signed} {header:?}");
    }
    world.stop().await;
}

/// The slot request named a type; the PUT comes from another library, which names none or spells it in its own way.
#[tokio::test]
async fn what_was_signed_need_not_be_what_the_name_or_the_header_says() {
    let world = World::new().await;
    for (number, (name, signed, header)) in [
        ("a.m4a", "audio/mp4", None),
        ("a.m4a", "audio/x-m4a", None),
        ("a.ogg", "application/ogg", None),
        ("a.ogg", "audio/ogg; codecs=opus", None),
        ("a.mp3", "audio/mp3", None),
        ("a.wav", "audio/x-wav", None),
        ("a.amr", "audio/amr", None),
        ("a.vcf", "text/x-vcard", None),
        ("a.mkv", "video/x-matroska", None),
        ("a.tar.gz", "application/x-compressed-tar", None),
        ("a", "audio/ogg; codecs=opus", Some("audio/ogg;codecs=opus")),
        ("a", "audio/ogg;codecs=opus", Some("audio/ogg; codecs=\"opus\"")),
        ("a", "text/plain;charset=utf-8", Some("Text/Plain; charset=UTF-8")),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("u{number}/{name}");
        let mut request = Request::new("PUT", &tokens::v2(&path, 5, signed));
        if let Some(header) = header {
            request = request.header("Content-Type", header);
        }
        assert_eq!(world.send(&request.body(b"hello")).await.status, 201, "{name} {signed} {header:?}");
        let fetched = world.fetch(&tokens::target(&path)).await;
        assert_eq!(fetched.header("content-type"), Some(signed), "{name} {header:?}");
    }
    for (path, signed, header) in [
        ("u/a.m4a", "text/html", None),
        ("u/a", "audio/ogg; codecs=opus", Some("audio/ogg; codecs=vorbis")),
        ("u/a", "audio/ogg; codecs=opus", Some("audio/ogg")),
    ] {
        let mut request = Request::new("PUT", &tokens::v2(path, 5, signed));
        if let Some(header) = header {
            request = request.header("Content-Type", header);
        }
        assert_eq!(world.send(&request.body(b"hello")).await.code(), "mac_mismatch", "{path} {signed} {header:?}");
    }
    world.stop().await;
}
