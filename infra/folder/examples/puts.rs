//! `cargo run --release -p satchel-folder --example puts -- DIR [SECONDS]`: how many PUTs and GETs a second the store itself
//! makes, by the size of the bodies and by what is kept in the index, with 16 at a time, each of them synced.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use satchel_folder::{Address, Described, Store, StoreError, StoreOptions, WriteCondition};

const WRITERS: u64 = 16;
const KIB: u64 = 1024;

fn at(n: u64) -> Address {
    Address { bucket: "b".into(), key: n.to_string() }
}

async fn put(store: &Store, key: u64, body: Bytes) -> Result<(), StoreError> {
    let length = body.len() as u64;
    let (body, ()) = store.receive(stream::iter([Ok::<_, StoreError>(body)]), length, ()).await?;
    store.put(at(key), Described::default(), body, WriteCondition { absent: true, matches: None }).await.map(drop)
}

async fn get(store: &Store, key: u64) -> Result<(), StoreError> {
    let found = store.find(&at(key))?;
    let size = found.head().size;
    store.read(found, 0..size).await?.try_for_each(|_| async { Ok(()) }).await
}

/// How often a second `what` is done, with the numbers from 0.
async fn rate<F, W>(seconds: u64, what: W) -> Result<u64, Box<dyn Error>>
where
    F: Future<Output = Result<(), StoreError>> + Send,
    W: Fn(u64) -> F + Clone + Send + 'static,
{
    let (next, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let until = start + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (next, what) = (Arc::clone(&next), what.clone());
            tokio::spawn(async move {
                while Instant::now() < until {
                    what(next.fetch_add(1, Ordering::Relaxed)).await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(next.load(Ordering::Relaxed) * 1_000 / u64::try_from(start.elapsed().as_millis())?.max(1))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: puts DIR [SECONDS]")?;
    let seconds: u64 = arguments.next().map_or(Ok(3), |text| text.parse())?;
    println!("KiB    in the index up to    PUT/s    GET/s");
    for size in [1, 16, 32, 64, 100] {
        for inside in [0, 16, 32, 64, 128] {
            if inside >= size || inside == 0 {
                let dir = Path::new(&folder).join(format!("{size}-{inside}"));
                let options = StoreOptions { inside: inside * KIB, scrubs: false, ..StoreOptions::default() };
                let store = Store::open_with(&dir, options).await?;
                store.create_bucket("b").await?;
                let body = Bytes::from(vec![7; usize::try_from(size * KIB)?]);
                let writing = store.clone();
                let puts = rate(seconds, move |n| {
                    let (store, body) = (writing.clone(), body.clone());
                    async move { put(&store, n, body).await }
                });
                let puts = puts.await?;
                let (reading, there) = (store.clone(), (puts * seconds / 2).max(1));
                let gets = rate(1, move |n| {
                    let store = reading.clone();
                    async move { get(&store, n % there).await }
                });
                println!("{size:>3} {inside:>20} KiB {puts:>8} {:>8}", gets.await?);
                store.close().await?;
                std::fs::remove_dir_all(&dir)?;
            }
        }
    }
    Ok(())
}
