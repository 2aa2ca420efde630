//! The answer of ListObjectsV2, as far as it is read: event by event, since code that deserialises it would be a tenth of
//! a small function's package.

use std::mem;

use percent_encoding::percent_decode_str;
use quick_xml::{
    Reader,
    escape::{EscapeError, resolve_predefined_entity},
    events::{BytesRef, Event},
};
use satchel_core::date_time;

use satchel_store::{Listed, Page};

/// Not what ListObjectsV2 answers.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// Not XML.
    #[error(transparent)]
    Xml(#[from] quick_xml::Error),
    /// Another document, or one that breaks off.
    #[error("it is not a whole ListBucketResult")]
    Document,
}

/// One answer: at most 1,000 objects.
pub(super) fn read(xml: &[u8]) -> Result<Page<Listed>, ListingError> {
    let mut reader = Reader::from_reader(xml);
    let mut reading = Reading::default();
    loop {
        match reader.read_event()? {
            Event::Start(start) => reading.open(start.local_name().as_ref()),
            Event::Text(text) => reading.text.push_str(&text.decode().map_err(quick_xml::Error::from)?),
            Event::GeneralRef(reference) => reading.text.push_str(&referenced(&reference)?),
            Event::End(_) => reading.close(),
            Event::Eof => return reading.page.ok_or(ListingError::Document),
            // Neither of them has anything to say in this document.
            Event::Empty(_) | Event::CData(_) | Event::Comment(_) | Event::Decl(_) => {}
            Event::PI(_) | Event::DocType(_) => return Err(ListingError::Document),
        }
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    /// Names of the elements that are open, outermost first.
    open: Vec<Vec<u8>>,
    /// Of the innermost one.
    text: String,
    object: Contents,
    so_far: Page<Listed>,
    /// The same, when the document has ended.
    page: Option<Page<Listed>>,
}

/// The texts of one object.
#[derive(Default)]
struct Contents {
    key: String,
    size: String,
    last_modified: String,
    etag: String,
}

impl Reading {
    fn open(&mut self, name: &[u8]) {
        self.open.push(name.to_vec());
        self.text.clear();
    }

    fn close(&mut self) {
        let text = mem::take(&mut self.text);
        let open: Vec<&[u8]> = self.open.iter().map(Vec::as_slice).collect();
        match open[..] {
            [_, b"Contents", b"Key"] => self.object.key = text,
            [_, b"Contents", b"Size"] => self.object.size = text,
            [_, b"Contents", b"ETag"] => self.object.etag = text,
            [_, b"Contents", b"LastModified"] => self.object.last_modified = text,
            [_, b"Contents"] => self.so_far.entries.extend(mem::take(&mut self.object).read()),
            [_, b"NextContinuationToken"] => self.so_far.next = Some(text),
            [b"ListBucketResult"] => self.page = Some(mem::take(&mut self.so_far)),
            _ => {}
        }
        self.open.pop();
    }
}

impl Contents {
    /// `encoding-type=url` has keys percent-encoded, with a plus sign for a space (AWS: "ListObjectsV2").
    fn read(self) -> Option<Listed> {
        let key = percent_decode_str(&self.key.replace('+', " ")).decode_utf8().ok()?.into_owned();
        let etag = Some(self.etag).filter(|etag| !etag.is_empty());
        Some(Listed { key, size: self.size.parse().ok()?, stored: date_time::parse(&self.last_modified)?, etag })
    }
}

/// The text of a reference: a character's, or that of one of the five entities that XML itself defines.
fn referenced(reference: &BytesRef<'_>) -> Result<String, quick_xml::Error> {
    if let Some(character) = reference.resolve_char_ref()? {
        return Ok(character.to_string());
    }
    let name = reference.decode()?;
    let known = resolve_predefined_entity(&name).map(str::to_owned);
    known.ok_or_else(|| EscapeError::UnrecognizedEntity(0..name.len(), name.into_owned()).into())
}

#[cfg(test)]
mod tests {
    use satchel_core::time::Timestamp;

    use super::*;

    fn listed(key: &str, size: u64, etag: Option<&str>) -> Listed {
        let (key, etag) = (key.to_owned(), etag.map(str::to_owned));
        Listed { key, size, stored: Timestamp::from_seconds(1_512_344_525), etag }
    }

    #[test]
    fn a_page_is_read_as_s3_writes_it() {
        let page = read(
            br#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>uploads/</Prefix>
  <NextContinuationToken>1ueG&amp;cGk=</NextContinuationToken><KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>
  <Contents><Key>uploads/a+b%2B%C3%A9&#x2e;txt</Key><LastModified>2017-12-03T23:42:05.000Z</LastModified>
    <ETag>&quot;70ee1738b6b21e2c8a43f3a5ab0eee71&quot;</ETag><Size>11</Size><StorageClass>STANDARD</StorageClass>
    <Owner><ID>75aa57f0</ID><Key>none</Key></Owner><RestoreStatus/></Contents>
  <Contents><Size>5368709120</Size><Key>z</Key><LastModified>2017-12-03T23:42:05Z</LastModified></Contents>
  <CommonPrefixes><Prefix>photos/</Prefix></CommonPrefixes>
</ListBucketResult>
"#,
        );
        let etag = "\"70ee1738b6b21e2c8a43f3a5ab0eee71\"";
        let entries = vec![listed("uploads/a b+\u{e9}.txt", 11, Some(etag)), listed("z", 5_368_709_120, None)];
        assert_eq!(page.unwrap(), Page { entries, next: Some("1ueG&cGk=".into()) });
    }

    #[test]
    fn a_page_without_objects_is_one() {
        for empty in ["<ListBucketResult></ListBucketResult>", "<a:ListBucketResult xmlns:a='b'> </a:ListBucketResult>"]
        {
            assert_eq!(read(empty.as_bytes()).unwrap(), Page::default(), "{empty}");
        }
    }

    #[test]
    fn half_a_page_is_an_error_and_no_shorter_list() {
        for xml in [
            "",
            "<ListBucketResult>",
            "<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents>",
            "<ListBucketResult><Contents></ListBucketResult>",
            "<ListBucketResult>&unknown;</ListBucketResult>",
            "<Error><Code>SlowDown</Code></Error>",
            "{}",
            "<!DOCTYPE a><ListBucketResult></ListBucketResult>",
        ] {
            assert!(read(xml.as_bytes()).is_err(), "{xml}");
        }
        assert!(read(b"<ListBucketResult>\xff</ListBucketResult>").is_err());
    }
}
