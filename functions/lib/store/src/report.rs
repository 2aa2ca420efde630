//! Texts of any length in bounded memory: gathered line by line, and stored part by part once they get long.

use bytes::Bytes;

use crate::error::StoreError;

/// The type of such a text: JSON lines.
pub const CONTENT_TYPE: &str = "application/x-ndjson";

/// The least that S3 takes as a part that is not the last (AWS: "Amazon S3 multipart upload limits"). A folder takes as much.
const PART_BYTES: usize = 5 * 1024 * 1024;

/// Where a text goes. Nothing of it can be read before it is complete.
pub trait TextParts: Send + 'static {
    /// Stores a short text as it is.
    ///
    /// # Errors
    /// The store failed; there is no text then.
    fn whole(self, text: Bytes) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores the next part.
    ///
    /// # Errors
    /// The store failed; the part is not one of the text's then.
    fn part(&mut self, text: Bytes) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Makes the parts the text.
    ///
    /// # Errors
    /// The store failed; there is no text then.
    fn complete(self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A report that is being written. One that is dropped leaves nothing but parts, which go as other unfinished uploads do.
#[derive(Debug)]
pub struct Report<P> {
    parts: P,
    text: Vec<u8>,
    has_parts: bool,
}

impl<P: TextParts> Report<P> {
    /// An empty one.
    #[must_use]
    pub fn new(parts: P) -> Self {
        Self { parts, text: Vec::new(), has_parts: false }
    }

    /// Adds a line, without its end.
    pub fn add(&mut self, line: &str) {
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
    }

    /// Sends what has come together, where that is enough for a part. To be called now and then, so that memory does
    /// not grow with the report.
    ///
    /// # Errors
    /// The store failed. No line is lost: they are sent with the next ones.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        if self.text.len() >= PART_BYTES { self.send().await } else { Ok(()) }
    }

    /// Makes it readable.
    ///
    /// # Errors
    /// The store failed; there is no report then.
    pub async fn finish(mut self) -> Result<(), StoreError> {
        if !self.has_parts {
            return self.parts.whole(self.text.into()).await;
        }
        if !self.text.is_empty() {
            self.send().await?;
        }
        self.parts.complete().await
    }

    async fn send(&mut self) -> Result<(), StoreError> {
        let text = Bytes::from(std::mem::take(&mut self.text));
        let sent = self.parts.part(text.clone()).await;
        match sent {
            Ok(()) => self.has_parts = true,
            Err(_) => self.text = text.into(),
        }
        sent
    }
}
