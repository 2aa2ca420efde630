//! Who is told when an object comes into being.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Gets every [`ObjectCreated`] committed while it lives, in the order of the commits; ends when the store is gone.
pub type Receiver = UnboundedReceiver<ObjectCreated>;

/// The request that created an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreatedBy {
    /// `PutObject`.
    Put,
    /// `CopyObject`.
    Copy,
    /// `CompleteMultipartUpload`.
    CompleteMultipartUpload,
}

impl CreatedBy {
    /// The event's name in S3's notifications, as `ObjectCreated:Put`.
    #[must_use]
    pub fn event_name(self) -> &'static str {
        match self {
            Self::Put => "ObjectCreated:Put",
            Self::Copy => "ObjectCreated:Copy",
            Self::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
        }
    }
}

/// An object was created or overwritten; the index has it durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectCreated {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, decoded.
    pub key: String,
    /// In bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// Which request did it.
    pub by: CreatedBy,
}

/// The receivers. Unbounded on purpose: a lost event is an upload that is never sealed.
#[derive(Debug, Default)]
pub(crate) struct Subscribers(Mutex<Vec<UnboundedSender<ObjectCreated>>>);

impl Subscribers {
    pub(crate) fn subscribe(&self) -> Receiver {
        let (sender, receiver) = unbounded_channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    pub(crate) fn publish(&self, events: Vec<ObjectCreated>) {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            senders.retain(|sender| sender.send(event.clone()).is_ok());
        }
    }

    /// Ends every receiver.
    pub(crate) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
