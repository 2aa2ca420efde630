//! A machine whose power can be cut: a process of its own that serves the disk, mounted where only the tests see it.
//!
//! It is a process of its own so that a test that is killed leaves nothing that waits for itself: the disk ends when the
//! test does.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use fuser::{Config, Session, SessionACL};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use serde::{Deserialize, Serialize};

use crate::content::Rest;
use crate::disk::{Cut, Disk};
use crate::medium::Medium;
use crate::random::Random;
use crate::served::Served;

/// Tells the process what it is, and where to mount.
const FOLDER: &str = "POWER_DISK_FOLDER";
/// Set to `skip` where there is no `/dev/fuse`, to pass without a test.
const WITHOUT_FUSE: &str = "POWER_WITHOUT_FUSE";

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Order {
    PowerOn {
        journals: bool,
    },
    CutAt(Cut),
    HasPower,
    /// Cuts the power, if it is not cut yet.
    Off {
        rest: Rest,
        seed: u64,
    },
}

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Done,
    Power(bool),
    Off(Report),
    Failed(String),
}

/// How a machine was used until its power was cut.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Names that more than one blob has had.
    pub reused: Vec<String>,
    /// Something has files open still.
    pub is_busy: bool,
}

/// To be held by a test: threads and files are counted by process, and one that is being started has those of all.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The machine as the tests see it.
#[derive(Debug)]
pub struct Machine {
    disk: Child,
    line: Mutex<BufReader<UnixStream>>,
    room: tempfile::TempDir,
}

impl Machine {
    /// `None`: there is no FUSE, and it was said that this is all right.
    pub fn new() -> Option<Self> {
        if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/fuse") {
            let why = format!("/dev/fuse cannot be opened ({error}); these tests need it and root");
            assert!(
                std::env::var(WITHOUT_FUSE).is_ok_and(|value| value == "skip"),
                "{why}. Where there is none, set {WITHOUT_FUSE}=skip to leave them out"
            );
            println!("left out: {why}");
            return None;
        }
        // What is mounted from here on is gone with the last thread that this one starts, however that ends.
        let alone = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>));
        alone.expect("a mount that only the test sees: needs root");
        let room = tempfile::tempdir().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let disk = Command::new(std::env::current_exe().unwrap())
            .args(["machine::a_disk", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, room.path())
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { disk, line: Mutex::new(BufReader::new(ours)), room })
    }

    /// Gives the folder where the disk is.
    pub fn power_on(&self, journals: bool) -> PathBuf {
        self.done(&Order::PowerOn { journals });
        self.room.path().to_owned()
    }

    pub fn cut_at(&self, cut: Cut) {
        self.done(&Order::CutAt(cut));
    }

    pub fn has_power(&self) -> bool {
        match self.ask(&Order::HasPower) {
            Answer::Power(has_power) => has_power,
            other => panic!("{other:?}"),
        }
    }

    pub fn off(&self, rest: Rest, seed: u64) -> Report {
        match self.ask(&Order::Off { rest, seed }) {
            Answer::Off(report) => report,
            other => panic!("{other:?}"),
        }
    }

    fn done(&self, order: &Order) {
        match self.ask(order) {
            Answer::Done => {}
            other => panic!("{other:?}"),
        }
    }

    fn ask(&self, order: &Order) -> Answer {
        let mut line = self.line.lock().unwrap();
        send(line.get_mut(), order).expect("the disk's process is there");
        let mut answer = String::new();
        line.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("the disk's process has ended"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Without its process the kernel fails all requests, so nobody waits for one.
        let _ = self.disk.kill();
        let _ = self.disk.wait();
        let _ = umount2(self.room.path(), MntFlags::MNT_DETACH);
    }
}

fn send<T: Serialize>(line: &mut UnixStream, what: &T) -> io::Result<()> {
    let mut text = serde_json::to_vec(what)?;
    text.push(b'\n');
    line.write_all(&text)
}

#[test]
#[ignore = "the process of the disk, which the other tests start"]
fn a_disk() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let line = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut process = Process { folder, disk: Served(Arc::new(Mutex::new(Disk::new()))), serving: None };
    let mut answers = line.try_clone().unwrap();
    // Ends with the test that started it.
    for order in BufReader::new(line).lines().map_while(Result::ok) {
        let answer = process.obey(serde_json::from_str(&order).unwrap());
        send(&mut answers, &answer.unwrap_or_else(|error| Answer::Failed(error.to_string()))).unwrap();
    }
    let _ = umount2(&process.folder, MntFlags::MNT_DETACH);
}

struct Process {
    folder: PathBuf,
    disk: Served,
    serving: Option<JoinHandle<io::Result<()>>>,
}

impl Process {
    fn obey(&mut self, order: Order) -> io::Result<Answer> {
        match order {
            Order::PowerOn { journals } => {
                let mut disk = self.disk.disk();
                (disk.has_power, disk.cut) = (true, None);
                disk.medium.behave(journals);
                drop(disk);
                self.serving = Some(serve(&self.folder, self.disk.clone())?);
                Ok(Answer::Done)
            }
            Order::CutAt(cut) => {
                self.disk.disk().cut = Some(cut);
                Ok(Answer::Done)
            }
            Order::HasPower => Ok(Answer::Power(self.disk.disk().has_power)),
            Order::Off { rest, seed } => self.off(rest, seed).map(Answer::Off),
        }
    }

    fn off(&mut self, rest: Rest, seed: u64) -> io::Result<Report> {
        self.disk.disk().has_power = false;
        let is_busy = umount2(&self.folder, MntFlags::empty()).is_err();
        if is_busy {
            umount2(&self.folder, MntFlags::MNT_DETACH)?;
        } else if let Some(serving) = self.serving.take() {
            serving.join().map_err(|_| io::Error::other("the file system has panicked"))??;
        }
        let mut disk = self.disk.disk();
        let medium = std::mem::replace(&mut disk.medium, Medium::new());
        disk.medium = medium.after_a_power_cut(&rest, &mut Random::new(seed));
        Ok(Report { reused: disk.reused.clone(), is_busy })
    }
}

/// Mounts the disk, and answers the kernel until it is unmounted.
fn serve(folder: &Path, disk: Served) -> io::Result<JoinHandle<io::Result<()>>> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/fuse")?;
    let options = format!("fd={},rootmode=40700,user_id=0,group_id=0", device.as_raw_fd());
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("satchel-power"), folder, Some("fuse"), flags, Some(options.as_str()))?;
    let session = Session::from_fd(disk, OwnedFd::from(device), SessionACL::Owner, Config::default())?;
    // Not `spawn`, which would keep the device open after a panic, and who waits for an answer would wait for ever.
    Ok(std::thread::spawn(move || session.run()))
}
