//! Deleting single objects.

use satchel_core::{object_key::Key, upload_path::UploadPath};

use super::{Storage, StorageError, Stored, failed, status};

impl Storage {
    /// Deletes the sealed object of a path.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn delete(&self, path: &UploadPath) -> Result<(), StorageError> {
        self.delete_key(&Key::of_upload(path)).await
    }

    /// Deletes the sealed object of a path, which is this one, and no other that has taken its place. Only one of the very
    /// same bytes would be taken for it.
    ///
    /// # Errors
    /// S3 failed.
    pub async fn delete_stored(&self, path: &UploadPath, stored: &Stored) -> Result<(), StorageError> {
        self.delete_if(&Key::of_upload(path), &stored.etag).await.map(|_| ())
    }

    /// Deletes an object with this ETag and no other; gives whether there was one.
    pub(super) async fn delete_if(&self, key: &Key, etag: &str) -> Result<bool, StorageError> {
        match self.client.delete_object().bucket(&*self.bucket).key(key.as_str()).if_match(etag).send().await {
            Ok(_) => Ok(true),
            Err(error) if matches!(status(&error), Some(404 | 409 | 412)) => Ok(false),
            Err(error) => Err(failed("DeleteObject", &error)),
        }
    }

    pub(super) async fn delete_key(&self, key: &Key) -> Result<(), StorageError> {
        let deleted = self.client.delete_object().bucket(&*self.bucket).key(key.as_str()).send().await;
        deleted.map(|_| ()).map_err(|error| failed("DeleteObject", &error))
    }
}
