//! The status page and the metrics: who gets to see them, and that nothing on them can do harm.

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::support::{
    Answer, PlainS3, Request, Setup, World,
    component::{self, ROMEO, iq, slot_request},
    tokens,
};

const PAGE: &str = "/_satchel/";
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    "\u{202e}gpj.exe",
    "\"'><svg onload=alert(1)>",
    "{{ 7*7 }} ${7*7} &lt;b&gt;",
    "a\u{200b}\u{feff}b",
];

fn get(target: &str) -> Request {
    Request::new("GET", target)
}

fn html(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")), "{answer:?}");
    String::from_utf8(answer.body.clone()).unwrap()
}

async fn page(world: &World) -> String {
    html(&world.get(PAGE).await)
}

#[tokio::test]
async fn the_page_has_what_is_stored_what_was_refused_and_what_to_paste() {
    let world = World::new().await;
    let empty = page(&world).await;
    assert!(empty.contains("Nothing is stored yet") && empty.contains("None since the start"), "{empty}");
    world.store("u/grüße.txt", b"hello").await;
    world.put(&tokens::v1("u/b", 6), b"hello").await;
    world.get("/upload/u/grüße.txt").await;
    // A walk over the files is good for a second.
    let world = world.restart().await;
    world.stack.counted().await;
    world.put(&tokens::v1("u/b", 6), b"hello").await;
    let page = page(&world).await;
    for part in ["grüße.txt", "5 B", "mac_mismatch", "u/b 5", "never by itself", "http_file_share_base_url", "<svg"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    world.stop().await;
}

#[tokio::test]
async fn slots_that_prosody_did_not_get_are_among_the_refusals() {
    let world = component::world(&[("SATCHEL_MAX_SIZE", "1000")]).await;
    world.send(&iq(&slot_request("a", 5, ""), "eve@elsewhere.org/r")).await;
    world.send(&iq(&slot_request("a", 1_001, ""), ROMEO)).await;
    world.send(&get("/slot/ejabberd-secret?jid=romeo%40example.org&name=a&size=1001")).await;
    let page = page(&world).await;
    let (_, refusals) = page.split_once("id=\"refusals\"").unwrap();
    assert!(refusals.contains("only accounts of this server may upload files here"), "{refusals}");
    assert!(refusals.contains("domain_not_allowed</code></strong> 200 POST component"), "{refusals}");
    assert_eq!(refusals.matches("the largest file allowed here has 1000 bytes").count(), 2, "{refusals}");
    world.stop().await;
}

#[tokio::test]
async fn hostile_names_are_shown_and_do_nothing() {
    let world = World::new().await;
    let names: Vec<String> = HOSTILE.map(str::to_owned).into_iter().chain(["long ".repeat(50)]).collect();
    for name in &names {
        let path = format!("u/{}", name.replace('/', ""));
        world.store(&path, b"hello").await;
        world.put(&tokens::v1(&format!("{path}2"), 6), b"hello").await;
    }
    let page = page(&world).await;
    let (head, body) = page.split_once("<tbody>").unwrap();
    assert!(!head.contains("alert"), "{head}");
    for markup in ["<script", "<img", "<svg onload", "</title><", "onerror=alert(1)>", "\u{202e}", "\u{200b}"] {
        assert!(!body.contains(markup), "{markup} in {page}");
    }
    for shown in ["&#60;script&#62;alert(1)", "\\u{202e}gpj.exe", "{{ 7*7 }} ${7*7} &#38;lt;b&#38;gt;"] {
        assert!(body.contains(shown), "{shown} in {page}");
    }
    let files = page.split("id=\"expiry\"").next().unwrap();
    assert!(!files.contains(&names[6]) && files.contains("long …"), "{files}");
    world.stop().await;
}

#[tokio::test]
async fn the_page_runs_nothing_and_other_pages_cannot_read_it() {
    let world = World::new().await;
    for target in [PAGE, "/metrics", "/_satchel/style.css"] {
        let answer = world.send(&get(target).header("Origin", "https://evil.example")).await;
        assert_eq!(answer.status, 200);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let head = world.send(&Request::new("HEAD", target)).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        let post = world.send(&Request::new("POST", target).body(b"")).await;
        assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
        let line = world.lines.last();
        assert_eq!((&line["function"], &line["code"]), (&"status".into(), &"method_not_allowed".into()), "{line}");
        assert_eq!((&line["status"], &line["level"]), (&405.into(), &"WARN".into()), "{line}");
    }
    let page = page(&world).await;
    assert!(!page.contains("<script") && !page.contains(" style=") && !page.contains("http-equiv"), "{page}");
    let moved = world.get("/_satchel").await;
    assert_eq!((moved.status, moved.header("location")), (308, Some(PAGE)));
    world.stop().await;
}

/// A connection from another machine cannot be made here; access.rs has a table of those.
#[tokio::test]
async fn without_credentials_the_page_is_for_this_machine_alone() {
    let world = World::new().await;
    for target in [PAGE, "/metrics", "/_satchel/style.css"] {
        for (name, value) in [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1"), ("X-Real-IP", "::1")] {
            let answer = world.send(&get(target).header(name, value)).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "status_not_local"), "{target} {name}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
            let line = world.lines.last();
            assert_eq!((&line["function"], &line["status"]), (&"status".into(), &403.into()), "{line}");
        }
        let address = world.stack.address().to_string();
        let rebound = get(target).send_as(&address, "evil.example").await;
        assert_eq!(rebound.status, 403, "{target} by another name");
        assert_eq!(get(target).send_as(&address, "localhost").await.status, 200);
    }
    world.stop().await;
}

#[tokio::test]
async fn with_credentials_the_page_is_for_those_who_have_them() {
    let variables = vec![("SATCHEL_STATUS_CREDENTIALS", "admin:hunter2".to_owned())];
    let world = World::with(Setup { variables, ..Setup::default() }).await;
    for target in [PAGE, "/metrics"] {
        let with = |pair: &str| get(target).header("Authorization", format!("Basic {}", BASE64_STANDARD.encode(pair)));
        let refused = world.get(target).await;
        assert_eq!((refused.status, refused.code().as_str()), (401, "basic_required"));
        assert!(refused.header("www-authenticate").unwrap().starts_with("Basic"));
        assert_eq!(world.send(&with("admin:hunter")).await.status, 401);
        let admitted = world.send(&with("admin:hunter2").header("X-Forwarded-For", "192.0.2.1")).await;
        assert_eq!(admitted.status, 200);
    }
    world.stop().await;
}

#[tokio::test]
async fn secrets_are_named_and_never_shown() {
    let world = component::world(&[
        ("SATCHEL_METRONOME_DELETE_SECRET", "delete-me"),
        ("SATCHEL_ROSTER_CREDENTIALS", "app:roster-word"),
        ("SATCHEL_PROSODY_REFRESH_URL", "https://me:hunter2@xmpp.example.org/roster_admin/refresh"),
    ])
    .await;
    let page = page(&world).await;
    for secret in
        ["it-is-secret", "new secret", "delete-me", "hunter2", "roster-word", "prosody:pass", "ejabberd-secret"]
    {
        assert!(!page.contains(secret), "{secret}");
    }
    assert!(!page.contains(&world.variable("AWS_SECRET_ACCESS_KEY")));
    for name in ["SATCHEL_UPLOAD_SECRETS", "SATCHEL_METRONOME_DELETE_SECRET", "AWS_SECRET_ACCESS_KEY"] {
        let (_, rest) = page.split_once(&format!("<code>{name}</code>")).unwrap();
        assert!(rest.split("</tr>").next().unwrap().contains("set, not shown"), "{name}");
    }
    world.stop().await;
}

/// Most URLs with a password are refused; one that nobody reads is not, and would be shown.
#[test]
fn a_url_is_shown_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let lookup = |name: &str| (name == "AWS_ENDPOINT_URL").then(|| "https://me:hunter2@aws.example.org/".to_owned());
    let shown = satchel::settings::Settings::load(folder.path(), lookup).unwrap().shown();
    let setting = shown.iter().find(|setting| setting.name == "AWS_ENDPOINT_URL").unwrap();
    assert_eq!(setting.value, "https://aws.example.org/");
}

#[tokio::test]
async fn uploads_are_never_in_the_pages_shadow() {
    let variables = vec![("SATCHEL_PUBLIC_URL", "https://files.example.org".to_owned())];
    let world = World::with(Setup { variables, ..Setup::default() }).await;
    assert_eq!(world.stack.status_page(), None);
    for target in ["/metrics", PAGE, "/_satchel/style.css"] {
        let answer = world.get(target).await;
        assert!([400, 404].contains(&answer.status), "{target}: {answer:?}");
        assert_ne!(world.lines.last()["function"], "status");
    }
    let token = tokens::v1("_satchel/style.css", 5);
    assert_eq!(world.put(token.strip_prefix("/upload").unwrap(), b"hello").await.status, 201);
    assert_eq!(world.fetch("/_satchel/style.css").await.body, b"hello");
    world.stop().await;
}

#[tokio::test]
async fn another_s3_is_named_and_not_counted() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    let page = page(&world).await;
    assert!(page.contains("which is not counted here") && !page.contains("Files stored"), "{page}");
    let metrics = String::from_utf8(world.get("/metrics").await.body).unwrap();
    assert!(!metrics.contains("satchel_storage_bytes{"), "{metrics}");
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn credentials_without_a_password_are_a_bad_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let lookup = |name: &str| (name == "SATCHEL_STATUS_CREDENTIALS").then(|| "admin".to_owned());
    let settings = satchel::settings::Settings::load(folder.path(), lookup).unwrap();
    let error = satchel::functions::Configs::parse(&settings).unwrap_err();
    assert!(error.to_string().contains("SATCHEL_STATUS_CREDENTIALS: has a line without a colon"), "{error}");
}
