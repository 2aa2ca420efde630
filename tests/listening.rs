//! What a stack listens on: its gateway, and S3 where it is asked for.

use satchel::{
    settings::Settings,
    stack::{Options, Stack, StackError},
};

use crate::support::{PlainS3, Setup, World, options};

#[tokio::test]
async fn s3_is_served_where_it_is_asked_for_or_redirected_to() {
    let plain = PlainS3::start().await;
    for (name, world, is_served) in [
        ("by itself", World::new().await, false),
        ("asked for", World::with_s3().await, true),
        ("as on AWS", World::as_on_aws().await, true),
        ("another S3", plain.world_with(Setup { s3: true, ..Setup::default() }).await, false),
    ] {
        assert_eq!(world.stack.s3_address().is_some(), is_served, "{name}");
        world.stop().await;
    }
    plain.stop().await;
}

#[tokio::test]
async fn slots_that_lead_to_s3_need_one_that_clients_reach() {
    let plain = PlainS3::start().await;
    let anywhere = Some(([127, 0, 0, 1], 0).into());
    for (name, s3_listen, strict_aws, variables, starts) in [
        ("a folder", None, false, Vec::new(), false),
        ("a folder with an S3 server", anywhere, false, Vec::new(), true),
        ("a folder as on AWS", None, true, Vec::new(), true),
        ("another S3", None, false, plain.variables(), true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let lookup = |name: &str| match name {
            "SATCHEL_SLOT_PUT" => Some("s3".to_owned()),
            name => variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()),
        };
        let settings = Settings::load(folder.path(), lookup).unwrap();
        let ordinary = options(folder.path(), settings);
        match Stack::start(Options { s3_listen, strict_aws, ..ordinary }).await {
            Ok(stack) => {
                stack.stop().await;
                assert!(starts, "{name}");
            }
            Err(StackError::Config(error)) => {
                let text = error.to_string();
                assert!(text.contains("SATCHEL_SLOT_PUT: ") && text.contains("--s3-listen"), "{name}: {text}");
                assert!(!starts, "{name}");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    plain.stop().await;
}
