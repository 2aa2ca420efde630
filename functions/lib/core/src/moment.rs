//! What no decision may take by itself: the time, and randomness.

use crate::{grant::UploadId, time::Timestamp};

/// When something is decided, and chance for it.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The time.
    pub now: Timestamp,
    /// Bytes that nobody can guess.
    pub random: [u8; 27],
}

impl Moment {
    /// An id that tells this upload of a path from all others.
    #[must_use]
    pub fn upload_id(&self) -> UploadId {
        let mut id = [0; 9];
        id.copy_from_slice(&self.random[..9]);
        UploadId::from_random(id)
    }

    /// What makes the address of a slot impossible to guess (XEP-0363, section 9.1). No part of the id, which is no secret.
    #[must_use]
    pub fn slot(&self) -> [u8; 18] {
        let mut slot = [0; 18];
        slot.copy_from_slice(&self.random[9..]);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_addresses_share_no_byte() {
        let random: [u8; 27] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let moment = Moment { now: Timestamp::from_seconds(0), random };
        assert_eq!(moment.upload_id(), UploadId::from_random([0, 1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(moment.slot(), std::array::from_fn(|index| u8::try_from(index + 9).unwrap()));
    }
}
