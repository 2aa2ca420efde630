//! The one writer: drains all waiting mutations into one transaction and answers them after one durable commit.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::blobs::{Blobs, Loose};
use crate::disk::Disk;
use crate::epoch::Epochs;
use crate::error::{Refusal, StoreError};
use crate::events::Subscribers;
use crate::index;
use crate::room::Room;
use crate::rows::Rows;
use crate::tables::{AfterCommit, Tables};
use crate::totals::Usages;
use crate::watch::{Part, Watch};

/// Mutations per commit at most, so that the first of a flood does not wait for the last.
const BATCH: usize = 512;

type Settle = Box<dyn FnOnce(Option<&Failure>) + Send>;
/// Runs the mutation, without tables only makes its answer. Gives what to do once it is known whether the batch was
/// committed, and whether the mutation is to be undone.
type Job = Box<dyn FnOnce(Option<&mut Tables<'_>>) -> (Settle, bool) + Send>;

enum Message {
    Apply(Job),
    Stop,
}

/// Why a batch failed: a copy for each write in it.
#[derive(Debug, Clone)]
enum Failure {
    Gone,
    Full { free: u64, floor: u64 },
    Other(String),
}

impl Failure {
    fn of(error: &StoreError, room: &Room) -> Self {
        match error {
            StoreError::FolderGone => Self::Gone,
            _ if error.is_full() => Self::Full { free: room.free().unwrap_or(0), floor: room.floor() },
            _ => Self::Other(error.to_string()),
        }
    }

    fn error(&self) -> StoreError {
        match self {
            Self::Gone => StoreError::FolderGone,
            &Self::Full { free, floor } => StoreError::Full { free, floor },
            Self::Other(cause) => StoreError::NotCommitted { cause: cause.clone() },
        }
    }
}

/// What the thread works with.
pub(crate) struct Shared {
    pub disk: Arc<dyn Disk>,
    pub epochs: Arc<Epochs>,
    pub subscribers: Arc<Subscribers>,
    pub usages: Arc<Usages>,
    pub blobs: Blobs,
    pub room: Arc<Room>,
    pub watch: Arc<Watch>,
}

/// Hands mutations to the thread.
#[derive(Debug, Clone)]
pub(crate) struct Writer(Sender<Message>);

/// Gives the connection back when it ends, if it has one that works.
pub(crate) type WriterThread = JoinHandle<Option<Connection>>;

impl Writer {
    /// Starts the thread. It ends on [`Writer::stop`], or when all senders are gone.
    pub(crate) fn start(shared: Shared, connection: Connection) -> std::io::Result<(Self, WriterThread)> {
        let (sender, messages) = channel();
        let identity = shared.disk.index_identity()?;
        let mut run = Run { shared, connection: Some(connection), identity };
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || {
            run.work(&messages);
            run.connection
        })?;
        Ok((Self(sender), thread))
    }

    /// Runs `mutation` in the next transaction and returns once that is durable. Where it gives a refusal or an error,
    /// all that it did is undone, and the others' writes go on.
    ///
    /// When this future is dropped the mutation still happens.
    pub(crate) async fn apply<T, F>(&self, mutation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tables<'_>) -> Result<Result<T, Refusal>, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |tables| {
            let outcome = match tables {
                Some(tables) => mutation(tables).and_then(|outcome| outcome.map_err(StoreError::from)).map(Some),
                None => Ok(None),
            };
            let undo = outcome.is_err();
            let settle = move |failure: Option<&Failure>| {
                let failed = || Err(failure.map_or(StoreError::Closed, Failure::error));
                let result = match outcome {
                    Err(error) => Err(error),
                    Ok(Some(_)) if failure.is_some() => failed(),
                    Ok(done) => done.map_or_else(failed, Ok),
                };
                // The asker may have gone away; the write stands.
                let _ = answer.send(result);
            };
            (Box::new(settle), undo)
        });
        self.0.send(Message::Apply(job)).map_err(|_| StoreError::Closed)?;
        // No answer: the thread has ended.
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The same without waiting, for what is noted and need not be.
    pub(crate) fn tell<F>(&self, mutation: F)
    where
        F: FnOnce(&mut Tables<'_>) -> Result<Result<(), Refusal>, StoreError> + Send + 'static,
    {
        let job: Job = Box::new(move |tables| {
            let done = tables.map_or(Ok(Ok(())), mutation);
            (Box::new(|_| ()), !matches!(done, Ok(Ok(()))))
        });
        // A thread that is gone takes no notes.
        let _ = self.0.send(Message::Apply(job));
    }

    /// Ends the thread after everything sent before.
    pub(crate) fn stop(&self) {
        // A thread that is gone has stopped.
        let _ = self.0.send(Message::Stop);
    }
}

struct Run {
    shared: Shared,
    /// `None` after a failure: what it has in memory may not be what is on disk.
    connection: Option<Connection>,
    /// Which file the index is, to notice that another one, or none, has its name.
    identity: Option<(u64, u64)>,
}

impl Run {
    fn work(&mut self, messages: &Receiver<Message>) {
        while let Ok(Message::Apply(first)) = messages.recv() {
            let mut batch = vec![first];
            let mut stop = false;
            while batch.len() < BATCH && !stop {
                match messages.try_recv() {
                    Ok(Message::Apply(job)) => batch.push(job),
                    Ok(Message::Stop) => stop = true,
                    Err(_) => break,
                }
            }
            self.commit(batch);
            if stop {
                return;
            }
        }
    }

    fn commit(&mut self, batch: Vec<Job>) {
        let mut settles = Vec::with_capacity(batch.len());
        let mut after = AfterCommit::default();
        let committed = self.apply_all(batch, &mut settles, &mut after);
        let part = if after.published.is_empty() { Part::Index } else { Part::Files };
        let shared = &self.shared;
        let failure = committed.as_ref().err().map(|error| Failure::of(error, &shared.room));
        match committed {
            Ok(wrote) => {
                after.published.into_iter().for_each(Loose::keep);
                shared.blobs.adopt(after.garbage.len());
                shared.blobs.adopt(after.strays);
                shared.epochs.retire(after.garbage);
                shared.usages.apply(&after.changed);
                shared.subscribers.publish(after.created);
                // A commit of nothing asks nothing of the disk.
                if wrote && shared.room.admit(0).is_ok() {
                    shared.watch.worked(part);
                }
            }
            Err(error) => {
                // The commit may have reached the disk all the same, so its blobs stay for the next opening to judge.
                after.published.into_iter().for_each(Loose::abandon);
                shared.blobs.adopt(after.garbage.len());
                shared.watch.part_failed(&error, part);
                self.connection = None;
            }
        }
        settles.into_iter().for_each(|settle| settle(failure.as_ref()));
    }

    /// Says whether anything was written.
    fn apply_all(
        &mut self,
        batch: Vec<Job>,
        settles: &mut Vec<Settle>,
        after: &mut AfterCommit,
    ) -> Result<bool, StoreError> {
        let mut jobs = batch.into_iter();
        let result = self.run_jobs(&mut jobs, settles, after);
        if result.is_err() {
            // Those that have not run must hear of the failure, too.
            settles.extend(jobs.map(|job| job(None).0));
        }
        result
    }

    fn run_jobs(
        &mut self,
        jobs: &mut std::vec::IntoIter<Job>,
        settles: &mut Vec<Settle>,
        after: &mut AfterCommit,
    ) -> Result<bool, StoreError> {
        let Self { shared, connection, identity } = self;
        if shared.disk.index_identity()? != *identity {
            return Err(StoreError::FolderGone);
        }
        shared.room.before_commit();
        let connection = match connection {
            Some(connection) => connection,
            none => none.insert(index::writer_again(&*shared.disk)?),
        };
        let before = connection.total_changes();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut tables = Tables { rows: Rows(&transaction), after: std::mem::take(after) };
        let mut run = || -> Result<(), StoreError> {
            for job in jobs.by_ref() {
                let before = tables.after.lengths();
                transaction.prepare_cached("SAVEPOINT job")?.execute([])?;
                let (settle, undo) = job(Some(&mut tables));
                settles.push(settle);
                if undo {
                    tables.after.cut(before);
                    // A disk that is full or fails has ended the whole transaction.
                    transaction.prepare_cached("ROLLBACK TO job")?.execute([])?;
                }
                transaction.prepare_cached("RELEASE job")?.execute([])?;
            }
            for (blob, label) in &tables.after.labels {
                shared.blobs.label(*blob, label)?;
            }
            let folders = tables.after.published.iter().map(|loose| loose.id);
            shared.blobs.sync_names(folders.chain(tables.after.labels.iter().map(|(blob, _)| *blob)))?;
            Ok(())
        };
        let done = run();
        *after = tables.after;
        done?;
        let wrote = transaction.total_changes() > before;
        let mut transaction = Some(transaction);
        shared.disk.commit(&mut || transaction.take().map_or(Ok(()), rusqlite::Transaction::commit))?;
        Ok(wrote)
    }
}
