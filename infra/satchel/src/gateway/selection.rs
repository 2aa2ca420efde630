//! Which bytes of a file a request gets: conditions first, then ranges (RFC 9110, section 13.2.2).

use std::{
    ops::Range,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use headers::{
    ETag, Header, HeaderMapExt, IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince, LastModified,
};
use http::{
    HeaderMap, Method,
    header::{IF_RANGE, RANGE},
};
use http_range_header::{RangeUnsatisfiableError, parse_range_header_with_max_ranges};
use satchel_store::Stored;

/// Each range has a buffer while it waits for those before it. More than these in one request are no player's and no
/// browser's: they get the whole file (section 14.2).
const MAX_RANGES: std::num::NonZeroUsize = std::num::NonZeroUsize::new(4).unwrap();

/// What a request gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of it: 200.
    Whole,
    /// A stretch of it: 206.
    Part(Range<u64>),
    /// Several, in the order that they were asked for: 206 as `multipart/byteranges`.
    Parts(Vec<Range<u64>>),
    /// Nothing, as it has it already: 304.
    NotModified,
    /// Nothing, as it is not what the request is about: 412.
    Failed,
    /// Nothing, as it ends before that: 416.
    Unsatisfiable,
}

/// What `headers` ask of the file.
pub fn select(method: &Method, headers: &HeaderMap, stored: &Stored) -> Selection {
    let validators = Validators::of(stored);
    match validators.condition(headers) {
        Some(selection) => selection,
        // HEAD has no range (section 14.2: for GET alone).
        None if *method != Method::GET || !validators.applies(headers) => Selection::Whole,
        None => ranges(headers, stored.size),
    }
}

struct Validators {
    etag: Option<ETag>,
    modified: SystemTime,
}

impl Validators {
    fn of(stored: &Stored) -> Self {
        let modified = UNIX_EPOCH + Duration::from_secs(stored.modified.as_seconds());
        Self { etag: stored.etag.parse().ok(), modified }
    }

    /// The order is that of section 13.2.2. A list of tags that cannot be read has none that matches.
    fn condition(&self, headers: &HeaderMap) -> Option<Selection> {
        let matches =
            |tag: &Option<ETag>, list: &IfMatch| tag.as_ref().is_some_and(|tag| list.precondition_passes(tag));
        let holds = match given::<IfMatch>(headers) {
            Some(list) => list.is_some_and(|list| matches(&self.etag, &list)),
            None => {
                headers.typed_get::<IfUnmodifiedSince>().is_none_or(|since| since.precondition_passes(self.modified))
            }
        };
        if !holds {
            return Some(Selection::Failed);
        }
        let differs = |list: &IfNoneMatch| self.etag.as_ref().is_none_or(|tag| list.precondition_passes(tag));
        let is_news = match given::<IfNoneMatch>(headers) {
            Some(list) => list.is_none_or(|list| differs(&list)),
            None => headers.typed_get::<IfModifiedSince>().is_none_or(|since| since.is_modified(self.modified)),
        };
        (!is_news).then_some(Selection::NotModified)
    }

    /// Whether a range may be given out: a client that has the start of another file needs all of this one.
    fn applies(&self, headers: &HeaderMap) -> bool {
        let date = headers.get(IF_RANGE).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
        if let Some(date) = date {
            // The very date, not one since (section 13.1.5).
            return date == self.modified;
        }
        let modified = LastModified::from(self.modified);
        given::<IfRange>(headers)
            .is_none_or(|range| range.is_some_and(|range| !range.is_modified(self.etag.as_ref(), Some(&modified))))
    }
}

/// A header that is there: what it says, or `None` where it cannot be read.
fn given<H: Header>(headers: &HeaderMap) -> Option<Option<H>> {
    headers.contains_key(H::name()).then(|| headers.typed_get())
}

fn ranges(headers: &HeaderMap, size: u64) -> Selection {
    let mut lines = headers.get_all(RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return Selection::Whole };
    let Ok(text) = line.to_str() else { return Selection::Whole };
    let ranges = parse_range_header_with_max_ranges(text, MAX_RANGES).and_then(|parsed| parsed.validate(size));
    match ranges.map(|ranges| ranges.into_iter().map(|range| *range.start()..range.end() + 1).collect::<Vec<_>>()) {
        // Overlapping ones that come to more than the file are less work as the file.
        Ok(ranges) if ranges.iter().map(|range| range.end - range.start).sum::<u64>() > size => Selection::Whole,
        Ok(ranges) if ranges.len() > 1 => Selection::Parts(ranges),
        Ok(ranges) => ranges.into_iter().next().map_or(Selection::Whole, Selection::Part),
        Err(RangeUnsatisfiableError::Unsatisfiable) => Selection::Unsatisfiable,
        // Malformed, of another unit, or more work than it is worth: as if it were not there.
        Err(_) => Selection::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use satchel_core::{content_type::ContentType, metadata::Metadata, time::Timestamp};

    const TAG: &str = "\"0123-1\"";
    const WEAK: &str = "W/\"0123-1\"";
    const BEFORE: &str = "Tue, 14 Nov 2023 22:13:19 GMT";
    const AT: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

    fn stored(size: u64) -> Stored {
        Stored {
            size,
            content_type: ContentType::default(),
            metadata: Metadata::default(),
            modified: Timestamp::from_seconds(1_700_000_000),
            etag: TAG.into(),
        }
    }

    type Pairs<'p> = &'p [(&'static str, &'p str)];

    fn selected(method: &Method, size: u64, pairs: Pairs<'_>) -> Selection {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        select(method, &headers, &stored(size))
    }

    #[test]
    fn ranges_are_cut_to_the_file_or_refused_or_ignored() {
        use Selection::{Part, Parts, Unsatisfiable, Whole};
        for (range, size, expected) in [
            ("bytes=0-0", 10, Part(0..1)),
            ("bytes=0-9", 10, Part(0..10)),
            ("bytes=5-100", 10, Part(5..10)),
            ("bytes=9-", 10, Part(9..10)),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=-3", 10, Part(7..10)),
            ("bytes=-11", 10, Part(0..10)),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=0-0", 0, Unsatisfiable),
            ("bytes=0-18446744073709551615", 10, Part(0..10)),
            ("bytes=0-18446744073709551616", 10, Part(0..10)),
            ("Bytes=1-1", 10, Part(1..2)),
            ("bytes=0-0,9-9", 10, Parts(vec![0..1, 9..10])),
            ("bytes=9-9, 0-0", 10, Parts(vec![9..10, 0..1])),
            ("bytes=0-0,20-30", 10, Part(0..1)),
            ("bytes=20-30,40-", 10, Unsatisfiable),
            ("bytes=0-5,3-7", 10, Whole),
            ("bytes=0-5,5-5", 10, Parts(vec![0..6, 5..6])),
            ("bytes=2-1", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=a-b", 10, Whole),
            ("pages=1-2", 10, Whole),
            ("bytes 0-1", 10, Whole),
        ] {
            assert_eq!(selected(&Method::GET, size, &[("range", range)]), expected, "{range} of {size}");
            assert_eq!(selected(&Method::HEAD, size, &[("range", range)]), Whole, "HEAD {range}");
        }
        let many: Vec<_> = (0..5).map(|at| format!("{}-{}", at * 2, at * 2)).collect();
        assert_eq!(selected(&Method::GET, 100, &[("range", &format!("bytes={}", many.join(",")))]), Whole);
        assert_eq!(selected(&Method::GET, 10, &[("range", "bytes=0-0"), ("range", "bytes=1-1")]), Whole);
    }

    #[test]
    fn conditions_come_first() {
        use Selection::{Failed, NotModified, Part, Whole};
        let list = format!("\"x\", {TAG}");
        let cases: [(&str, Pairs<'_>, Selection); 24] = [
            ("nothing asked", &[], Whole),
            ("same tag", &[("if-match", TAG)], Whole),
            ("tag in a list", &[("if-match", &list)], Whole),
            ("any tag", &[("if-match", "*")], Whole),
            ("other tag", &[("if-match", "\"x\"")], Failed),
            ("weak tag", &[("if-match", WEAK)], Failed),
            ("no tag at all", &[("if-match", "x")], Failed),
            ("none match, same", &[("if-none-match", TAG)], NotModified),
            ("none match, weak", &[("if-none-match", WEAK)], NotModified),
            ("none match, in a list", &[("if-none-match", &list)], NotModified),
            ("none match, any", &[("if-none-match", "*")], NotModified),
            ("none match, other", &[("if-none-match", "\"x\"")], Whole),
            ("modified since the second before", &[("if-modified-since", BEFORE)], Whole),
            ("modified since that second", &[("if-modified-since", AT)], NotModified),
            ("a date that is none", &[("if-modified-since", "yesterday")], Whole),
            ("unmodified since that second", &[("if-unmodified-since", AT)], Whole),
            ("unmodified since the second before", &[("if-unmodified-since", BEFORE)], Failed),
            ("a tag outweighs a date", &[("if-none-match", "\"x\""), ("if-modified-since", AT)], Whole),
            ("if-range, same", &[("range", "bytes=0-0"), ("if-range", TAG)], Part(0..1)),
            ("if-range, other", &[("range", "bytes=0-0"), ("if-range", "\"x\"")], Whole),
            ("if-range, weak", &[("range", "bytes=0-0"), ("if-range", WEAK)], Whole),
            ("if-range, its date", &[("range", "bytes=0-0"), ("if-range", AT)], Part(0..1)),
            ("if-range, a later date", &[("range", "bytes=0-0"), ("if-range", "Wed, 15 Nov 2023 22:13:20 GMT")], Whole),
            ("if-range, an older date", &[("range", "bytes=0-0"), ("if-range", BEFORE)], Whole),
        ];
        for (case, pairs, expected) in cases {
            assert_eq!(selected(&Method::GET, 10, pairs), expected, "{case}");
        }
    }
}
