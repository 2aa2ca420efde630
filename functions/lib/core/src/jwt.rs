//! JWTs of Prosody's mod_http_file_share: HS256 only, keyed by the secret's raw bytes.
//!
//! jsonwebtoken does the parsing; the MAC is ours (`hmac`, constant time), so that its asymmetric
//! algorithms and their libraries stay out of the functions.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::Mac;
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Validation,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
};
use serde::Deserialize;

use crate::{
    mac::keyed,
    purpose::Purpose,
    secret::{Secret, Secrets},
    time::Timestamp,
};

const HS256_HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// What Prosody grants with a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The first path segment.
    pub slot: String,
    /// The name of the file; where absent, the path's.
    pub filename: Option<String>,
    /// Size in bytes.
    pub filesize: u64,
    /// The type to serve; may be empty.
    pub filetype: String,
    /// The bare JID that asked for the slot.
    pub sub: Option<String>,
    /// From here on the token is refused.
    pub exp: Timestamp,
    /// From here on the file is gone; absent where expiry is switched off.
    pub expires: Option<Timestamp>,
    /// What the file is for. Satchel's own claim, which counts in a token signed with an [`own_key`] alone.
    pub purpose: Purpose,
}

/// Why a JWT is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Not three parts of base64url, or claims of other names or types.
    #[error("the bearer token is not a mod_http_file_share JWT")]
    Malformed,
    /// `alg` is not HS256, or missing.
    #[error("the bearer token's algorithm ('alg') is not HS256, the only one taken here")]
    Algorithm,
    /// `crit` names extensions that must be understood; there is none here that is (RFC 7515, section 4.1.11).
    #[error("the bearer token demands extensions ('crit') that are not understood here")]
    Critical,
    /// No secret verifies it.
    #[error("the bearer token's signature does not verify with any configured secret")]
    Signature,
    /// A token without `exp` would be valid for ever.
    #[error("the bearer token has no expiry ('exp')")]
    NoExpiry,
    /// Past `exp`.
    #[error("the bearer token has expired; ask for a new slot")]
    Expired,
    /// Before `nbf`.
    #[error("the bearer token is not valid yet ('nbf'); compare the clocks of this server and of the XMPP server")]
    NotYet,
}

#[derive(Deserialize)]
struct RawClaims {
    slot: String,
    filename: Option<String>,
    filesize: serde_json::Number,
    filetype: Option<String>,
    sub: Option<String>,
    exp: Option<serde_json::Number>,
    nbf: Option<serde_json::Number>,
    expires: Option<serde_json::Number>,
    #[serde(default, deserialize_with = "text_alone")]
    purpose: Option<String>,
}

/// A claim of this name that is no text is somebody else's.
fn text_alone<'de, D: serde::Deserializer<'de>>(claim: D) -> Result<Option<String>, D::Error> {
    serde_json::Value::deserialize(claim).map(|value| value.as_str().map(str::to_owned))
}

/// What of the header is looked at before its algorithm is.
#[derive(Deserialize)]
struct RawHeader {
    alg: Option<serde_json::Value>,
}

/// The key of tokens that nobody but Satchel signs, though XMPP servers know the secret.
#[must_use]
pub fn own_key(secret: &Secret) -> Secret {
    let key = keyed(secret.as_bytes(), b"satchel's own slots").finalize().into_bytes();
    hex::encode(key).as_str().into()
}

/// Signs claims as Prosody would.
#[must_use]
pub fn sign(claims: &Claims, secret: &Secret) -> String {
    let claims = serde_json::json!({
        "slot": claims.slot,
        "filename": claims.filename,
        "filesize": claims.filesize,
        "filetype": claims.filetype,
        "sub": claims.sub,
        "exp": claims.exp.as_seconds(),
        "expires": claims.expires.map(Timestamp::as_seconds),
        "purpose": Some(claims.purpose.as_str()).filter(|_| claims.purpose != Purpose::Message),
    });
    let message = [HS256_HEADER, &claims.to_string()].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
    let mac = keyed(secret.as_bytes(), message.as_bytes()).finalize().into_bytes();
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))
}

/// Verifies a token's signature with any of the secrets and reads its claims.
///
/// # Errors
/// All of [`JwtError`]; `Expired` from the second `exp` names, `NotYet` before the one of `nbf`.
pub fn verify(token: &str, secrets: &Secrets, now: Timestamp) -> Result<Claims, JwtError> {
    check_algorithm(token)?;
    let raw = decode(token, secrets)?;
    let begins = raw.nbf.as_ref().map(|nbf| seconds(nbf, f64::ceil)).transpose()?;
    let claims = read(raw)?;
    if claims.exp.is_reached(now) {
        return Err(JwtError::Expired);
    }
    if begins.is_some_and(|at| !at.is_reached(now)) {
        return Err(JwtError::NotYet);
    }
    Ok(claims)
}

/// jsonwebtoken takes algorithms that it does not know, `none` among them, for damage.
fn check_algorithm(token: &str) -> Result<(), JwtError> {
    let header = token.split('.').next().and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    let header: Option<RawHeader> = header.and_then(|json| serde_json::from_slice(&json).ok());
    match header.ok_or(JwtError::Malformed)?.alg {
        Some(serde_json::Value::String(algorithm)) if algorithm == "HS256" => Ok(()),
        _ => Err(JwtError::Algorithm),
    }
}

fn decode(token: &str, secrets: &Secrets) -> Result<RawClaims, JwtError> {
    // Fails where a provider is installed already, which is this very one.
    let _ = HMAC_ONLY.install_default();
    let mut outcome = Err(JwtError::Signature);
    for secret in secrets.iter() {
        let key = DecodingKey::from_secret(secret.as_bytes());
        outcome = match jsonwebtoken::decode(token, &key, &signature_only()) {
            Ok(decoded) if decoded.header.crit.is_some() => Err(JwtError::Critical),
            Ok(decoded) => Ok(decoded.claims),
            Err(error) => Err(cause(&error)),
        };
        if !matches!(outcome, Err(JwtError::Signature)) {
            return outcome;
        }
    }
    outcome
}

/// jsonwebtoken would ask the system clock for `exp`: [`verify`] does it with the time it is given.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

/// [`check_algorithm`] has been here first: the algorithm is none of the causes.
fn cause(error: &Error) -> JwtError {
    match error.kind() {
        ErrorKind::InvalidSignature => JwtError::Signature,
        _ => JwtError::Malformed,
    }
}

fn read(raw: RawClaims) -> Result<Claims, JwtError> {
    let exp = raw.exp.ok_or(JwtError::NoExpiry)?;
    Ok(Claims {
        slot: raw.slot,
        filename: raw.filename,
        filesize: whole(&raw.filesize).ok_or(JwtError::Malformed)?,
        filetype: raw.filetype.unwrap_or_default(),
        sub: raw.sub,
        exp: seconds(&exp, f64::floor)?,
        expires: raw.expires.as_ref().map(|expires| seconds(expires, f64::floor)).transpose()?,
        purpose: raw.purpose.as_deref().and_then(Purpose::named).unwrap_or_default(),
    })
}

/// From here on a float does not hold every integer.
const LIMIT: u64 = 1 << 53;

/// Lua writes whole numbers as `1000` or `1000.0`: any non-negative integer below 2^53 is one.
fn whole(number: &serde_json::Number) -> Option<u64> {
    let integer = number.as_u64().or_else(|| {
        let float = number.as_f64()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and saturating")]
        (float >= 0.0 && float.fract() == 0.0).then_some(float as u64)
    })?;
    (integer < LIMIT).then_some(integer)
}

/// A NumericDate may have a fraction (RFC 7519, section 2), and Prosody's has one where its option is a quotient. Time is
/// in whole seconds here: `round` goes to the stricter side. What is before 1970 is long past.
fn seconds(number: &serde_json::Number, round: fn(f64) -> f64) -> Result<Timestamp, JwtError> {
    let rounded = || {
        let float = round(number.as_f64()?).max(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
        (float < LIMIT as f64).then_some(float as u64)
    };
    whole(number).or_else(rounded).map(Timestamp::from_seconds).ok_or(JwtError::Malformed)
}

static HMAC_ONLY: CryptoProvider =
    CryptoProvider { signer_factory: no_signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if *algorithm != Algorithm::HS256 || key.family() != AlgorithmFamily::Hmac {
        return Err(ErrorKind::UnsupportedAlgorithm.into());
    }
    Ok(Box::new(Hs256(key.try_get_as_bytes()?.to_vec())))
}

struct Hs256(Vec<u8>);

impl signature::Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        keyed(&self.0, message).verify_slice(signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_612_113_200);

    fn token(header: &str, claims: &str, key: &str) -> String {
        let message = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
        let mac = keyed(key.as_bytes(), message.as_bytes()).finalize().into_bytes();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))
    }

    fn verified(claims: &str) -> Result<Claims, JwtError> {
        let token = token(HS256_HEADER, claims, "key");
        verify(&token, &Secrets::parse("other\nkey").unwrap(), NOW)
    }

    #[test]
    fn filesize_is_any_whole_number_below_2_to_the_53() {
        let size = |literal: &str| {
            verified(&format!(r#"{{"slot":"s","filesize":{literal},"exp":1612113201}}"#)).map(|c| c.filesize)
        };
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("1000.0"), Ok(1000));
        assert_eq!(size("1e3"), Ok(1000));
        assert_eq!(size("9007199254740991"), Ok(9_007_199_254_740_991));
        for refused in ["9007199254740992", "9007199254740992.0", "-1", "-1.0", "1.5", "\"1\"", "null", "1e300"] {
            assert_eq!(size(refused), Err(JwtError::Malformed), "{refused}");
        }
    }

    #[test]
    fn a_token_counts_until_the_second_of_its_expiry() {
        let at = |exp: u64| verified(&format!(r#"{{"slot":"s","filesize":1,"exp":{exp}}}"#)).map(|_| ());
        assert_eq!(at(NOW.as_seconds() + 1), Ok(()));
        assert_eq!(at(NOW.as_seconds()), Err(JwtError::Expired));
        assert_eq!(at(NOW.as_seconds() - 1), Err(JwtError::Expired));
        assert_eq!(verified(r#"{"slot":"s","filesize":1}"#), Err(JwtError::NoExpiry));
    }

    #[test]
    fn a_token_does_not_count_before_its_time() {
        let at = |nbf: &str| {
            let claims = format!(r#"{{"slot":"s","filesize":1,"exp":1612113300,"iat":1612113200.9,"nbf":{nbf}}}"#);
            verified(&claims).map(|_| ())
        };
        for counts in ["1612113200", "1612113199.5", "0", "-1.5", "1612113200.0", "null"] {
            assert_eq!(at(counts), Ok(()), "{counts}");
        }
        for early in ["1612113201", "1612113200.1", "1612113200.9999", "9007199254740991"] {
            assert_eq!(at(early), Err(JwtError::NotYet), "{early}");
        }
        for malformed in ["\"1612113200\"", "[]", "true", "1e300"] {
            assert_eq!(at(malformed), Err(JwtError::Malformed), "{malformed}");
        }
        let both = r#"{"slot":"s","filesize":1,"exp":1612113200,"nbf":1612113201}"#;
        assert_eq!(verified(both).map(|_| ()), Err(JwtError::Expired), "it will never count");
    }

    #[test]
    fn dates_may_have_fractions() {
        let read = |exp: &str, expires: &str| {
            let claims =
                format!(r#"{{"slot":"s","filesize":1,"exp":{exp},"iat":1612113199.142857,"expires":{expires}}}"#);
            verified(&claims).map(|claims| (claims.exp.as_seconds(), claims.expires.map(Timestamp::as_seconds)))
        };
        // 1000000/7 seconds after NOW.
        assert_eq!(read("1612113500.5", "1612256057.1428571"), Ok((1_612_113_500, Some(1_612_256_057))));
        assert_eq!(read("1612113201.0", "1612256057"), Ok((1_612_113_201, Some(1_612_256_057))));
        assert_eq!(read("1.6121132019e9", "null"), Ok((1_612_113_201, None)));
        assert_eq!(read("1612113200.9", "null"), Err(JwtError::Expired), "no later than it says");
        assert_eq!(read("-1612113201.5", "null"), Err(JwtError::Expired));
        assert_eq!(read("9007199254740991", "null"), Ok((9_007_199_254_740_991, None)));
        for beyond in ["9007199254740992", "9007199254740992.0", "1e300"] {
            assert_eq!(read(beyond, "null"), Err(JwtError::Malformed), "{beyond}");
            assert_eq!(read("1612113201", beyond), Err(JwtError::Malformed), "{beyond}");
        }
    }

    #[test]
    fn other_algorithms_and_signatures_are_refused() {
        let claims = r#"{"slot":"s","filesize":1,"exp":1612113201}"#;
        let secrets = Secrets::parse("key").unwrap();
        for (header, key, expected) in [
            (r#"{"alg":"HS256"}"#, "wrong", JwtError::Signature),
            (r#"{"alg":"HS512"}"#, "key", JwtError::Algorithm),
            (r#"{"alg":"RS256"}"#, "key", JwtError::Algorithm),
            (r#"{"alg":"none"}"#, "key", JwtError::Algorithm),
            (r#"{"alg":"None"}"#, "key", JwtError::Algorithm),
            (r#"{"alg":"hs256"}"#, "key", JwtError::Algorithm),
            (r#"{"alg":"ES256K"}"#, "key", JwtError::Algorithm),
            (r#"{"alg":""}"#, "key", JwtError::Algorithm),
            (r#"{"alg":["HS256"]}"#, "key", JwtError::Algorithm),
            (r#"{"alg":null}"#, "key", JwtError::Algorithm),
            (r#"{"typ":"JWT"}"#, "key", JwtError::Algorithm),
            ("{}", "key", JwtError::Algorithm),
            (r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, "key", JwtError::Critical),
            (r#"{"alg":"HS256","crit":["exp"],"exp":1612113201}"#, "key", JwtError::Critical),
            (r#"{"alg":"HS256","crit":[]}"#, "key", JwtError::Critical),
            (r#"{"alg":"HS256","crit":["exp"]}"#, "wrong", JwtError::Signature),
            (r#"{"alg":"HS256","crit":"exp"}"#, "key", JwtError::Malformed),
        ] {
            assert_eq!(verify(&token(header, claims, key), &secrets, NOW), Err(expected), "{header}");
        }
        for header in ["[]", "", "5", r#"{"alg":"HS256""#, r#"{"alg":"none","alg":"HS256"}"#] {
            let refused = verify(&token(header, claims, "key"), &secrets, NOW);
            assert_eq!(refused, Err(JwtError::Malformed), "{header}");
        }
        for garbage in ["", ".", "..", "a.b.c", "é.é.é", "a.b.c.d"] {
            assert!(verify(garbage, &secrets, NOW).is_err(), "{garbage}");
        }
    }

    #[test]
    fn nothing_but_hs256_with_a_secret_verifies() {
        let (secret, public) = (DecodingKey::from_secret(b"key"), DecodingKey::from_rsa_der(b"key"));
        for (algorithm, key, takes) in [
            (Algorithm::HS256, &secret, true),
            (Algorithm::HS512, &secret, false),
            (Algorithm::RS256, &secret, false),
            (Algorithm::HS256, &public, false),
            (Algorithm::RS256, &public, false),
        ] {
            assert_eq!(verifier(&algorithm, key).is_ok(), takes, "{algorithm:?} {:?}", key.family());
        }
    }
}
