//! What requests of the tus protocol say in their headers. A header that is no text is to be handed in as something
//! that reads as nothing valid.

use http::Method;
use satchel_core::{checksum::Checksum, credential::Credential, upload_metadata::UploadMetadata};

use crate::{
    refusal::ResumeRefusal,
    tus::{CHUNK_TYPE, VERSION},
};

/// The query parameter, in the upload's own URL, that carries its signed id.
pub const ID_PARAMETER: &str = "upload";
/// The header that carries the signed id beside the URL that the upload was created at.
pub const ID_HEADER: &str = "x-session-token";

/// What the log calls the signed id, among the names of tokens.
const SIGNED_ID: &str = "upload_id";

/// The method that counts: `X-HTTP-Method-Override` where it is there. `None` where that names no method.
#[must_use]
pub fn method<'a>(actual: &Method, header: impl Fn(&str) -> Option<&'a str>) -> Option<Method> {
    match header("x-http-method-override") {
        Some(name) => Method::from_bytes(name.trim().as_bytes()).ok(),
        None => Some(actual.clone()),
    }
}

/// The name of what a request shows to be let in, well-formed or not, for the log: at creation the protocol of its token,
/// afterwards the upload's signed id. `raw_path` is as it was sent.
#[must_use]
pub fn protocol_tried<'a>(
    method: &Method,
    header: impl Fn(&str) -> Option<&'a str>,
    parameter: impl Fn(&str) -> Option<&'a str>,
    raw_path: &str,
) -> Option<&'static str> {
    match *method {
        Method::POST => Credential::tried(header("authorization"), parameter, raw_path),
        Method::OPTIONS => None,
        _ => parameter(ID_PARAMETER).or_else(|| header(ID_HEADER)).map(|_| SIGNED_ID),
    }
}

/// Checks `Tus-Resumable`, which every request but OPTIONS has.
///
/// # Errors
/// `Version`.
pub fn check_version<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Result<(), ResumeRefusal> {
    let named = header("tus-resumable").is_some_and(|version| version.trim() == VERSION);
    if named { Ok(()) } else { Err(ResumeRefusal::Version) }
}

/// A POST that creates an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// Bytes of the whole upload.
    pub length: u64,
    /// What the client says about the file.
    pub metadata: UploadMetadata,
    /// The file's type as a PUT would have it: `filetype` of the metadata, else a Content-Type that is not a chunk's.
    pub content_type: Option<String>,
}

impl Creation {
    /// Reads the headers, as far as they are not about the chunk that may come along.
    ///
    /// # Errors
    /// A missing, deferred or malformed length; metadata; `Concatenation`.
    pub fn parse<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Result<Self, ResumeRefusal> {
        if header("upload-concat").is_some() {
            return Err(ResumeRefusal::Concatenation);
        }
        if header("upload-defer-length").is_some() {
            return Err(ResumeRefusal::LengthDeferred);
        }
        let length = number(&header, "upload-length", "Upload-Length")?;
        let metadata = UploadMetadata::parse(header("upload-metadata").unwrap_or_default())?;
        let own = header("content-type").filter(|named| !is_chunk_type(named)).map(str::to_owned);
        Ok(Self { length, content_type: metadata.file_type().or(own), metadata })
    }

    /// Checks the chunk that came along, if one did or was announced.
    ///
    /// # Errors
    /// Those of [`check_chunk`]; `TooLong`.
    pub fn check_chunk<'a>(&self, header: impl Fn(&str) -> Option<&'a str>, chunk: &[u8]) -> Result<(), ResumeRefusal> {
        let is_announced = header("content-length").is_some_and(|length| length.trim() != "0");
        if chunk.is_empty() && !is_announced {
            return Ok(());
        }
        check_type(&header)?;
        self.place().check(chunk.len() as u64)?;
        check_chunk(header, chunk, self.place())
    }

    /// Where a chunk goes that comes along.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place { offset: 0, length: self.length }
    }
}

/// Where a chunk is to go.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Bytes before it.
    pub offset: u64,
    /// Bytes of the whole upload.
    pub length: u64,
}

impl Place {
    /// Where the chunk of a PATCH is to go, in an upload of `length` bytes.
    ///
    /// # Errors
    /// `ChunkType`; `Header` where there is no such number.
    pub fn of_patch<'a>(header: impl Fn(&str) -> Option<&'a str>, length: u64) -> Result<Self, ResumeRefusal> {
        check_type(&header)?;
        Ok(Self { offset: number(header, "upload-offset", "Upload-Offset")?, length })
    }

    /// Checks whether there is room for so many bytes.
    ///
    /// # Errors
    /// `TooLong`.
    pub fn check(self, chunk: u64) -> Result<(), ResumeRefusal> {
        let Self { offset, length } = self;
        if chunk > length.saturating_sub(offset) { Err(ResumeRefusal::TooLong { length }) } else { Ok(()) }
    }
}

/// Whether a chunk is of the right type, whole and what was sent. A chunk that was announced and kept back is
/// `ChunkLength`, after all else that can be said without it: so a front can ask before it reads the body.
///
/// # Errors
/// `ChunkType`, `ChunkLength`, `Header`, and those of the checksum; `TooLong` for a chunk that is kept back. Of the others
/// that is for S3's side to say, which knows where the upload is.
pub fn check_chunk<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
    chunk: &[u8],
    place: Place,
) -> Result<(), ResumeRefusal> {
    check_type(&header)?;
    let checksum = header("upload-checksum").map(Checksum::parse).transpose()?;
    let actual = chunk.len() as u64;
    // API Gateway passes no Content-Length on for empty bodies.
    if header("content-length").is_some() {
        let announced = number(header, "content-length", "Content-Length")?;
        if announced != actual {
            if chunk.is_empty() {
                place.check(announced)?;
            }
            return Err(ResumeRefusal::ChunkLength { announced, actual });
        }
    }
    Ok(checksum.map_or(Ok(()), |checksum| checksum.check(chunk))?)
}

/// What the bytes of a chunk must come to that is on its way: all that its head says of them alone.
///
/// # Errors
/// `ChunkType`, and those of the checksum.
pub fn announced_checksum<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Result<Option<Checksum>, ResumeRefusal> {
    check_type(&header)?;
    Ok(header("upload-checksum").map(Checksum::parse).transpose()?)
}

fn check_type<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Result<(), ResumeRefusal> {
    if header("content-type").is_some_and(is_chunk_type) { Ok(()) } else { Err(ResumeRefusal::ChunkType) }
}

fn is_chunk_type(content_type: &str) -> bool {
    content_type.trim().eq_ignore_ascii_case(CHUNK_TYPE)
}

fn number<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
    name: &str,
    written: &'static str,
) -> Result<u64, ResumeRefusal> {
    let digits = header(name).map(str::trim).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).ok_or(ResumeRefusal::not_a_number(written))
}

#[cfg(test)]
mod tests {
    use super::*;
    use satchel_core::checksum::ChecksumError;

    #[test]
    fn what_is_shown_is_a_token_at_first_and_the_signed_id_from_then_on() {
        let tried = |method: Method, shown: &[(&str, &'static str)]| {
            let of = |name: &str| shown.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            protocol_tried(&method, of, of, "/resume/u/a")
        };
        let (token, id, beside) = ([("v2", "00")], [(ID_PARAMETER, "x")], [("v2", "00"), (ID_HEADER, "x")]);
        assert_eq!(tried(Method::POST, &token), Some("v2"));
        assert_eq!(tried(Method::POST, &[("authorization", "Bearer x.y.z")]), Some("jwt"));
        assert_eq!(tried(Method::POST, &id), None);
        for method in [Method::HEAD, Method::PATCH, Method::DELETE] {
            for (shown, protocol) in [(&id[..], Some("upload_id")), (&beside, Some("upload_id")), (&token, None)] {
                assert_eq!(tried(method.clone(), shown), protocol, "{method} {shown:?}");
            }
        }
        assert_eq!(tried(Method::OPTIONS, &id), None);
    }

    type Headers<'a> = &'a [(&'a str, &'a str)];

    fn lookup<'a>(headers: Headers<'a>) -> impl Fn(&str) -> Option<&'a str> {
        move |name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn creation(headers: Headers<'_>, chunk: &[u8]) -> Result<Creation, ResumeRefusal> {
        let creation = Creation::parse(lookup(headers))?;
        creation.check_chunk(lookup(headers), chunk).map(|()| creation)
    }

    const LENGTH: (&str, &str) = ("upload-length", "5");
    const CHUNK: (&str, &str) = ("content-type", CHUNK_TYPE);

    #[test]
    fn an_upload_is_created_with_its_length_and_perhaps_a_first_chunk() {
        assert_eq!(creation(&[LENGTH], b"").unwrap().length, 5);
        assert_eq!(creation(&[("upload-length", "0")], b"").unwrap().length, 0);
        assert!(creation(&[LENGTH, CHUNK], b"hello").is_ok());
        assert!(creation(&[LENGTH, CHUNK, ("content-length", "5")], b"hello").is_ok());
        let metadata = ("upload-metadata", "filetype aW1hZ2UvcG5n");
        let content_type = |headers: Headers<'_>| creation(headers, b"").unwrap().content_type;
        assert_eq!(content_type(&[LENGTH, metadata, ("content-type", "a/b")]).as_deref(), Some("image/png"));
        assert_eq!(content_type(&[LENGTH, ("content-type", "a/b")]).as_deref(), Some("a/b"));
        assert_eq!(content_type(&[LENGTH, CHUNK]), None);
    }

    #[test]
    fn a_creation_that_makes_no_sense_is_refused_with_its_cause() {
        use ResumeRefusal::*;
        let no_length = || ResumeRefusal::not_a_number("Upload-Length");
        let table: [(Headers<'_>, &[u8], ResumeRefusal); 14] = [
            (&[], b"", no_length()),
            (&[("upload-length", "")], b"", no_length()),
            (&[("upload-length", "-1")], b"", no_length()),
            (&[("upload-length", "+1")], b"", no_length()),
            (&[("upload-length", "5.0")], b"", no_length()),
            (&[("upload-length", "18446744073709551616")], b"", no_length()),
            (&[("upload-defer-length", "1")], b"", LengthDeferred),
            (&[LENGTH, ("upload-defer-length", "1")], b"", LengthDeferred),
            (&[LENGTH, ("upload-concat", "partial")], b"", Concatenation),
            (&[LENGTH, ("content-type", "text/plain")], b"hello", ChunkType),
            (&[LENGTH, CHUNK, ("content-length", "5")], b"", ChunkLength { announced: 5, actual: 0 }),
            (&[LENGTH, CHUNK], b"hello!", TooLong { length: 5 }),
            (&[LENGTH, CHUNK, ("content-length", "6")], b"", TooLong { length: 5 }),
            (&[LENGTH, CHUNK, ("content-length", "5")], b"hell", ChunkLength { announced: 5, actual: 4 }),
        ];
        for (headers, chunk, refusal) in table {
            assert_eq!(creation(headers, chunk), Err(refusal), "{headers:?}");
        }
    }

    #[test]
    fn a_chunk_has_an_offset_a_type_and_what_it_announces() {
        use ResumeRefusal::*;
        let offset = ("upload-offset", "7");
        let patch = |headers: Headers<'_>| {
            let place = Place::of_patch(lookup(headers), 18)?;
            check_chunk(lookup(headers), b"hello world", place).map(|()| place.offset)
        };
        assert_eq!(patch(&[offset, CHUNK]), Ok(7));
        assert_eq!(patch(&[offset, ("content-type", "Application/Offset+Octet-Stream")]), Ok(7));
        let place = Place { offset: 7, length: 18 };
        assert_eq!(check_chunk(lookup(&[CHUNK]), b"", place), Ok(()));
        let kept_back = |announced| check_chunk(lookup(&[CHUNK, ("content-length", announced)]), b"", place);
        assert_eq!(kept_back("11"), Err(ChunkLength { announced: 11, actual: 0 }));
        assert_eq!(kept_back("12"), Err(TooLong { length: 18 }));
        let checksum = |value| patch(&[offset, CHUNK, ("upload-checksum", value)]);
        assert_eq!(checksum("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="), Ok(7));
        assert_eq!(checksum("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu1="), Err(Checksum(ChecksumError::Malformed)));
        assert_eq!(checksum("sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="), Err(Checksum(ChecksumError::Mismatch)));
        assert_eq!(checksum("md5 AAAA"), Err(Checksum(ChecksumError::Algorithm)));
        assert_eq!(patch(&[offset]), Err(ChunkType));
        assert_eq!(patch(&[offset, ("content-type", "application/octet-stream")]), Err(ChunkType));
        assert_eq!(patch(&[CHUNK]), Err(ResumeRefusal::not_a_number("Upload-Offset")));
        assert_eq!(patch(&[CHUNK, ("upload-offset", "x")]), Err(ResumeRefusal::not_a_number("Upload-Offset")));
        let lengths =
            [("10", ChunkLength { announced: 10, actual: 11 }), ("x", ResumeRefusal::not_a_number("Content-Length"))];
        for (announced, refusal) in lengths {
            assert_eq!(patch(&[offset, CHUNK, ("content-length", announced)]), Err(refusal));
        }
    }

    #[test]
    fn there_is_one_version() {
        assert_eq!(check_version(lookup(&[("tus-resumable", "1.0.0")])), Ok(()));
        for headers in [&[][..], &[("tus-resumable", "")], &[("tus-resumable", "0.2.2")], &[("tus-resumable", "1.0")]] {
            assert_eq!(check_version(lookup(headers)), Err(ResumeRefusal::Version));
        }
    }

    #[test]
    fn the_override_is_the_method() {
        let overridden = |value| method(&Method::POST, lookup(&[("x-http-method-override", value)]));
        assert_eq!(overridden("PATCH"), Some(Method::PATCH));
        assert_eq!(overridden("not a method"), None);
        assert_eq!(method(&Method::POST, lookup(&[])), Some(Method::POST));
    }
}
