//! Whenever the power is cut, nothing acknowledged is lost, nothing half is there, and the store opens and works.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use satchel_folder::{Notice, OpenError, Store, StoreOptions};
use tokio::runtime::Runtime;

use crate::content::Rest;
use crate::disk::{Cut, Moment};
use crate::ledger::Ledger;
use crate::machine::{Machine, alone};
use crate::random::Random;
use crate::support::{BUCKET, Folder, LARGE, get, pattern, put};
use crate::work::Worker;

/// When the power is cut under load: each kind of request that matters, and how far into the load at most.
const MOMENTS: [(Moment, usize); 10] = [
    (Moment::Any, 8000),
    (Moment::LogSync, 300),
    (Moment::FolderSync, 200),
    (Moment::IndexWrite, 500),
    (Moment::LogWrite, 4000),
    (Moment::FileSync, 200),
    (Moment::Create, 200),
    (Moment::FileWrite, 500),
    (Moment::Link, 30),
    (Moment::IndexSync, 1),
];
const CUTS: u64 = 20;
const WORKERS: usize = 6;

fn seed() -> u64 {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    let seed = std::env::var("POWER_SEED").map(|seed| seed.parse().expect("POWER_SEED is a number"));
    let seed = seed.unwrap_or_else(|_| u64::from_le_bytes(random));
    println!("POWER_SEED={seed} repeats this");
    seed
}

/// A machine, what is known of its store, and what the store has said.
struct Room {
    machine: Arc<Machine>,
    ledger: Arc<Mutex<Ledger>>,
    heard: Arc<Mutex<Vec<Notice>>>,
    random: Random,
}

impl Room {
    fn power_on(&mut self) -> std::path::PathBuf {
        self.machine.power_on(self.random.chance(50)).join("store")
    }

    fn options(&self) -> StoreOptions {
        let heard = Arc::clone(&self.heard);
        StoreOptions {
            listener: Arc::new(move |notice| heard.lock().unwrap().push(notice.clone())),
            ..Folder::new().options()
        }
    }

    async fn open(&self, folder: &Path) -> Result<Store, OpenError> {
        Store::open_with(folder, self.options()).await
    }

    /// Opens the store and compares it.
    async fn reopen(&self, folder: &Path) -> Store {
        let store = self.open(folder).await.unwrap_or_else(|error| panic!("the store opens: {error}"));
        store.create_bucket(BUCKET).await.unwrap();
        let mut ledger = std::mem::take(&mut *self.ledger.lock().unwrap());
        ledger.compare(&store).await;
        *self.ledger.lock().unwrap() = ledger;
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        let is_bad = |notice: &Notice| matches!(notice, Notice::Damaged { .. } | Notice::LogGone);
        assert!(!heard.iter().any(is_bad), "{heard:?}");
        store
    }

    /// Cuts the power under load.
    fn load(&mut self, (at, most): (Moment, usize)) {
        let folder = self.power_on();
        let runtime = runtime();
        runtime.block_on(async {
            let store = self.reopen(&folder).await;
            self.machine.cut_at(Cut { at, countdown: self.random.up_to(most), after: self.random.chance(50) });
            let workers: Vec<_> = (0..WORKERS)
                .map(|number| {
                    let (store, ledger) = (store.clone(), Arc::clone(&self.ledger));
                    let (random, machine) = (Random::new(self.random.next()), Arc::clone(&self.machine));
                    tokio::spawn(async move {
                        let error = Worker { number, store, ledger, random }.work().await;
                        assert!(!machine.has_power(), "{error}");
                    })
                })
                .collect();
            for worker in workers {
                worker.await.unwrap();
            }
        });
        self.off(runtime);
    }

    /// Cuts the power while the store is opened, or closed in order.
    fn opening(&mut self) {
        let folder = self.power_on();
        let at = self.random.pick(&[Moment::Any, Moment::Any, Moment::Rename, Moment::IndexWrite]);
        self.machine.cut_at(Cut { at, countdown: self.random.up_to(60), after: self.random.chance(50) });
        let runtime = runtime();
        runtime.block_on(async {
            match self.open(&folder).await {
                Ok(store) => match store.close().await {
                    Ok(()) => {}
                    Err(error) => assert!(!self.machine.has_power(), "{error}"),
                },
                Err(error) => assert!(!self.machine.has_power(), "{error}"),
            }
        });
        self.off(runtime);
    }

    /// The end of what the machine was doing.
    fn off(&mut self, runtime: Runtime) {
        drop(runtime);
        threads_end("store-");
        // What was said of a disk without power.
        self.heard.lock().unwrap().clear();
        let rest = Rest::some(&mut self.random);
        let report = self.machine.off(rest, self.random.next());
        assert!(report.reused.is_empty(), "names of blobs that were used twice: {:?}", report.reused);
        assert!(!report.is_busy, "a store that is dropped leaves no file open");
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Waits until threads of stores with such names have ended. Those of a store that is dropped end by themselves.
fn threads_end(prefix: &str) {
    let is_one = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.unwrap().path().join("comm")).is_ok_and(|name| name.starts_with(prefix))
    };
    while std::fs::read_dir("/proc/self/task").unwrap().any(is_one) {
        std::thread::yield_now();
    }
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    let _alone = alone();
    let Some(machine) = Machine::new() else { return };
    let random = Random::new(seed());
    let mut room = Room { machine: Arc::new(machine), ledger: Arc::default(), heard: Arc::default(), random };
    for cut in 0..CUTS {
        room.load(MOMENTS[cut as usize % MOMENTS.len()]);
        for _ in 0..room.random.below(3) {
            room.opening();
        }
    }
    let folder = room.power_on();
    let runtime = runtime();
    runtime.block_on(async {
        let store = room.reopen(&folder).await;
        threads_end("store-sweep");
        store.close().await.unwrap();
        let left = files(&folder.join("blobs"));
        assert_eq!(left, room.ledger.lock().unwrap().files(), "files of objects, and no others");
    });
    println!("{} requests were acknowledged", room.ledger.lock().unwrap().acknowledged);
    room.off(runtime);
}

#[test]
fn what_is_acknowledged_needs_nothing_that_was_not_synced() {
    let _alone = alone();
    let Some(machine) = Machine::new() else { return };
    for (number, journals) in [false, true].into_iter().enumerate() {
        // Folders that are as new as the store.
        let within = Path::new("a/b").join(number.to_string());
        let folder = machine.power_on(journals).join(&within);
        let runtime = runtime();
        runtime.block_on(async {
            let store = Store::open_with(&folder, Folder::new().options()).await.unwrap();
            store.create_bucket(BUCKET).await.unwrap();
            put(&store, "small", b"small").await.unwrap();
            put(&store, "large", &pattern(LARGE)).await.unwrap();
        });
        drop(runtime);
        threads_end("store-");
        machine.off(Rest::NOTHING, 0);

        let folder = machine.power_on(journals).join(&within);
        self::runtime().block_on(async {
            let store = Store::open_with(&folder, Folder::new().options()).await.unwrap();
            assert_eq!(get(&store, "small").await.unwrap(), b"small", "with one journal for all: {journals}");
            assert!(get(&store, "large").await.unwrap() == pattern(LARGE));
        });
        threads_end("store-");
        machine.off(Rest::NOTHING, 0);
    }
}

#[test]
fn a_disk_keeps_what_was_synced_and_perhaps_the_rest() {
    let _alone = alone();
    let Some(machine) = Machine::new() else { return };
    for (rest, all) in [(Rest::NOTHING, false), (Rest::ALL, true)] {
        let root = machine.power_on(false);
        let folder = root.join(all.to_string());
        fs::create_dir(&folder).unwrap();
        File::open(&root).unwrap().sync_all().unwrap();
        for name in ["file", "gone", "unnamed"] {
            let mut file = File::create(folder.join(name)).unwrap();
            file.write_all(b"synced").unwrap();
            file.sync_data().unwrap();
            if name == "gone" {
                File::open(&folder).unwrap().sync_all().unwrap();
            }
        }
        File::options().append(true).open(folder.join("file")).unwrap().write_all(b", not synced").unwrap();
        fs::remove_file(folder.join("gone")).unwrap();
        fs::rename(folder.join("unnamed"), folder.join("named")).unwrap();
        machine.off(rest, 0);

        let folder = machine.power_on(false).join(all.to_string());
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|name| name.unwrap().file_name()).collect();
        let read = fs::read_to_string(folder.join("file")).unwrap();
        assert_eq!(names, if all { ["file", "named"] } else { ["file", "gone"] });
        assert_eq!(read, if all { "synced, not synced" } else { "synced" });
        machine.cut_at(Cut { at: Moment::FileWrite, countdown: 1, after: false });
        let mut file = File::options().append(true).open(folder.join("file")).unwrap();
        assert_eq!(file.write_all(b"x").unwrap_err().raw_os_error(), Some(5), "EIO");
        assert_eq!(File::create(folder.join("new")).unwrap_err().raw_os_error(), Some(5), "for everything since");
        drop(file);
        assert!(!machine.off(rest, 0).is_busy);
    }
}

fn files(blobs: &Path) -> usize {
    let folders = std::fs::read_dir(blobs).unwrap();
    let names = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    names.filter(|name| !name.as_ref().unwrap().file_name().to_string_lossy().ends_with(".label")).count()
}
