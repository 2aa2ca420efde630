//! The decision about a PUT: which grant, if any, its token gives.

use http::StatusCode;

use crate::{
    config::environment::Environment,
    content_type::{self, ContentType, ContentTypeError, MAX_CONTENT_TYPE_BYTES},
    credential::{Credential, CredentialError},
    grant::{Grant, OwnerId, UploadId},
    jid::BareJid,
    jwt::{self, Claims, JwtError},
    mac::{self, HexMac, MacProtocol},
    outcome::{Failure, Field, reason},
    problem::Problem,
    purpose::Purpose,
    secret::{DeleteSecrets, Secrets},
    time::Timestamp,
    token_id::TokenId,
    upload_path::{PathError, UploadPath},
};

/// A PUT as its headers describe it.
#[derive(Debug, Clone)]
pub struct PutRequest<'a> {
    /// The possible readings of the path, at least one, most likely first.
    pub paths: &'a [UploadPath],
    /// The token.
    pub credential: &'a Credential,
    /// Bytes announced; `None` where nothing says how long the body is.
    pub length: Option<u64>,
    /// The Content-Type header, verbatim.
    pub content_type: Option<&'a str>,
}

/// What the deployment allows.
#[derive(Debug, Clone)]
pub struct PutPolicy {
    /// The secrets shared with the XMPP server.
    pub secrets: Secrets,
    /// The largest file in bytes.
    pub max_size: u64,
    /// Seconds after which files go whose token names no expiry; `None` keeps them.
    pub retention: Option<u64>,
}

/// S3 takes objects of at most 5 GiB in one request (AWS: "Amazon S3 multipart upload limits").
pub const S3_PUT_LIMIT: u64 = 5 * 1024 * 1024 * 1024;

/// `SATCHEL_MAX_SIZE`: the largest file in bytes.
pub fn max_size(environment: &mut Environment<'_>) -> u64 {
    environment.number("SATCHEL_MAX_SIZE", 1, S3_PUT_LIMIT).unwrap_or(S3_PUT_LIMIT)
}

impl PutPolicy {
    /// Reads what tokens are checked with: `SATCHEL_UPLOAD_SECRETS`, `SATCHEL_MAX_SIZE`.
    pub fn read(environment: &mut Environment<'_>, retention: Option<u64>) -> Option<Self> {
        let secrets = Secrets::read(environment);
        let max_size = max_size(environment);
        Some(Self { secrets: secrets?, max_size, retention })
    }
}

/// Why a PUT is refused before anything is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutRefusal {
    /// No token that could be checked.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The MAC fits none of the messages it may have been made over.
    #[error(
        "the '{}' token does not fit this path, size and type; compare the secret, and the base URL, \
         which is no part of the signed path", .protocol.parameter()
    )]
    MacMismatch {
        /// The dialect that was tried.
        protocol: MacProtocol,
        /// The messages that were MACed.
        messages: Vec<String>,
    },
    /// A JWT that does not verify or has expired.
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// The token is for another slot.
    #[error("the token is for another slot than the path's")]
    SlotMismatch,
    /// The slot is one that only Satchel gives out.
    #[error("slots that end in .profile, .ephemeral or .permanent are for files that Satchel itself gave the slot for")]
    SlotReserved,
    /// The token is for another size.
    #[error("the token is for {granted} bytes, the request has {announced}")]
    SizeMismatch {
        /// Bytes the token grants.
        granted: u64,
        /// Bytes the request announces.
        announced: u64,
    },
    /// Over the deployment's maximum.
    #[error("the file is larger than the {max_size} bytes allowed here")]
    TooLarge {
        /// Bytes allowed.
        max_size: u64,
    },
    /// Nothing says how long the body is.
    #[error("the request has no Content-Length; send one (chunked transfer coding is not enough)")]
    LengthRequired,
    /// The Content-Type, of the header or the token, cannot be stored.
    #[error(transparent)]
    ContentType(#[from] ContentTypeError),
    /// The path, or the name in the token, cannot be a key.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl Failure for PutRefusal {
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::Credential(CredentialError::Missing) => (StatusCode::FORBIDDEN, "token_missing"),
            Self::Credential(CredentialError::OtherScheme) => (StatusCode::UNAUTHORIZED, "bearer_required"),
            Self::Credential(CredentialError::MalformedMac(_)) => (StatusCode::FORBIDDEN, "mac_malformed"),
            Self::MacMismatch { .. } => (StatusCode::FORBIDDEN, "mac_mismatch"),
            Self::Jwt(JwtError::Malformed) => (StatusCode::FORBIDDEN, "token_malformed"),
            Self::Jwt(JwtError::Algorithm) => (StatusCode::FORBIDDEN, "token_algorithm"),
            Self::Jwt(JwtError::Critical) => (StatusCode::FORBIDDEN, "token_critical"),
            Self::Jwt(JwtError::Signature) => (StatusCode::FORBIDDEN, "token_signature"),
            Self::Jwt(JwtError::NoExpiry) => (StatusCode::FORBIDDEN, "token_without_expiry"),
            Self::Jwt(JwtError::NotYet) => (StatusCode::FORBIDDEN, "token_not_yet_valid"),
            Self::Jwt(JwtError::Expired) => (StatusCode::GONE, "token_expired"),
            Self::SlotMismatch => (StatusCode::BAD_REQUEST, "slot_mismatch"),
            Self::SlotReserved => (StatusCode::BAD_REQUEST, "slot_reserved"),
            Self::SizeMismatch { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "size_mismatch"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "file_too_large"),
            Self::LengthRequired => (StatusCode::LENGTH_REQUIRED, "length_required"),
            Self::ContentType(_) => (StatusCode::BAD_REQUEST, "content_type_malformed"),
            Self::Path(_) => (StatusCode::BAD_REQUEST, "path_malformed"),
        };
        Problem::new(status, code, self.to_string())
    }

    /// The messages that were MACed, to be compared with what the XMPP server has signed; never the secret or the MAC. Those of
    /// a deletion would hold a secret, and are not there.
    fn fields(&self) -> Vec<Field> {
        match self {
            Self::MacMismatch { messages, .. } if !messages.is_empty() => {
                let messages: Vec<String> = messages.iter().map(|message| Credential::without_jwts(message)).collect();
                vec![("signed_messages".into(), messages.into())]
            }
            other => reason(other),
        }
    }
}

/// Checks the token and gives what it grants. `id` distinguishes this upload from others of the path.
///
/// # Errors
/// See [`PutRefusal`].
pub fn authorize(put: &PutRequest<'_>, policy: &PutPolicy, now: Timestamp, id: UploadId) -> Result<Grant, PutRefusal> {
    if put.content_type.is_some_and(|header| header.len() > MAX_CONTENT_TYPE_BYTES) {
        return Err(ContentTypeError::TooLong.into());
    }
    let (mut grant, purpose) = match put.credential {
        Credential::Jwt(token) => {
            let (claims, purpose) = claims(token, &policy.secrets, now)?;
            (by_claims(put, &claims, &policy.secrets, id)?, purpose)
        }
        Credential::Mac(protocol, mac) => (by_mac(put, *protocol, mac, &policy.secrets, id)?, Purpose::Message),
    };
    // An XMPP server's token has nothing to say about purposes: it could keep files from their lifecycle rule.
    if grant.path.purpose() != purpose {
        return Err(PutRefusal::SlotReserved);
    }
    if grant.size > policy.max_size {
        return Err(PutRefusal::TooLarge { max_size: policy.max_size });
    }
    grant.token = Some(TokenId::of(put.credential));
    // What is for something else has been given its time with the slot.
    let retention = policy.retention.filter(|_| purpose == Purpose::Message);
    grant.expires = grant.expires.or_else(|| retention.map(|seconds| now.plus(seconds)));
    Ok(grant)
}

/// What a token grants, and for what: a purpose is Satchel's own to give.
fn claims(token: &str, secrets: &Secrets, now: Timestamp) -> Result<(Claims, Purpose), JwtError> {
    match jwt::verify(token, secrets, now) {
        Err(JwtError::Signature) => {
            let claims = jwt::verify(token, &secrets.map(jwt::own_key), now)?;
            let purpose = claims.purpose;
            Ok((claims, purpose))
        }
        verified => verified.map(|claims| (claims, Purpose::Message)),
    }
}

/// Prosody ignores the file name of the path and the PUT's Content-Type: the claims name both, and
/// with them the only key this token can write.
fn by_claims(put: &PutRequest<'_>, claims: &Claims, secrets: &Secrets, id: UploadId) -> Result<Grant, PutRefusal> {
    let path = put.paths.iter().find(|path| path.slot() == claims.slot).ok_or(PutRefusal::SlotMismatch)?;
    announced_size(put.length, claims.filesize)?;
    Ok(Grant {
        path: match &claims.filename {
            Some(name) => UploadPath::from_segments([claims.slot.as_str(), name])?,
            None => path.clone(),
        },
        size: claims.filesize,
        content_type: ContentType::parse(&claims.filetype)?,
        expires: claims.expires,
        owner: claims.sub.as_deref().map(|jid| owner_of(jid, secrets)),
        id,
        token: None,
    })
}

/// The owner whom a token names, by the address that the other ways of uploading give them.
fn owner_of(subject: &str, secrets: &Secrets) -> OwnerId {
    let account = BareJid::of(subject);
    OwnerId::of_bare_jid(account.as_ref().map_or(subject, BareJid::as_str), secrets.current())
}

/// A request without any length can only be one for an empty file: API Gateway passes no
/// Content-Length on for those.
fn announced_size(length: Option<u64>, granted: u64) -> Result<(), PutRefusal> {
    match length {
        Some(announced) if announced == granted => Ok(()),
        Some(announced) => Err(PutRefusal::SizeMismatch { granted, announced }),
        None if granted == 0 => Ok(()),
        None => Err(PutRefusal::LengthRequired),
    }
}

fn by_mac(
    put: &PutRequest<'_>,
    protocol: MacProtocol,
    mac: &HexMac,
    secrets: &Secrets,
    id: UploadId,
) -> Result<Grant, PutRefusal> {
    let size = put.length.unwrap_or(0);
    let mut messages = Vec::new();
    for path in put.paths {
        for (message, content_type) in candidates(protocol, path, size, put.content_type) {
            if mac.verifies(secrets, &message) {
                let content_type = content_type?;
                return Ok(Grant {
                    owner: owner_in(path, secrets),
                    path: path.clone(),
                    size,
                    content_type,
                    expires: None,
                    id,
                    token: None,
                });
            }
            messages.push(message);
        }
    }
    match put.length {
        None => Err(PutRefusal::LengthRequired),
        Some(_) => Err(PutRefusal::MacMismatch { protocol, messages }),
    }
}

type Candidate = (String, Result<ContentType, ContentTypeError>);

/// The messages the MAC may have been made over, each with the type to store should it verify.
fn candidates(protocol: MacProtocol, path: &UploadPath, size: u64, header: Option<&str>) -> Vec<Candidate> {
    if !protocol.signs_content_type() {
        return vec![(mac::size_message(path, size), content_type::unsigned_type(header, path.file_name()))];
    }
    content_type::signed_candidates(header, path.file_name())
        .into_iter()
        .map(|signed| (mac::typed_message(path, size, &signed), ContentType::parse(&signed)))
        .collect()
}

/// ejabberd's paths have three segments and begin with the SHA-1 of the bare JID.
fn owner_in(path: &UploadPath, secrets: &Secrets) -> Option<OwnerId> {
    (path.segments().count() == 3).then(|| OwnerId::of_user_directory(path.slot(), secrets.current())).flatten()
}

/// Whether a Metronome DELETE of one of these paths may go ahead; gives the path.
///
/// # Errors
/// Credential errors, and `MacMismatch` without messages (they would hold the delete secret).
pub fn authorize_delete<'a>(
    paths: &'a [UploadPath],
    credential: &Credential,
    secrets: &Secrets,
    delete_secrets: &DeleteSecrets,
) -> Result<&'a UploadPath, PutRefusal> {
    let Credential::Mac(MacProtocol::Token, mac) = credential else {
        return Err(CredentialError::Missing.into());
    };
    let verifies = |path: &UploadPath, secret| mac.verifies(secrets, &mac::delete_message(path, secret));
    paths
        .iter()
        .find(|path| delete_secrets.iter().any(|secret| verifies(path, secret)))
        .ok_or(PutRefusal::MacMismatch { protocol: MacProtocol::Token, messages: Vec::new() })
}

#[cfg(test)]
mod tests;
