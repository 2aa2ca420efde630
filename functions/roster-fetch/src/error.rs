//! Everything that can go wrong with a roster or group, and the one place that says how it is answered.

use http::StatusCode;
use satchel_core::{
    jid::BareJid,
    outcome::{CAUSE, Failure, Field, cause, reason},
    precondition::PreconditionFailed,
    problem::Problem,
};
use satchel_rosters::{
    contact::EntriesError,
    edit::EditRefusal,
    group::{GroupName, GroupRefusal},
    username::Username,
};
use satchel_store::editor::DocumentError;

use crate::address::AddressError;

/// Why a roster is not fetched or edited.
#[derive(Debug, thiserror::Error)]
pub enum RosterFetchError {
    /// The address is wrong.
    #[error("there is nothing at this address; rosters are below /contacts/, shared groups below /groups/")]
    NoSuchAddress,
    /// Not one of the callers.
    #[error(
        "this address takes the credentials it was configured with (HTTP authentication by user name and password)"
    )]
    Unauthorized,
    /// Not for this address.
    #[error("this address takes {0}; a roster is edited and emptied by PUTs below /contacts/")]
    Method(&'static str),
    /// A name or address in the path.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A parameter that is neither true nor false.
    #[error("the parameter '{0}' is either true or false")]
    Flag(&'static str),
    /// The body.
    #[error(transparent)]
    Entries(#[from] EntriesError),
    /// There is nobody to be changed along.
    #[error(transparent)]
    Mutual(#[from] MutualProblem),
    /// If-Match or If-None-Match.
    #[error(transparent)]
    Precondition(#[from] PreconditionFailed),
    /// The roster does not allow it.
    #[error(transparent)]
    Edit(#[from] EditRefusal),
    /// The contact's roster does not allow it; nothing was changed.
    #[error("nothing was changed; in the roster of '{contact}': {refusal}")]
    OtherSide {
        /// Whose.
        contact: Username,
        /// Why.
        refusal: String,
    },
    /// No such group.
    #[error("there is no group '{0}'")]
    NoGroup(GroupName),
    /// The group does not allow it.
    #[error(transparent)]
    Group(#[from] GroupRefusal),
    /// The group is stored, but some members have no room for it.
    #[error(
        "the group is stored, but the rosters of these members are full and do not show it: {}; make room and repeat the \
         request",
        listed(.0)
    )]
    MembersFull(Vec<Username>),
    /// The group is stored, but not in all rosters.
    #[error(
        "the group is stored, but of {all} rosters these could not be written: {}; repeat the request to complete it",
        listed(left)
    )]
    Unshared {
        /// Rosters that are not written.
        left: Vec<Username>,
        /// All that were to be.
        all: usize,
        /// What the last of them said, for the log.
        cause: Box<RosterFetchError>,
    },
    /// One of two is done.
    #[error(
        "the roster of '{username}' is changed, that of '{contact}' could not be; repeat the request to complete it"
    )]
    HalfDone {
        /// Whose is done.
        username: Username,
        /// Whose is not.
        contact: Username,
        /// Why, for the log.
        cause: Box<RosterFetchError>,
    },
    /// Both are done, and perhaps undone.
    #[error(
        "both rosters were changed; whether another request has changed one of them at the same time is not known, as the \
         store did not say; repeat the request to be sure"
    )]
    Unverified(#[source] Box<RosterFetchError>),
    /// S3 failed, or has something else there.
    #[error("the roster store is not available or holds something unreadable; nothing acknowledged is lost, try again")]
    Document(#[from] DocumentError),
    /// The time for an edit is up.
    #[error("this could not be completed in time, as too many others edit the same or the store is slow; repeat it")]
    Unfinished,
    /// S3 took too long to read from.
    #[error("the roster store does not answer in time; try again")]
    Hangs,
}

/// Why `mutual=true` cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MutualProblem {
    /// One contact at a time.
    #[error("mutual=true goes with one contact: PUT or DELETE /contacts/username/jid?mutual=true")]
    WholeRoster,
    /// Nobody's own contact.
    #[error("nobody is their own contact on both sides")]
    Oneself,
    /// Of another server.
    #[error("'{0}' is not of SATCHEL_ROSTER_DOMAIN, so their roster is not kept here")]
    Elsewhere(BareJid),
    /// A host, or a name that no key can hold.
    #[error("'{0}' has no roster here that could be changed along")]
    NoRoster(BareJid),
    /// The user cannot be anybody's contact.
    #[error("the username '{0}' is no localpart, so nobody can have it as a contact")]
    NoJid(Username),
}

/// The first ten, and how many more there are.
fn listed(usernames: &[Username]) -> String {
    let (some, more) = usernames.split_at(usernames.len().min(10));
    let names = some.iter().map(Username::as_str).collect::<Vec<_>>().join(", ");
    if more.is_empty() { names } else { format!("{names} and {} more", more.len()) }
}

impl Failure for RosterFetchError {
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::NoSuchAddress => (StatusCode::NOT_FOUND, "no_such_address"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "basic_required"),
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Address(_) => (StatusCode::BAD_REQUEST, "path_malformed"),
            Self::Flag(_) => (StatusCode::BAD_REQUEST, "parameter_malformed"),
            Self::Entries(error) => (StatusCode::BAD_REQUEST, error.code()),
            Self::Mutual(_) => (StatusCode::BAD_REQUEST, "not_mutual"),
            Self::Precondition(_) => (StatusCode::PRECONDITION_FAILED, "precondition_failed"),
            Self::Edit(EditRefusal::NoContact(_)) => (StatusCode::NOT_FOUND, "contact_not_found"),
            Self::Edit(EditRefusal::Shared { .. }) => (StatusCode::CONFLICT, "contact_shared"),
            Self::Edit(EditRefusal::Full | EditRefusal::TooLarge(_))
            | Self::OtherSide { .. }
            | Self::MembersFull(_) => (StatusCode::CONFLICT, "roster_full"),
            Self::NoGroup(_) => (StatusCode::NOT_FOUND, "group_not_found"),
            Self::Group(GroupRefusal::NotAMember(_)) => (StatusCode::NOT_FOUND, "member_not_found"),
            Self::Group(GroupRefusal::Full) => (StatusCode::CONFLICT, "group_full"),
            Self::Group(GroupRefusal::Domains(..)) => (StatusCode::BAD_REQUEST, "member_domains"),
            Self::Group(GroupRefusal::Member { .. }) => (StatusCode::BAD_REQUEST, "entry_malformed"),
            Self::Unshared { .. } | Self::HalfDone { .. } | Self::Unverified(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "edit_incomplete")
            }
            Self::Document(error) if error.is_full() => (StatusCode::INSUFFICIENT_STORAGE, "storage_full"),
            Self::Document(DocumentError::Unreadable(_)) => (StatusCode::INTERNAL_SERVER_ERROR, "document_unreadable"),
            Self::Document(_) | Self::Hangs => (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable"),
            Self::Unfinished => (StatusCode::SERVICE_UNAVAILABLE, "edit_unfinished"),
        };
        Problem::new(status, code, self.to_string())
    }

    /// Never a contact or a name.
    fn fields(&self) -> Vec<Field> {
        match self {
            Self::Document(error) => cause(error),
            Self::Unshared { left, all, cause } => vec![
                ("rosters".into(), (*all).into()),
                ("rosters_left".into(), left.len().into()),
                (CAUSE.into(), cause.cause().into()),
            ],
            Self::HalfDone { cause: said, .. } | Self::Unverified(said) => cause(&said.cause()),
            other if other.names_nobody() => reason(other),
            // The code says what it is.
            _ => Vec::new(),
        }
    }
}

impl RosterFetchError {
    /// Whether its words have no contact, user or group in them, so that a log may have them.
    const fn names_nobody(&self) -> bool {
        matches!(
            self,
            Self::NoSuchAddress
                | Self::Unauthorized
                | Self::Method(_)
                | Self::Flag(_)
                | Self::Precondition(_)
                | Self::Unfinished
                | Self::Hangs
        )
    }

    /// What the store said, or what else stopped an edit.
    fn cause(&self) -> String {
        match self {
            Self::Document(cause) => cause.to_string(),
            other => other.problem().code.to_owned(),
        }
    }
}
