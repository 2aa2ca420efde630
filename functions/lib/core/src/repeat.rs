//! An upload whose answer got lost, and which is sent again: known by its token and its bytes.

use md5::{Digest, Md5};

use crate::{digest::Sha256Digest, grant::Grant, metadata::Metadata};

/// What tells one body from another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Content {
    /// Bytes.
    pub size: u64,
    /// Where it is known. Somebody can make two bodies of one MD5, but only for a token of theirs: the first stays.
    pub md5: Option<[u8; 16]>,
    /// Where it is known.
    pub sha256: Option<Sha256Digest>,
}

impl Content {
    /// That of a body, with the digest that S3 tells of its objects.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        Self { size: body.len() as u64, md5: Some(Md5::digest(body).into()), sha256: None }
    }

    /// That of an object of S3's. The ETag is the MD5 of what one PUT has stored, unless it is encrypted with a key of KMS
    /// or the client's (AWS: "Checking object integrity"); then it has the same form, and is the MD5 of nothing that
    /// anybody sends. One of parts has a hyphen.
    #[must_use]
    pub fn of_object(size: u64, etag: &str) -> Self {
        let mut md5 = [0; 16];
        let read = hex::decode_to_slice(etag.trim_matches('"'), &mut md5).is_ok();
        Self { size, md5: read.then_some(md5), sha256: None }
    }

    /// Whether both are the same bytes, as far as anybody can tell: where no digest is known of both, they are not.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let md5 = self.md5.zip(other.md5).map(|(own, theirs)| own == theirs);
        let sha256 = self.sha256.zip(other.sha256).map(|(own, theirs)| own == theirs);
        let digests = [md5, sha256];
        self.size == other.size && digests.contains(&Some(true)) && !digests.contains(&Some(false))
    }
}

/// Makes the [`Content`] of a body that comes in pieces.
#[derive(Debug, Clone, Default)]
pub struct Measuring {
    size: u64,
    md5: Md5,
}

impl Measuring {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        self.md5.update(piece);
    }

    /// That of all pieces.
    #[must_use]
    pub fn finish(self) -> Content {
        Content { size: self.size, md5: Some(self.md5.finalize().into()), sha256: None }
    }
}

/// Whether what is stored came with the very token of `grant`, and has the bytes that came with it now. `sent` is asked
/// only where the answer depends on it.
#[must_use]
pub fn is_repeated(grant: &Grant, sent: impl FnOnce() -> Content, stored: &Metadata, kept: &Content) -> bool {
    grant.token.is_some() && grant.token == stored.token && grant.size == kept.size && kept.is(&sent())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        content_type::ContentType, credential::Credential, grant::UploadId, token_id::TokenId, upload_path::UploadPath,
    };

    fn jwt(token: &str) -> Credential {
        Credential::Jwt(token.to_owned())
    }

    #[test]
    fn pieces_have_the_content_of_the_whole() {
        let mut measuring = Measuring::default();
        for piece in [b"he".as_slice(), b"", b"llo"] {
            measuring.update(piece);
        }
        assert_eq!(measuring.finish(), Content::of(b"hello"));
        assert_eq!(Measuring::default().finish(), Content::of(b""));
    }

    #[test]
    fn bytes_are_the_same_where_a_digest_says_so_and_none_denies_it() {
        let (hello, other) = (Content::of(b"hello"), Content::of(b"other"));
        let sha256 = |content: Content, body: &[u8]| Content { sha256: Some(Sha256Digest::of(body)), ..content };
        let sized = |size: u64| Content { size, ..Content::default() };
        let etag = |etag: &str| Content::of_object(5, etag);
        // printf hello | md5sum
        let md5 = "5d41402abc4b2a76b9719d911017c592";
        for (name, one, two, same) in [
            ("the same", hello, hello, true),
            ("others", hello, other, false),
            ("another size", hello, Content { size: 6, ..hello }, false),
            ("nothing is known", sized(5), sized(5), false),
            ("nothing is known of one", hello, sized(5), false),
            ("one is known by one digest, the other by another", hello, sha256(sized(5), b"hello"), false),
            ("by SHA-256 alone", sha256(sized(5), b"hello"), sha256(sized(5), b"hello"), true),
            ("by both", sha256(hello, b"hello"), sha256(hello, b"hello"), true),
            ("one digest denies it", sha256(hello, b"hello"), sha256(hello, b"other"), false),
            ("the other denies it", sha256(hello, b"hello"), sha256(other, b"hello"), false),
            ("an ETag", hello, etag(&format!("\"{md5}\"")), true),
            ("without quotes", hello, etag(md5), true),
            ("of parts", hello, etag(&format!("\"{md5}-1\"")), false),
            ("of nothing that was sent", hello, etag(&format!("\"{}\"", "0".repeat(32))), false),
            ("weak", hello, etag(&format!("W/\"{md5}\"")), false),
            ("none", hello, etag(""), false),
        ] {
            assert_eq!((one.is(&two), two.is(&one)), (same, same), "{name}");
        }
    }

    #[test]
    fn an_upload_is_repeated_where_token_and_bytes_are_the_same() {
        let [one, two] = [jwt("a.b.c"), jwt("a.b.d")].map(|token| Some(TokenId::of(&token)));
        for (name, sent_with, stored_with, body, repeated) in [
            ("the same", one, one, b"hello", true),
            ("other bytes", one, one, b"other", false),
            ("another token", one, two, b"hello", false),
            ("stored without one", one, None, b"hello", false),
            ("sent without one", None, one, b"hello", false),
            ("neither has one", None, None, b"hello", false),
        ] {
            let grant = Grant {
                path: UploadPath::parse_decoded("u/a").unwrap(),
                size: 5,
                content_type: ContentType::default(),
                expires: None,
                owner: None,
                id: UploadId::from_random([0; 9]),
                token: sent_with,
            };
            let stored = Metadata::of(&Grant { token: stored_with, ..grant.clone() });
            let kept = Content::of(b"hello");
            assert_eq!(is_repeated(&grant, || Content::of(body), &stored, &kept), repeated, "{name}");
            let longer = Content { size: 6, ..kept };
            assert!(!is_repeated(&grant, || panic!("{name}: need not be asked"), &stored, &longer));
        }
    }
}
