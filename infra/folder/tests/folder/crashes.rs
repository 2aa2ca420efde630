//! Crash safety by enumeration: a mixed workload on a simulated disk that dies, or fails, at every single operation. After
//! each, the store opens, has all that was acknowledged, whole, and nothing that was deleted, and works.
//!
//! `SATCHEL_CRASH_SEEDS=500` tries more workloads than the usual few; `SATCHEL_CRASH_SEED=7` one.

mod model;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use satchel_folder::{
    Address, Described, Grown, Headers, NamedPart, Store, StoreError, StoreOptions, UploadAddress, WriteCondition,
};

use self::model::{Expected, Growth, KEYS, Model};
use crate::dice::Dice;
use crate::growing::completion;
use crate::memory::Fate;
use crate::simulated::Simulated;
use crate::support::{BUCKET, absent, at, get, put_if};

const STEPS: usize = 14;

/// A workload under way. The store is opened anew where a step closes it.
struct Run {
    disk: Arc<Simulated>,
    store: Option<Store>,
    dice: Dice,
    model: Model,
    bucket_is_there: bool,
}

async fn open(disk: &Arc<Simulated>) -> Option<Store> {
    let options = StoreOptions { floor: 0, reserve: 0, scrubs: false, ..StoreOptions::default() };
    let store = Store::open_on(Arc::clone(disk) as Arc<_>, Path::new("simulated"), options).await.ok()?;
    store.settle().await;
    Some(store)
}

impl Run {
    fn new(index: &Path, seed: u64, fate: Fate) -> Self {
        let disk = Arc::new(Simulated::new(index.to_owned(), seed ^ 0x5eed, fate));
        Self { disk, store: None, dice: Dice::new(seed), model: Model::default(), bucket_is_there: false }
    }

    async fn steps(&mut self) {
        for step in 0..STEPS {
            if self.store.is_none() {
                self.store = open(&self.disk).await;
            }
            // One that cannot be opened at the moment is tried again with the next step.
            let Some(store) = self.store.clone() else { continue };
            if !self.bucket_is_there {
                self.bucket_is_there = store.create_bucket(BUCKET).await.is_ok();
                continue;
            }
            self.step(&store, step).await;
            store.settle().await;
        }
    }

    async fn step(&mut self, store: &Store, step: usize) {
        let key = format!("k{}", self.dice.below(KEYS));
        let size = [0, 10, 20_000, 40_000, 70_000][usize::try_from(self.dice.below(5)).unwrap()];
        let bytes = vec![u8::try_from(step).unwrap() + 1; size];
        match self.dice.below(12) {
            0..=3 => {
                let done = put_if(store, &key, &bytes, WriteCondition::default()).await;
                self.model.note(&key, Some(bytes), &done);
            }
            4 => {
                let done = put_if(store, &key, &bytes, absent()).await;
                self.model.note(&key, Some(bytes), &done);
            }
            5 | 6 => {
                let done = store.delete(at(&key), None).await;
                self.model.note(&key, None, &done);
            }
            7 => self.copy(store, &key).await,
            8 => self.upload_in_parts(store, &key, bytes).await,
            9 | 10 => self.upload_growing(store, &key, bytes).await,
            _ => {
                // In order, or as it comes where the disk does not let it.
                let _ = store.clone().close().await;
                self.store = None;
            }
        }
    }

    async fn copy(&mut self, store: &Store, to: &str) {
        let from = format!("k{}", self.dice.below(KEYS));
        let Ok(found) = store.find(&at(&from)) else { return };
        let held = self.model.of(&from);
        let done = store.copy(found, at(to), None, WriteCondition::default()).await;
        let copied = held.0.into_iter().filter(Option::is_some);
        match done {
            Ok(_) => drop(self.model.0.insert(to.to_owned(), Expected(copied.collect()))),
            Err(StoreError::Refused(_)) => {}
            Err(_) => self.model.0.entry(to.to_owned()).or_default().0.extend(copied),
        }
    }

    async fn upload_in_parts(&mut self, store: &Store, key: &str, bytes: Vec<u8>) {
        let Ok(id) = store.begin_upload(at(key), Headers::default(), None, false).await else { return };
        let upload = UploadAddress { object: Address { bucket: BUCKET.into(), key: key.into() }, id };
        let body = futures_util::stream::iter([Ok::<_, StoreError>(Bytes::from(bytes.clone()))]);
        let Ok((body, ())) = store.receive(body, bytes.len() as u64, ()).await else { return };
        let described = Described { etag: "e".into(), ..Described::default() };
        if store.put_part(upload.clone(), 1, described, body).await.is_err() {
            return;
        }
        if self.dice.coin() {
            // Whether it has ended or not, the object is what it was.
            let _ = store.abort_upload(upload).await;
            return;
        }
        let named = vec![NamedPart { number: 1, etag: "e".into() }];
        let describe = |_: &_, _: &[&_]| Ok(Described { etag: "e-1".into(), ..Described::default() });
        let done = store.complete_upload(upload, named, WriteCondition::default(), describe).await;
        self.model.note(key, Some(bytes), &done);
    }
}

impl Run {
    async fn upload_growing(&mut self, store: &Store, key: &str, bytes: Vec<u8>) {
        let third = bytes.len() / 3;
        if third == 0 {
            return;
        }
        let first = futures_util::stream::iter([Ok::<_, StoreError>(Bytes::copy_from_slice(&bytes[..third]))]);
        let Ok((first, ())) = store.receive(first, third as u64, ()).await else { return };
        let begun = store.begin_growing(at(key), Headers::default(), bytes.len() as u64, first).await;
        // It takes the place of the one before.
        self.model.1.retain(|growth| growth.at.object.key != key || begun.is_err());
        self.model.1.iter_mut().filter(|growth| growth.at.object.key == key).for_each(|it| it.may_be_gone = true);
        let Ok(id) = begun else { return };
        let upload = UploadAddress { object: at(key), id };
        let mut growth = Growth { at: upload, bytes, sizes: vec![third], may_be_gone: false };
        for end in [2 * third, growth.bytes.len()] {
            if self.dice.below(4) == 0 || !self.grow(store, &mut growth, end).await {
                self.model.1.push(growth);
                return;
            }
        }
    }

    /// Says whether it is known what came of it.
    async fn grow(&mut self, store: &Store, growth: &mut Growth, end: usize) -> bool {
        let Ok(Some(to)) = store.growing(&growth.at) else { return false };
        let chunk = Bytes::copy_from_slice(&growth.bytes[growth.sizes[0]..end]);
        let chunk = futures_util::stream::iter([Ok::<_, StoreError>(chunk)]);
        let Ok(received) = store.receive_more(&to, chunk, 0, ()).await else { return false };
        let (key, is_last) = (growth.at.object.key.clone(), end == growth.bytes.len());
        let grown = store.grow(received.body, completion()).await;
        match &grown {
            Ok(Grown::Part(_)) => growth.sizes = vec![end],
            Ok(Grown::Object(_)) => self.model.note(&key, Some(growth.bytes.clone()), &grown),
            Ok(Grown::Exists) => {}
            Ok(Grown::Elsewhere(_)) => panic!("nobody else adds to it"),
            Err(_) => {
                growth.sizes.push(end);
                growth.may_be_gone = is_last;
                if is_last {
                    self.model.note(&key, Some(growth.bytes.clone()), &grown);
                }
            }
        }
        grown.is_ok()
    }
}

/// The store after a power loss: checked, used, closed, opened and checked again.
async fn survives(mut run: Run, context: &str) {
    run.disk.die();
    if let Some(store) = run.store.take() {
        // It fails, and ends its threads.
        let _ = store.close().await;
    }
    let disk = Arc::new(run.disk.after_power_loss());
    for round in ["first", "second"] {
        let store = open(&disk).await.unwrap_or_else(|| panic!("{context}: cannot be opened the {round} time"));
        store.create_bucket(BUCKET).await.unwrap();
        run.model.check(&store, context).await;
        for (key, bytes) in [("new", vec![1; 50_000]), ("new", vec![2; 5])] {
            put_if(&store, key, &bytes, WriteCondition::default()).await.unwrap();
            assert_eq!(get(&store, key).await.unwrap(), bytes, "{context}");
        }
        assert_eq!(store.scrub().await.unwrap().damaged, 0, "{context}");
        store.close().await.unwrap_or_else(|error| panic!("{context}: {error}"));
    }
}

fn seeds(usual: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match (number("SATCHEL_CRASH_SEED"), number("SATCHEL_CRASH_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(seeds)) => 0..seeds,
        (None, None) => 0..usual,
    }
}

fn folder() -> tempfile::TempDir {
    // In memory where there is such a place: thousands of small databases are made.
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { tempfile::tempdir_in(shared).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// How many operations the workload of a seed takes when all goes well.
async fn operations(seed: u64) -> u64 {
    let dir = folder();
    let mut run = Run::new(&dir.path().join("index.sqlite"), seed, Fate::Well);
    run.steps().await;
    let operations = run.disk.operations();
    survives(run, &format!("seed {seed}, all well")).await;
    operations
}

#[tokio::test]
async fn a_death_at_any_operation_loses_nothing_and_leaves_nothing_half() {
    let mut runs = 0;
    for seed in seeds(14) {
        for at in 1..=operations(seed).await {
            let dir = folder();
            let mut run = Run::new(&dir.path().join("index.sqlite"), seed, Fate::DiesAt(at));
            run.steps().await;
            assert!(run.disk.has_met_its_fate());
            survives(run, &format!("seed {seed}, dies at operation {at}")).await;
            runs += 1;
        }
    }
    eprintln!("{runs} deaths");
}

/// Not every operation of each, but many workloads: what they do, and where they die or fail, is drawn.
#[tokio::test]
async fn workloads_that_die_or_fail_at_a_random_operation_lose_nothing() {
    let mut met = 0;
    for seed in seeds(2_000) {
        let mut dice = Dice::new(seed);
        let at = 1 + dice.below(90);
        let kinds = [ErrorKind::Other, ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem];
        let fate = match kinds.get(usize::try_from(dice.below(6)).unwrap()) {
            Some(kind) => Fate::FailsAt(at, *kind),
            None => Fate::DiesAt(at),
        };
        let dir = folder();
        let mut run = Run::new(&dir.path().join("index.sqlite"), seed, fate);
        run.steps().await;
        met += usize::from(run.disk.has_met_its_fate());
        survives(run, &format!("seed {seed}, {fate:?}")).await;
    }
    eprintln!("{met} workloads met their fate");
    assert!(met > 0);
}

#[tokio::test]
async fn a_failure_of_any_operation_fails_one_request_and_the_next_ones_work() {
    let mut runs = 0;
    for seed in seeds(9) {
        for at in 1..=operations(seed).await {
            for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
                let context = format!("seed {seed}, operation {at} fails: {kind}");
                let dir = folder();
                let mut run = Run::new(&dir.path().join("index.sqlite"), seed, Fate::FailsAt(at, kind));
                run.steps().await;
                assert!(run.disk.has_met_its_fate());
                let store = match run.store.clone() {
                    Some(store) => store,
                    None => open(&run.disk).await.unwrap_or_else(|| panic!("{context}: cannot be opened")),
                };
                store.create_bucket(BUCKET).await.unwrap();
                run.model.check(&store, &context).await;
                put_if(&store, "after", b"works", WriteCondition::default()).await.unwrap();
                assert_eq!(store.health().await.trouble, None, "{context}");
                run.store = Some(store);
                survives(run, &context).await;
                runs += 1;
            }
        }
    }
    eprintln!("{runs} failures");
}
