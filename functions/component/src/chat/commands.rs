//! The chat bot: what a message asks for, and replies that read well in any client.

use satchel_core::{
    date_time,
    grant::OwnerId,
    time::Timestamp,
    upload_path::{UploadPath, encode_path},
};
use sha2::{Digest, Sha256};

use crate::{ledger, slot::SlotPolicy};

/// Files that a list shows at the most.
pub const SHOWN: usize = 20;

/// A message that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// What it asks for.
    pub command: Command,
    /// The ids that the sender's files may have, the current one first: one for each secret.
    pub owners: Vec<OwnerId>,
    /// The message's type, which the reply has as well.
    pub kind: MessageType,
}

/// The types of messages that are answered (RFC 6121, section 5.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageType {
    /// `chat`.
    Chat,
    /// `normal`.
    Normal,
}

impl MessageType {
    /// The type of a message's `type` attribute; `None` for those that take no reply.
    pub(crate) fn of(attribute: Option<&str>) -> Option<Self> {
        match attribute {
            Some("chat") => Some(Self::Chat),
            // An unknown type is a normal one (RFC 6121, section 5.2.2).
            Some("error" | "groupchat" | "headline") => None,
            _ => Some(Self::Normal),
        }
    }

    /// The attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Normal => "normal",
        }
    }
}

/// What a message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// What there is to ask for.
    Help,
    /// How much may be uploaded today.
    Quota,
    /// My files.
    List,
    /// Delete the one with this number.
    DeleteNumber(FileNumber),
    /// Delete the one at this address.
    DeleteUrl(String),
    /// Anything else.
    Unknown,
}

impl Command {
    /// Reads a message's body.
    pub(crate) fn parse(body: &str) -> Self {
        let mut words = body.split_whitespace();
        let verb = words.next().unwrap_or_default().trim_start_matches(['/', '!']).to_lowercase();
        match (verb.as_str(), words.next(), words.next()) {
            ("help" | "?", None, None) => Self::Help,
            ("quota", None, None) => Self::Quota,
            ("list", None, None) => Self::List,
            ("delete", Some(file), None) => FileNumber::parse(file).map_or_else(
                || if file.contains("://") { Self::DeleteUrl(file.to_owned()) } else { Self::Unknown },
                Self::DeleteNumber,
            ),
            _ => Self::Unknown,
        }
    }
}

/// What a file is called in a chat. It is made of the address, so that it stays the same while others come and go: with
/// positions in a list, `delete 3` after `delete 2` would delete the wrong file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileNumber(u32);

impl FileNumber {
    /// The number of a file: five digits.
    #[must_use]
    pub fn of(path: &UploadPath) -> Self {
        let digest = Sha256::digest(path.as_str());
        let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        Self(10_000 + number % 90_000)
    }

    fn parse(word: &str) -> Option<Self> {
        word.trim_start_matches('#').parse().ok().map(Self)
    }
}

/// A file of the sender's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFile {
    /// Where it is.
    pub path: UploadPath,
    /// Bytes.
    pub size: u64,
    /// When it was uploaded.
    pub uploaded: Timestamp,
    /// When it goes.
    pub expires: Option<Timestamp>,
}

/// The path of an address of this service, if it is one.
#[must_use]
pub fn path_of(url: &str, public_url: &str) -> Option<UploadPath> {
    let below = url.strip_prefix(public_url)?;
    UploadPath::parse_encoded(below.split(['?', '#']).next()?).ok()
}

/// The answer to `help`.
#[must_use]
pub fn help(policy: &SlotPolicy) -> String {
    let kept =
        policy.retention.message.map_or_else(String::new, |seconds| format!(" and are kept for {}", days(seconds)));
    format!(
        "I keep the files that you share. You can ask me:\n\
         help - this text\n\
         quota - how much you may still upload today\n\
         list - your files with their sizes, dates and links\n\
         delete NUMBER - delete the file with this number in the list\n\
         delete LINK - delete the file at this link\n\
         Files can have up to {}{kept}.",
        bytes(policy.max_size)
    )
}

/// The answer to what is none of it.
#[must_use]
pub fn unknown() -> String {
    "I did not understand that. Send me \"help\" for what I can do.".to_owned()
}

/// The answer to `quota`; `spent` bytes of today's are gone.
#[must_use]
pub fn quota(policy: &SlotPolicy, spent: u64, now: Timestamp) -> String {
    let largest = bytes(policy.max_size);
    match policy.daily_quota {
        None => format!("There is no daily limit. A file can have up to {largest}."),
        Some(quota) => format!(
            "You have used {} of {} today, {} are left until {}. A file can have up to {largest}.",
            bytes(spent),
            bytes(quota),
            bytes(quota.saturating_sub(spent)),
            date_time::to_minute(ledger::midnight_after(now)),
        ),
    }
}

/// The answer to `list`: `shown` of `count` files, which have `total` bytes together.
#[must_use]
pub fn list(shown: &[OwnFile], count: usize, total: u64, public_url: &str) -> String {
    if shown.is_empty() {
        return "You have no files here.".to_owned();
    }
    let noun = if count == 1 { "file" } else { "files" };
    let newest = match (shown.len(), count) {
        (1, 1) => String::new(),
        (some, all) if some < all => format!(" The newest {some}:"),
        _ => " The newest first:".to_owned(),
    };
    let entries: String = shown.iter().map(|file| entry(file, public_url)).collect();
    format!("You have {count} {noun}, {} in all.{newest}{entries}", bytes(total))
}

fn entry(file: &OwnFile, public_url: &str) -> String {
    let until = match file.expires {
        Some(at) => format!("until {}", date_time::to_minute(at)),
        None => "no expiry".to_owned(),
    };
    let (number, name) = (FileNumber::of(&file.path).0, file.path.file_name());
    let (size, uploaded) = (bytes(file.size), date_time::to_minute(file.uploaded));
    let url = encode_path(file.path.as_str());
    format!("\n\n{number}: {name}\n{size}, uploaded {uploaded}, {until}\n{public_url}{url}")
}

/// The answer to `delete`, done.
#[must_use]
pub fn deleted(path: &UploadPath) -> String {
    format!("Deleted: {}", path.file_name())
}

/// The answer to `delete` where the sender has no such file. Whether somebody else has one is not told.
#[must_use]
pub fn not_yours() -> String {
    "You have no such file. Send me \"list\" for your files and their numbers.".to_owned()
}

/// The answer to `delete` with a number that several files have.
#[must_use]
pub fn ambiguous() -> String {
    "Several of your files have this number. Delete them by their links.".to_owned()
}

/// The answer where storage fails.
#[must_use]
pub fn unavailable() -> String {
    "Your files cannot be reached at the moment. Please try again in a minute.".to_owned()
}

fn days(seconds: u64) -> String {
    match seconds / 86_400 {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// `1 byte`, `999 bytes`, `1.5 KiB`.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1_024 {
        return if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") };
    }
    let exponent = (count.ilog2() / 10).min(4);
    let tenths = u128::from(count) * 10 / (1_u128 << (10 * exponent));
    let unit = UNITS[exponent as usize - 1];
    if tenths.is_multiple_of(10) {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PUBLIC_URL: &str = "https://files.example.org/upload/";

    #[test]
    fn commands_are_read_as_people_write_them() {
        let url = "https://files.example.org/upload/s/a.jpg";
        for (body, command) in [
            ("help", Command::Help),
            (" Help\n", Command::Help),
            ("/help", Command::Help),
            ("?", Command::Help),
            ("QUOTA", Command::Quota),
            ("!list", Command::List),
            ("delete 12345", Command::DeleteNumber(FileNumber(12_345))),
            ("delete  #12345 ", Command::DeleteNumber(FileNumber(12_345))),
            (&format!("Delete {url}"), Command::DeleteUrl(url.to_owned())),
            ("delete", Command::Unknown),
            ("delete everything", Command::Unknown),
            ("delete 1 2", Command::Unknown),
            ("delete -1", Command::Unknown),
            ("list all my files", Command::Unknown),
            ("help!", Command::Unknown),
            ("", Command::Unknown),
        ] {
            assert_eq!(Command::parse(body), command, "{body}");
        }
    }

    #[test]
    fn sizes_read_as_people_count() {
        for (count, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1_023, "1023 bytes"),
            (1_024, "1 KiB"),
            (1_536, "1.5 KiB"),
            (1_048_575, "1023.9 KiB"),
            (5_368_709_120, "5 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn a_list_names_each_file_with_its_number_and_link() {
        let path = UploadPath::parse_decoded("o.s/très cool.jpg").unwrap();
        let uploaded = Timestamp::from_seconds(1_512_344_525);
        let file = OwnFile { path, size: 1_536, uploaded, expires: Some(uploaded.plus(86_400)) };
        let number = FileNumber::of(&file.path).0;
        let only = list(std::slice::from_ref(&file), 1, 1_536, PUBLIC_URL);
        assert_eq!(
            only,
            format!(
                "You have 1 file, 1.5 KiB in all.\n\n{number}: très cool.jpg\n1.5 KiB, uploaded 2017-12-03 23:42 UTC, \
                 until 2017-12-04 23:42 UTC\nhttps://files.example.org/upload/o.s/tr%C3%A8s%20cool.jpg"
            )
        );
        let kept = OwnFile { expires: None, ..file };
        let some = list(&[kept.clone(), kept.clone()], 30, 0, PUBLIC_URL);
        assert!(some.starts_with("You have 30 files, 0 bytes in all. The newest 2:") && some.contains("no expiry"));
        assert!(list(&[kept.clone(), kept], 2, 0, PUBLIC_URL).contains("The newest first:"));
        assert_eq!(list(&[], 0, 0, PUBLIC_URL), "You have no files here.");
    }

    #[test]
    fn only_this_services_links_lead_to_files() {
        for (url, path) in [
            ("https://files.example.org/upload/o.s/a%20b.jpg", Some("o.s/a b.jpg")),
            ("https://files.example.org/upload/o.s/a.jpg?x#y", Some("o.s/a.jpg")),
            ("https://files.example.org/upload/o.s/../a", None),
            ("https://files.example.org/upload/", None),
            ("https://files.example.org.evil.example/upload/o.s/a", None),
            ("http://files.example.org/upload/o.s/a", None),
        ] {
            assert_eq!(path_of(url, PUBLIC_URL).as_ref().map(UploadPath::as_str), path, "{url}");
        }
    }

    proptest! {
        #[test]
        fn every_number_shown_is_understood(segments in "[a-z]{1,9}/[a-z]{1,9}", body in any::<String>()) {
            let number = FileNumber::of(&UploadPath::parse_decoded(&segments).unwrap());
            prop_assert!((10_000..100_000).contains(&number.0));
            prop_assert_eq!(Command::parse(&format!("delete {}", number.0)), Command::DeleteNumber(number));
            let _ = Command::parse(&body);
        }
    }
}
