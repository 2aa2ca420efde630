//! A server that is killed with SIGKILL in the middle of writing: every object is whole or absent afterwards.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use aws_sdk_s3::primitives::ByteStream;
use satchel_s3::ServerOptions;

use crate::support::{BUCKET, Fixture, client, credentials, pattern};

fn spawn(folder: &std::path::Path) -> (Child, SocketAddr) {
    let credentials = credentials();
    let mut child = Command::new(env!("CARGO_BIN_EXE_satchel-s3"))
        .arg(folder)
        .env("AWS_ACCESS_KEY_ID", credentials.access_key)
        .env("AWS_SECRET_ACCESS_KEY", credentials.secret_key)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
    (child, address.trim().parse().unwrap())
}

/// Which body a key has: of many sizes, so that kills fall into all phases of a write.
fn body(n: usize) -> Vec<u8> {
    let mut bytes = pattern(1 + n * 7919 % 700_000);
    bytes[0] = n as u8;
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_every_object_whole_or_absent() {
    let dir = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut attempted) = (BTreeSet::new(), 0);
    for round in 0..4 {
        let (mut child, addr) = spawn(dir.path());
        let client = client(addr);
        client.create_bucket().bucket(BUCKET).send().await.unwrap();
        let (acks, mut acked) = tokio::sync::mpsc::unbounded_channel();
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (client, acks) = (client.clone(), acks.clone());
                let first = attempted + writer * 1000;
                tokio::spawn(async move {
                    for n in first..first + 1000 {
                        let put = client.put_object().bucket(BUCKET).key(n.to_string()).if_none_match("*");
                        if put.body(ByteStream::from(body(n))).send().await.is_err() {
                            return;
                        }
                        let _ = acks.send(n);
                    }
                })
            })
            .collect();
        drop(acks);
        for _ in 0..30 + round * 7 {
            acknowledged.insert(acked.recv().await.unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
        while let Some(n) = acked.recv().await {
            acknowledged.insert(n);
        }
        attempted += 8000;
    }

    let fixture = Fixture::on(dir, ServerOptions::default()).await;
    let mut present = BTreeSet::new();
    let mut pages = fixture.client.list_objects_v2().bucket(BUCKET).into_paginator().send();
    while let Some(page) = pages.next().await {
        present.extend(page.unwrap().contents().iter().map(|object| object.key().unwrap().parse::<usize>().unwrap()));
    }
    assert!(acknowledged.is_subset(&present), "lost: {:?}", acknowledged.difference(&present));
    for n in present {
        assert!(fixture.get(&n.to_string()).await == body(n), "object {n} is not whole");
    }
}
