//! What a mutation works with: the index in a transaction, and what takes effect only with its commit.

use crate::blob_id::BlobId;
use crate::blobs::Loose;
use crate::events::ObjectCreated;
use crate::label::Label;
use crate::record::Segment;
use crate::rows::Rows;
use crate::totals::Change;

/// The index in a write transaction, and what to do once it is committed.
pub(crate) struct Tables<'txn> {
    pub rows: Rows<'txn>,
    pub after: AfterCommit,
}

/// What takes effect only with the commit.
#[derive(Default)]
pub(crate) struct AfterCommit {
    /// Blobs the index names no longer.
    pub garbage: Vec<BlobId>,
    /// Blobs the index names now.
    pub published: Vec<Loose>,
    /// What blobs become with it, where their own footers say something else.
    pub labels: Vec<(BlobId, Label)>,
    /// Whom to tell about.
    pub created: Vec<ObjectCreated>,
    /// What the totals do not know yet.
    pub changed: Vec<Change>,
    /// Rows that were given up unread: their files are nobody's now.
    pub strays: usize,
}

impl AfterCommit {
    pub(crate) fn lengths(&self) -> [usize; 5] {
        [self.garbage.len(), self.published.len(), self.labels.len(), self.created.len(), self.changed.len()]
    }

    pub(crate) fn cut(&mut self, [garbage, published, labels, created, changed]: [usize; 5]) {
        self.garbage.truncate(garbage);
        self.published.truncate(published);
        self.labels.truncate(labels);
        self.created.truncate(created);
        self.changed.truncate(changed);
    }
}

impl Tables<'_> {
    /// Gives up the blobs of a replaced or deleted record.
    pub(crate) fn discard(&mut self, segments: &[Segment]) {
        self.after.garbage.extend(segments.iter().map(|segment| segment.blob));
    }
}
