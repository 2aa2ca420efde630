//! Whether an S3 does as the conditions of writes say. AWS does; some stores ignore them or refuse requests that have
//! one, and tell nobody.

use std::sync::{Arc, OnceLock};

use aws_sdk_s3::primitives::ByteStream;
use satchel_core::object_key::Key;

use super::{Storage, StorageError, failed, status};

/// What is known of it.
#[derive(Debug, Clone)]
pub(super) struct Conditions(Arc<OnceLock<bool>>);

/// As AWS does.
impl Default for Conditions {
    fn default() -> Self {
        Self(Arc::new(OnceLock::from(true)))
    }
}

impl Conditions {
    fn unknown() -> Self {
        Self(Arc::default())
    }

    /// Whether a write need not be preceded by a look.
    pub(super) fn hold(&self) -> bool {
        self.0.get() == Some(&true)
    }

    /// What `If-None-Match` says of a write that must not overwrite anything: nothing where that is of no use, and may
    /// be refused.
    pub(super) fn absent(&self) -> Option<String> {
        (self.0.get() != Some(&false)).then(|| "*".to_owned())
    }
}

/// What became of a write whose condition, if it has one, does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probed {
    /// It was done, or is only done without its condition.
    Written,
    /// It was not, as it should be.
    Kept,
    /// It may not be done at all.
    Denied,
}

impl Storage {
    /// Takes nothing for granted about conditional writes: until [`Storage::probe_conditions`] has found that they
    /// hold, each one comes with a look beforehand.
    #[must_use]
    pub fn doubting_conditions(self) -> Self {
        Self { conditions: Conditions::unknown(), ..self }
    }

    /// Whether it is known that conditional writes hold.
    #[must_use]
    pub fn trusts_conditions(&self) -> bool {
        self.conditions.hold()
    }

    /// Finds out whether conditional writes hold, by two writes of one object that is removed again; gives what is
    /// known then: nothing where the credentials allow no such write. `name` must be nobody else's.
    ///
    /// # Errors
    /// S3 failed. Nothing more is known then.
    pub async fn probe_conditions(&self, name: &str) -> Result<Option<bool>, StorageError> {
        let key = Key::of_probe(name);
        if self.write_probe(&key, false).await? == Probed::Denied {
            return Ok(None);
        }
        let second = self.write_probe(&key, true).await;
        // What stays is deleted with all that was never sealed.
        let _ = self.delete_key(&key).await;
        Ok(match second? {
            Probed::Denied => None,
            probed => Some(*self.conditions.0.get_or_init(|| probed == Probed::Kept)),
        })
    }

    async fn write_probe(&self, key: &Key, is_conditional: bool) -> Result<Probed, StorageError> {
        let put = self.client.put_object().bucket(&*self.bucket).key(key.as_str()).body(ByteStream::from_static(b"?"));
        let put = put.set_if_none_match(is_conditional.then(|| "*".to_owned()));
        match put.send().await {
            Ok(_) => Ok(Probed::Written),
            Err(error) if matches!(status(&error), Some(401 | 403)) => Ok(Probed::Denied),
            Err(error) if is_conditional && status(&error) == Some(412) => Ok(Probed::Kept),
            // It knows no such header.
            Err(error) if is_conditional && matches!(status(&error), Some(400 | 501)) => Ok(Probed::Written),
            Err(error) => Err(failed("PutObject", &error)),
        }
    }
}
