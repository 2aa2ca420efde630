//! The one writer: drains all waiting mutations into one transaction and answers them after one durable commit.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use redb::Database;
use tokio::sync::oneshot;

use super::blobs::{Blobs, PendingBlob};
use super::epoch::Epochs;
use super::error::{Refusal, StoreError};
use super::events::Subscribers;
use super::index::{AfterCommit, Tables, begin_write};
use super::usage::Usages;

/// Mutations per commit at most, so that the first of a flood does not wait for the last.
const BATCH: usize = 512;

type Settle = Box<dyn FnOnce(Option<String>) + Send>;
type Job = Box<dyn FnOnce(&mut Tables<'_>) -> Result<Settle, StoreError> + Send>;

enum Message {
    Apply(Job),
    Stop,
}

/// What the thread works with.
pub(crate) struct Shared {
    pub database: Arc<Database>,
    pub epochs: Arc<Epochs>,
    pub subscribers: Arc<Subscribers>,
    pub usages: Arc<Usages>,
    pub blobs: Blobs,
}

/// Hands mutations to the thread.
#[derive(Debug, Clone)]
pub(crate) struct Writer(Sender<Message>);

impl Writer {
    /// Starts the thread. It ends on [`Writer::stop`], or when all senders are gone.
    pub(crate) fn start(shared: Shared) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, messages) = channel();
        let thread = thread::Builder::new().name("s3-writer".into()).spawn(move || run(&shared, &messages))?;
        Ok((Self(sender), thread))
    }

    /// Runs `mutation` in the next transaction and returns once that is durable. A refusal must come before the
    /// mutation's first write: the transaction goes on with the others' writes.
    ///
    /// When this future is dropped the mutation still happens.
    pub(crate) async fn apply<T, F>(&self, mutation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tables<'_>) -> Result<Result<T, Refusal>, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |tables| {
            let outcome = mutation(tables)?;
            Ok(Box::new(move |failure: Option<String>| {
                let result = match failure {
                    None => outcome.map_err(StoreError::from),
                    Some(cause) => Err(StoreError::NotCommitted { cause }),
                };
                // The asker may have gone away; the write stands.
                let _ = answer.send(result);
            }))
        });
        self.0.send(Message::Apply(job)).map_err(|_| StoreError::Closed)?;
        // No answer: the batch failed before or at this mutation, or the store was closed.
        answered.await.unwrap_or(Err(StoreError::NotCommitted { cause: "the batch failed".into() }))
    }

    /// Ends the thread after everything sent before.
    pub(crate) fn stop(&self) {
        // A thread that is gone has stopped.
        let _ = self.0.send(Message::Stop);
    }
}

fn run(shared: &Shared, messages: &Receiver<Message>) {
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
        commit(shared, batch);
        if stop {
            return;
        }
    }
}

fn commit(shared: &Shared, batch: Vec<Job>) {
    let mut settles = Vec::with_capacity(batch.len());
    let mut after = AfterCommit::default();
    let failure = apply_all(&shared.database, batch, &mut settles, &mut after).err().map(|error| error.to_string());
    if failure.is_none() {
        after.published.into_iter().for_each(PendingBlob::keep);
        shared.blobs.adopt(after.garbage.len());
        shared.epochs.retire(after.garbage);
        shared.usages.apply(&after.changed);
        shared.subscribers.publish(after.created);
    } else {
        // The commit may have reached the disk all the same, so its blobs must stay until the next opening's sweep.
        after.published.into_iter().for_each(PendingBlob::abandon);
    }
    settles.into_iter().for_each(|settle| settle(failure.clone()));
}

fn apply_all(
    database: &Database,
    batch: Vec<Job>,
    settles: &mut Vec<Settle>,
    after: &mut AfterCommit,
) -> Result<(), StoreError> {
    let transaction = begin_write(database)?;
    {
        let mut tables = Tables::open(&transaction)?;
        for job in batch {
            settles.push(job(&mut tables)?);
        }
        *after = tables.after;
    }
    Ok(transaction.commit()?)
}
