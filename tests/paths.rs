//! Hostile and merely unusual paths.

use crate::support::{
    Request, World, bytes,
    tokens::{self, bearer, claims},
};

#[tokio::test]
async fn hostile_paths_are_refused_and_touch_nothing() {
    let world = World::new().await;
    world.store("safe/file", b"hello").await;
    let long = format!("u/{}", "n".repeat(2_000));
    for path in [
        "..",
        "u/..",
        "u/../safe/file",
        "../safe/file",
        "u/.",
        "./u",
        "u/%2e%2e/x",
        "u/%2E%2e",
        "%2e%2e/safe/file",
        "u/.%2e/x",
        "u/%2fx",
        "u%2fx",
        "u/..%2f..%2fx",
        "u/%00",
        "u/a%00b",
        "u/a%0ab",
        "u/%7f",
        "u/..\\x",
        "u/..%5cx",
        "u/%5c..%5cx",
        "u/\\..\\x",
        "u//x",
        "/u/x",
        "u/x/",
        "u/",
        "",
        "u/%",
        "u/%zz",
        "u/%e8",
        &long,
    ] {
        for request in [
            Request::new("PUT", &format!("/upload/{path}?v={}", "0".repeat(64))).body(b"hello"),
            Request::new("PUT", &format!("/upload/{path}?v={}", "0".repeat(64))).body(&bytes(5_000_000)),
            Request::new("PUT", &format!("/upload/{path}"))
                .header("Authorization", bearer(&claims("u", "x", 5, "", 4_000_000_000)))
                .body(b"hello"),
            Request::new("GET", &format!("/upload/{path}")),
        ] {
            let answer = world.send(&request).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "path_malformed"), "{path}");
        }
    }
    assert_eq!(world.keys("").await, ["uploads/safe/file"]);
    world.stop().await;
}

#[tokio::test]
async fn unusual_names_are_stored_and_served_faithfully() {
    let world = World::new().await;
    for (number, name) in [
        "with space",
        "umläut 😀.jpg",
        "a+b",
        "100%",
        "a%20b",
        "%2e%2e",
        "%2f",
        "#hash",
        "what?",
        "a&b=c",
        "a\\b",
        "...",
        ".hidden",
        "~tilde",
        "semi;colon",
        "quote'\"",
        "comma,",
        "star*(1)",
        "[x]",
        "a:b@c!$",
        "<script>",
        "-",
        "index.html",
        "é",
        "e\u{301}",
    ]
    .iter()
    .enumerate()
    {
        let (path, body) = (format!("slot {number}/{name}"), name.as_bytes());
        world.store(&path, body).await;
        let fetched = world.fetch(&tokens::target(&path)).await;
        assert_eq!((fetched.status, fetched.body.as_slice()), (200, body), "{name}");
        assert!(world.keys(&format!("uploads/{path}")).await.contains(&format!("uploads/{path}")), "{name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn prosodys_two_ways_to_escape_mean_the_same_file() {
    let world = World::new().await;
    world.store("s/a:b@c!$'()*,&=+d", b"hello").await;
    for spelling in [
        "s/a:b@c!$'()*,&=+d",
        "s/a%3ab%40c%21%24%27%28%29%2a%2c%26%3d%2bd",
        "s/a%3Ab%40c%21%24%27%28%29%2A%2C%26%3D%2Bd",
    ] {
        assert_eq!(world.fetch(&format!("/upload/{spelling}")).await.body, b"hello", "{spelling}");
    }
    world.stop().await;
}

/// ejabberd with several hosts sends `<host>/<SHA-1>/<random>/<name>` and signs all but the host.
#[tokio::test]
async fn a_token_of_an_ejabberd_with_several_hosts_writes_one_file_whatever_the_host() {
    let world = World::new().await;
    let signed = "da39a3ee5e6b4b0d3255bfef95601890afd80709/random/f.jpg";
    let below = |host: &str| tokens::v1(signed, 5).replacen("/upload/", &format!("/upload/{host}"), 1);
    assert_eq!(world.put(&below("a.example/b.example/"), b"hello").await.code(), "mac_mismatch");
    assert_eq!(world.put(&below("a.example/"), b"hello!").await.code(), "mac_mismatch");
    assert_eq!(world.put(&below("a.example/"), b"hello").await.status, 201);
    for host in ["a.example/", "b.example/", ""] {
        assert_eq!(world.put(&below(host), b"other").await.code(), "file_exists", "{host}");
        assert_eq!(world.fetch(&format!("/upload/{host}{signed}")).await.body, b"hello", "{host}");
    }
    assert_eq!(world.keys("uploads/").await, [format!("uploads/{signed}")]);
    world.stop().await;
}

#[tokio::test]
async fn the_longest_key_is_1024_bytes() {
    let world = World::new().await;
    let longest = format!("u/{}", "n".repeat(1_024 - "uploads/u/".len()));
    world.store(&longest, b"hello").await;
    assert_eq!(world.fetch(&tokens::target(&longest)).await.body, b"hello");
    let longer = format!("{longest}n");
    assert_eq!(world.put(&tokens::v1(&longer, 5), b"hello").await.code(), "path_malformed");
    assert_eq!(world.get(&tokens::target(&longer)).await.code(), "path_malformed");
    world.stop().await;
}
