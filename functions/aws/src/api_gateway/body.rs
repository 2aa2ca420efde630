//! Bodies, which are text or base64 within their event.

use std::{borrow::Cow, ops::Range};

use base64::{
    Engine, alphabet,
    engine::general_purpose::{GeneralPurpose, NO_PAD},
    prelude::BASE64_STANDARD,
};
use lambda_http::Body;

use super::event::EventError;

/// What is decoded at a time: bytes of base64, whole groups of four.
const PIECE: usize = 4_096;
/// Padding is at the end alone.
const WITHIN: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, NO_PAD);

/// A body that is still in its event.
pub(super) enum Content {
    /// There is none.
    Nothing,
    /// Base64, at this place.
    Within(Range<usize>),
    /// Base64 that had escapes.
    Encoded(String),
    /// Text.
    Text(String),
}

impl Content {
    /// `body` is what was read of `event`.
    pub(super) fn of(body: Option<Cow<'_, str>>, base64: bool, event: &[u8]) -> Self {
        match body {
            None => Self::Nothing,
            Some(Cow::Borrowed(encoded)) if base64 => {
                let start = encoded.as_ptr().addr() - event.as_ptr().addr();
                Self::Within(start..start + encoded.len())
            }
            Some(encoded) if base64 => Self::Encoded(encoded.into_owned()),
            Some(text) => Self::Text(text.into_owned()),
        }
    }

    /// Takes it out.
    pub(super) fn into_body(self, event: Vec<u8>) -> Result<Body, EventError> {
        match self {
            Self::Nothing => Ok(Body::Empty),
            Self::Within(place) => decode_within(event, place).map(Body::Binary),
            Self::Encoded(encoded) => {
                let place = 0..encoded.len();
                decode_within(encoded.into_bytes(), place).map(Body::Binary)
            }
            Self::Text(text) => Ok(Body::Text(text)),
        }
    }
}

/// Decodes what lies there within `bytes`, into their own beginning: a body that fills an event is never in memory twice.
fn decode_within(mut bytes: Vec<u8>, encoded: Range<usize>) -> Result<Vec<u8>, EventError> {
    let mut piece = [0; PIECE];
    let (mut read, mut written) = (encoded.start, 0);
    while read < encoded.end {
        let length = PIECE.min(encoded.end - read);
        piece[..length].copy_from_slice(&bytes[read..read + length]);
        read += length;
        let engine = if read < encoded.end { &WITHIN } else { &BASE64_STANDARD };
        let decoded = engine.decode_slice(&piece[..length], &mut bytes[written..read]);
        written += decoded.map_err(|_| EventError::Base64)?;
    }
    bytes.truncate(written);
    bytes.shrink_to_fit();
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(encoded: &str) -> Result<Vec<u8>, EventError> {
        let event = format!(r#"{{"body":"{encoded}"}}"#);
        decode_within(event.into_bytes(), 9..9 + encoded.len())
    }

    #[test]
    fn every_length_is_decoded_as_it_is_elsewhere() {
        let bytes: Vec<u8> = (0..20_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let edges = [0, 1, 2, 3, 4, 3_071, 3_072, 3_073, 3_074, 6_143, 6_144, 6_145, 20_000];
        for length in edges {
            assert_eq!(within(&BASE64_STANDARD.encode(&bytes[..length])).unwrap(), bytes[..length], "{length}");
        }
    }

    #[test]
    fn what_is_no_base64_is_refused_wherever_it_stands() {
        let group = |at: usize, wrong: &str| "QUJD".repeat(at) + wrong + &"QUJD".repeat(3_000 - at);
        for at in [0, 1, 1_022, 1_023, 1_024, 2_047, 2_999, 3_000] {
            for wrong in
                ["QUI=", "QQ==", "Q!JD", "QUJ\u{e9}", "QUJ"].iter().filter(|wrong| at < 3_000 || !wrong.ends_with('='))
            {
                let whole = group(at, wrong);
                assert!(within(&whole).is_err(), "{wrong} as group {at}");
                assert_eq!(within(&whole).is_ok(), BASE64_STANDARD.decode(&whole).is_ok());
            }
        }
        assert!(within(&group(3_000, "QQ==")).is_ok());
    }
}
