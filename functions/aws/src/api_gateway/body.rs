//! Bodies, which are text or base64 within their event.

use std::{borrow::Cow, ops::Range};

use base64_simd::STANDARD;
use lambda_http::Body;

use super::event::EventError;

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
                drop(event);
                let place = 0..encoded.len();
                decode_within(encoded.into_bytes(), place).map(Body::Binary)
            }
            Self::Text(text) => Ok(Body::Text(text)),
        }
    }
}

/// Decodes what lies there within `bytes`, in its own place: a body that fills an event, which is base64 without escapes
/// wherever API Gateway writes it, is never in memory twice.
fn decode_within(mut bytes: Vec<u8>, encoded: Range<usize>) -> Result<Vec<u8>, EventError> {
    let start = encoded.start;
    let length = STANDARD.decode_inplace(&mut bytes[encoded]).map_err(|_| EventError::Base64)?.len();
    bytes.copy_within(start..start + length, 0);
    bytes.truncate(length);
    bytes.shrink_to_fit();
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, prelude::BASE64_STANDARD};
    use proptest::prelude::*;

    /// Decodes it in the middle of an event.
    fn within(encoded: &str) -> Option<Vec<u8>> {
        let event = format!(r#"{{"body":"{encoded}"}}"#);
        decode_within(event.into_bytes(), 9..9 + encoded.len()).ok()
    }

    proptest! {
        #[test]
        fn base64_is_what_it_is_elsewhere(bytes: Vec<u8>, at: prop::sample::Index, wrong in "[A-Za-z0-9+/=_ \n\u{e9}-]{0,3}") {
            let mut encoded = BASE64_STANDARD.encode(&bytes);
            prop_assert_eq!(within(&encoded), Some(bytes));
            let place = at.index(encoded.len() + 1);
            encoded.replace_range(place..encoded.len().min(place + wrong.chars().count()), &wrong);
            prop_assert_eq!(within(&encoded), BASE64_STANDARD.decode(&encoded).ok(), "{}", encoded);
        }
    }

    #[test]
    fn ends_that_are_none_are_refused() {
        for end in ["", "QQ==", "QUI=", "QUJD"] {
            assert!(within(&("QUJD".repeat(999) + end)).is_some(), "{end}");
        }
        for end in ["Q", "QQ", "QQ=", "QR==", "QUJ=", "=", "====", "QQ==QQ=="] {
            assert!(within(&("QUJD".repeat(999) + end)).is_none(), "{end}");
        }
    }
}
