//! The decision about a slot: who may have one, for which file, and until when it is kept.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use satchel_core::{
    content_type::ContentType,
    grant::{Grant, OwnerId},
    moment::Moment,
    object_key::Key,
    purpose::Purpose,
    retention::Retention,
    time::Timestamp,
    upload_path::{UploadPath, encode_path},
};

use super::{domains::Service, policy::SlotPolicy, refusal::SlotRefusal};

/// A slot request, its values as they were written.
#[derive(Debug, Clone, Copy)]
pub struct SlotRequest<'a> {
    /// Who asks, as a bare or full JID.
    pub from: &'a str,
    /// Whom.
    pub service: Service<'a>,
    /// The file's name.
    pub file_name: Option<&'a str>,
    /// Its size in bytes, in decimal digits.
    pub size: Option<&'a str>,
    /// Its type.
    pub content_type: Option<&'a str>,
    /// What it is for.
    pub purpose: Purpose,
    /// Not to be served from this point on (XEP-0363, section 5.3); it may go earlier.
    pub expire_before: Option<Timestamp>,
}

/// A slot, as far as it can be made without signing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// What the PUT may do.
    pub grant: Grant,
    /// Who gets it.
    pub owner: OwnerId,
    /// Where it goes.
    pub key: Key,
}

impl Slot {
    /// Where the file will be found, below the deployment's public URL.
    #[must_use]
    pub fn get_url(&self, public_url: &str) -> String {
        format!("{public_url}{}", encode_path(self.grant.path.as_str()))
    }
}

/// Decides about a slot.
///
/// # Errors
/// See [`SlotRefusal`].
pub fn decide(request: &SlotRequest<'_>, policy: &SlotPolicy, moment: &Moment) -> Result<Slot, SlotRefusal> {
    let owner = policy.account(request.from, request.service)?;
    let size = size(request.size, policy.max_size)?;
    let file_name = request.file_name.ok_or(SlotRefusal::FileNameMissing)?;
    let owner = OwnerId::of_bare_jid(owner.as_str(), policy.owner_keys.current());
    let slot = slot_name(owner, moment, policy.offered(request.purpose)?);
    let grant = Grant {
        path: UploadPath::from_segments([slot.as_str(), file_name]).map_err(SlotRefusal::FileName)?,
        size,
        content_type: ContentType::parse(request.content_type.unwrap_or_default())?,
        expires: expires(request, &policy.retention, moment.now)?,
        owner: Some(owner),
        id: moment.upload_id(),
        token: None,
    };
    let key = Key::of_grant(&grant).map_err(SlotRefusal::FileName)?;
    Ok(Slot { grant, owner, key })
}

/// `<owner>.<random>` and the purpose: one person's files can be listed without an index, and no address be guessed.
fn slot_name(owner: OwnerId, moment: &Moment, purpose: Purpose) -> String {
    let random = BASE64_URL_SAFE_NO_PAD.encode(moment.slot());
    format!("{}{random}{}", owner.slot_prefix(), purpose.slot_suffix())
}

fn size(digits: Option<&str>, max_size: u64) -> Result<u64, SlotRefusal> {
    let digits = digits.map(str::trim).filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    let digits = digits.ok_or(SlotRefusal::Size)?.trim_start_matches('0');
    if digits.is_empty() {
        return Err(SlotRefusal::Size);
    }
    // Digits alone that are no u64 are more than one.
    digits.parse().ok().filter(|size| *size <= max_size).ok_or(SlotRefusal::TooLarge { max_size })
}

/// The earlier of what the deployment and the sender want.
fn expires(request: &SlotRequest<'_>, retention: &Retention, now: Timestamp) -> Result<Option<Timestamp>, SlotRefusal> {
    let kept_until = retention.of(request.purpose).map(|seconds| now.plus(seconds));
    match request.expire_before {
        Some(asked) if asked.is_reached(now) => Err(SlotRefusal::Expiry),
        Some(asked) => Ok(Some(kept_until.map_or(asked, |kept_until| kept_until.min(asked)))),
        None => Ok(kept_until),
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use proptest::prelude::*;
    use satchel_core::{
        content_type::ContentTypeError,
        object_key::StoredObject,
        outcome::Failure,
        secret::{Secret, Secrets},
        upload_path::PathError,
    };

    use super::*;
    use crate::{ledger::QuotaReached, slot::AllowedDomains};

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn policy() -> SlotPolicy {
        SlotPolicy {
            max_size: 1_000,
            daily_quota: None,
            retention: Retention { message: Some(100), profile: Some(1_000), ephemeral: Some(10) },
            purposes: Purpose::ALL.to_vec(),
            domains: AllowedDomains::default(),
            owner_keys: Secrets::parse("key").unwrap(),
        }
    }

    fn request<'a>() -> SlotRequest<'a> {
        SlotRequest {
            from: "romeo@example.org/garden",
            service: Service::Component("upload.example.org"),
            file_name: Some("très cool.jpg"),
            size: Some("1000"),
            content_type: Some("image/jpeg"),
            purpose: Purpose::Message,
            expire_before: None,
        }
    }

    fn decided(request: &SlotRequest<'_>, policy: &SlotPolicy) -> Result<Slot, SlotRefusal> {
        let mut random = [0xff; 27];
        random[..9].fill(0);
        decide(request, policy, &Moment { now: NOW, random })
    }

    #[test]
    fn a_slot_names_the_file_where_it_will_be_and_grants_exactly_it() {
        let slot = decided(&request(), &policy()).unwrap();
        let owner = OwnerId::of_bare_jid("romeo@example.org", &Secret::from("key"));
        let address = format!("{}________________________/tr%C3%A8s%20cool.jpg", owner.slot_prefix());
        let public_url = "https://files.example.org/upload/";
        assert_eq!(slot.get_url(public_url), format!("{public_url}{address}"));
        assert_eq!((slot.grant.size, slot.grant.expires), (1_000, Some(NOW.plus(100))));
        assert_eq!(slot.grant.owner, Some(owner));
        let stored = StoredObject::parse(slot.key.as_str());
        assert_eq!(stored, Some(StoredObject::Incoming(Box::new(slot.grant))));
    }

    #[test]
    fn only_accounts_of_the_parent_or_the_named_domains_are_admitted() {
        let parent = Service::Component("upload.example.org");
        let checked = Service::CheckedByServer;
        for (list, from, service, admitted) in [
            ("", "romeo@example.org/x", parent, true),
            ("", "romeo@EXAMPLE.org", parent, true),
            ("", "example.org", parent, true),
            ("", "romeo@evil.example", parent, false),
            ("", "romeo@upload.example.org", parent, false),
            ("", "romeo@org", parent, false),
            ("", "romeo@a.example.org", parent, false),
            ("", "romeo@notexample.org", parent, false),
            ("", "romeo@example.org", Service::Component("localhost"), false),
            ("", "romeo@evil.example", checked, true),
            ("a.example, B.example", "romeo@b.example", parent, true),
            ("a.example b.example", "romeo@example.org", parent, false),
            ("a.example", "romeo@b.example", checked, false),
            ("Straße.example.", "romeo@strasse.example", checked, true),
            ("xmpp_1", "romeo@XMPP_1/x", checked, true),
        ] {
            let policy = SlotPolicy { domains: AllowedDomains::parse(list).unwrap(), ..policy() };
            let outcome = decided(&SlotRequest { from, service, ..request() }, &policy);
            assert_eq!(outcome.err(), (!admitted).then_some(SlotRefusal::Domain), "{list} {from}");
        }
        for stray in ["*.b.example", "a@b", "b:5222", "\u{202e}b"] {
            assert_eq!(AllowedDomains::parse(&format!("a.example,{stray}")), Err(stray));
        }
    }

    #[test]
    fn one_account_has_one_owner_however_it_is_spelled() {
        let owner = |from| decided(&SlotRequest { from, ..request() }, &policy()).unwrap().owner;
        for other in ["Straße@example.org/garden", "STRASSE@Example.org.", "stra\u{ad}sse@example.org"] {
            assert_eq!(owner(other), owner("strasse@example.org"), "{other}");
        }
    }

    #[test]
    fn sizes_are_whole_numbers_from_one_to_the_maximum() {
        let too_large = SlotRefusal::TooLarge { max_size: 1_000 };
        for (size, outcome) in [
            (Some("1"), Ok(1)),
            (Some(" 0999\n"), Ok(999)),
            (Some("1000"), Ok(1_000)),
            (Some("1001"), Err(too_large)),
            (Some("99999999999999999999999999"), Err(too_large)),
            (Some("0"), Err(SlotRefusal::Size)),
            (Some("-1"), Err(SlotRefusal::Size)),
            (Some("+1"), Err(SlotRefusal::Size)),
            (Some("1.0"), Err(SlotRefusal::Size)),
            (Some("1e2"), Err(SlotRefusal::Size)),
            (Some(""), Err(SlotRefusal::Size)),
            (None, Err(SlotRefusal::Size)),
        ] {
            let decided = decided(&SlotRequest { size, ..request() }, &policy());
            assert_eq!(decided.map(|slot| slot.grant.size), outcome, "{size:?}");
        }
    }

    #[test]
    fn names_that_are_not_one_segment_are_refused() {
        use PathError::*;
        for (name, cause) in [
            ("", EmptySegment),
            (".", DotSegment),
            ("..", DotSegment),
            ("a\\..\\b", DotSegment),
            ("a/b", EncodedSlash),
            ("/", EncodedSlash),
            ("a\nb", ControlCharacter),
            ("a\u{0}", ControlCharacter),
            (&"a".repeat(1_000), TooLong),
            (&"a".repeat(905), TooLong),
        ] {
            let decided = decided(&SlotRequest { file_name: Some(name), ..request() }, &policy());
            assert_eq!(decided, Err(SlotRefusal::FileName(cause)), "{name}");
        }
        let missing = decided(&SlotRequest { file_name: None, ..request() }, &policy());
        assert_eq!(missing, Err(SlotRefusal::FileNameMissing));
        assert!(decided(&SlotRequest { file_name: Some(&"a".repeat(255)), ..request() }, &policy()).is_ok());
    }

    #[test]
    fn an_ephemeral_file_goes_when_asked_or_earlier() {
        let expires = |seconds, ephemeral| {
            let policy = SlotPolicy { retention: Retention { ephemeral, ..policy().retention }, ..policy() };
            let request = SlotRequest { purpose: Purpose::Ephemeral, ..request() };
            let request = SlotRequest { expire_before: Some(NOW.plus(seconds)), ..request };
            decided(&request, &policy).map(|slot| slot.grant.expires)
        };
        assert_eq!(expires(1, Some(100)), Ok(Some(NOW.plus(1))));
        assert_eq!(expires(101, Some(100)), Ok(Some(NOW.plus(100))));
        assert_eq!(expires(101, None), Ok(Some(NOW.plus(101))));
        assert_eq!(expires(0, None), Err(SlotRefusal::Expiry));
    }

    #[test]
    fn each_purpose_has_its_prefix_and_its_retention() {
        let slot = |purpose, policy: &SlotPolicy| {
            decided(&SlotRequest { purpose, ..request() }, policy)
                .map(|slot| (Key::of_upload(&slot.grant.path).as_str().to_owned(), slot.grant.expires))
        };
        for (purpose, prefix, expires) in [
            (Purpose::Message, "uploads/", Some(NOW.plus(100))),
            (Purpose::Profile, "uploads-profile/", Some(NOW.plus(1_000))),
            (Purpose::Ephemeral, "uploads-ephemeral/", Some(NOW.plus(10))),
            (Purpose::Permanent, "uploads-permanent/", None),
        ] {
            let (key, until) = slot(purpose, &policy()).unwrap();
            assert!(key.starts_with(prefix) && until == expires, "{key} {until:?}");
            let none_offered = slot(purpose, &SlotPolicy { purposes: Vec::new(), ..policy() });
            let refused = (purpose != Purpose::Message).then_some(SlotRefusal::Purpose);
            assert_eq!(none_offered.err(), refused, "{purpose:?}");
        }
        assert_eq!(
            slot(Purpose::Message, &SlotPolicy { retention: Retention::default(), ..policy() }).unwrap().1,
            None
        );
    }

    #[test]
    fn an_address_or_type_that_is_none_is_refused() {
        let address = decided(&SlotRequest { from: "@", ..request() }, &policy());
        assert_eq!(address, Err(SlotRefusal::Address));
        let kind = decided(&SlotRequest { content_type: Some("a/b\r\nX: y"), ..request() }, &policy());
        assert_eq!(kind, Err(SlotRefusal::ContentType(ContentTypeError::NotPrintable)));
        let none = decided(&SlotRequest { content_type: None, ..request() }, &policy()).unwrap();
        assert_eq!(none.grant.content_type, ContentType::default());
    }

    #[test]
    fn ejabberd_learns_the_refusals_it_can_tell_apart() {
        assert_eq!(SlotRefusal::Domain.problem().status, StatusCode::FORBIDDEN);
        assert_eq!(SlotRefusal::TooLarge { max_size: 1 }.problem().status, StatusCode::PAYLOAD_TOO_LARGE);
        let reached = QuotaReached { left: 0, quota: 1, retry: NOW };
        assert_eq!(SlotRefusal::from(reached).problem().status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(SlotRefusal::Size.problem().status, StatusCode::BAD_REQUEST);
    }

    proptest! {
        #[test]
        fn every_url_stays_in_its_slot(name in any::<String>(), kind in any::<String>(), from in any::<String>()) {
            let request = SlotRequest { file_name: Some(&name), content_type: Some(&kind), ..request() };
            let _ = decided(&SlotRequest { from: &from, ..request }, &policy());
            if let Ok(slot) = decided(&request, &policy()) {
                let get_url = slot.get_url("https://files.example.org/upload/");
                let url = url::Url::parse(&get_url).unwrap();
                prop_assert_eq!(url.path_segments().unwrap().count(), 3);
                prop_assert!(url.query().is_none() && url.fragment().is_none());
                prop_assert!(get_url.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert_eq!(slot.grant.path.file_name(), name);
            }
        }
    }
}
