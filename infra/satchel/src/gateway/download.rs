//! GET and HEAD of files that this program hands out itself, wherever they are: answered with the bytes, ranges and
//! conditions included.

use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{
    HeaderValue, Method, StatusCode,
    header::{
        ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LAST_MODIFIED,
    },
    request::Parts,
};
use satchel_core::{answer::Answer, cors, head::Head, problem::Problem};
use satchel_download::{DownloadConfig, DownloadError, File};
use satchel_store::{Objects, Pieces, Reader, StoreError};

use super::{
    answer::{GatewayError, Reply},
    head,
    invoke::{Gateway, arrived},
    selection::{Selection, select},
};

/// What a file may do that a browser shows in the page's place: be looked at. `sandbox` keeps it from being a page of
/// this origin, whatever it is; the rest is what browsers' own pages around images and videos need.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox",
);

impl Gateway {
    /// Looks for the file, and answers with it.
    pub(super) async fn download(&self, files: &impl Objects, parts: &Parts) -> Result<Reply, GatewayError> {
        let raw = head::of(parts, 0)?;
        let seen = arrived(parts).answered_by("download");
        let config = self.functions.download();
        let head = Head::read(&raw, config.public_path.as_deref());
        let looked = satchel_download::look(files, &head, self.functions.now()).await;
        let served = match looked {
            Ok(file) => serve(config, parts, file).await,
            Err(error) => Err(error),
        };
        let reply = served.unwrap_or_else(|error| Answer::refusal(&parts.method, &error).into());
        Ok(Reply { answer: self.called(parts, seen, reply.answer), ..reply })
    }
}

/// The answer about a file, with as much of it as is asked for.
async fn serve<R: Reader>(config: &DownloadConfig, parts: &Parts, file: File<R>) -> Result<Reply, DownloadError> {
    let (size, selection) = (file.stored.size, select(&parts.method, &parts.headers, &file.stored));
    let mut answer = match selection {
        Selection::Whole => Answer::empty(StatusCode::OK, "served"),
        // Players ask for a file from its start, then for what they jump to: one download.
        Selection::Part(Range { start: 0, .. }) => Answer::empty(StatusCode::PARTIAL_CONTENT, "served"),
        Selection::Part(_) | Selection::Parts(_) => Answer::empty(StatusCode::PARTIAL_CONTENT, "part_served"),
        Selection::NotModified => Answer::empty(StatusCode::NOT_MODIFIED, "not_modified"),
        Selection::Failed => refused(parts, StatusCode::PRECONDITION_FAILED),
        Selection::Unsatisfiable => refused(parts, StatusCode::RANGE_NOT_SATISFIABLE),
    };
    describe(&mut answer, config, &file);
    let bytes = match selection {
        Selection::Whole => send(&mut answer, &parts.method, &file.reader, 0..size).await?,
        Selection::Part(range) => {
            let content_range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            answer.set(CONTENT_RANGE, &content_range);
            send(&mut answer, &parts.method, &file.reader, range).await?
        }
        Selection::Parts(ranges) => Some(send_all(&mut answer, file, ranges).await?),
        Selection::Unsatisfiable => {
            answer.set(CONTENT_RANGE, &format!("bytes */{size}"));
            None
        }
        Selection::NotModified | Selection::Failed => None,
    };
    Ok(Reply { answer, bytes })
}

/// What is said about a file whichever part of it goes along; a cache refreshes its entry from it (RFC 9110, section
/// 15.4.5). A refusal has a type of its own.
fn describe<R>(answer: &mut Answer, config: &DownloadConfig, file: &File<R>) {
    file.note(&mut answer.outcome);
    cors::expose_file(answer.response.headers_mut());
    if answer.status().is_client_error() {
        return;
    }
    let is_304 = answer.status() == StatusCode::NOT_MODIFIED;
    for (name, value) in file.headers(config) {
        if !is_304 || name != CONTENT_TYPE {
            answer.set(name, &value);
        }
    }
    let modified = std::time::UNIX_EPOCH + std::time::Duration::from_secs(file.stored.modified.as_seconds());
    answer.set(ETAG, &file.stored.etag);
    answer.set(LAST_MODIFIED, &httpdate::fmt_http_date(modified));
    answer.set(ACCEPT_RANGES, "bytes");
    answer.response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
}

/// One stretch of a file. HEAD says how long it is and no more.
async fn send(
    answer: &mut Answer,
    method: &Method,
    reader: &impl Reader,
    range: Range<u64>,
) -> Result<Option<Pieces<StoreError>>, DownloadError> {
    answer.set(CONTENT_LENGTH, &(range.end - range.start).to_string());
    if *method == Method::HEAD { Ok(None) } else { Ok(Some(reader.read(range).await?)) }
}

/// Several stretches in one body (RFC 9110, section 14.6).
async fn send_all<R: Reader>(
    answer: &mut Answer,
    file: File<R>,
    ranges: Vec<Range<u64>>,
) -> Result<Pieces<StoreError>, DownloadError> {
    // Made of the digest of the bytes, which therefore cannot hold it by chance or intent.
    let boundary: String = file.stored.etag.chars().filter(char::is_ascii_hexdigit).collect();
    let (size, content_type) = (file.stored.size, file.stored.content_type.as_str());
    let heading = |range: &Range<u64>| {
        let (first, last) = (range.start, range.end - 1);
        format!(
            "\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: bytes {first}-{last}/{size}\r\n\r\n"
        )
    };
    let end = format!("\r\n--{boundary}--\r\n");
    let parts: Vec<_> = ranges.into_iter().map(|range| (heading(&range), range)).collect();
    let length = parts.iter().map(|(heading, range)| heading.len() as u64 + range.end - range.start).sum::<u64>();
    answer.set(CONTENT_TYPE, &format!("multipart/byteranges; boundary={boundary}"));
    answer.set(CONTENT_LENGTH, &(length + end.len() as u64).to_string());
    // Asked for beforehand: what is held of the file until its last byte must not hold up what is deleted meanwhile.
    let mut opened = Vec::with_capacity(parts.len());
    for (place, (heading, range)) in parts.into_iter().enumerate() {
        let bytes = if place == 0 { file.reader.read(range).await? } else { file.reader.read_later(range).await? };
        opened.push(stream::iter([Ok(Bytes::from(heading))]).chain(bytes));
    }
    Ok(stream::iter(opened).flatten().chain(stream::iter([Ok(Bytes::from(end))])).boxed())
}

fn refused(parts: &Parts, status: StatusCode) -> Answer {
    let (code, text) = match status {
        StatusCode::PRECONDITION_FAILED => ("precondition_failed", "the file is not the one that the request is about"),
        _ => (
            "range_not_satisfiable",
            "the file ends before the bytes that were asked for; its size is in Content-Range",
        ),
    };
    Answer::of_problem(&parts.method, &Problem::new(status, code, text.to_owned()))
}
