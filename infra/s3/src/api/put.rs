//! `PutObject`, and taking a body in for it and for `UploadPart`.

use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use s3s::dto::{PutObjectInput, PutObjectOutput, StreamingBlob};
use s3s::{S3Request, S3Response, S3Result, TrailingHeaders, s3_error};
use satchel_folder::{Address, Body, ChecksumAlgorithm, Described};

use super::conditions;
use super::digests::{ALGORITHMS, Announced, Digests, header_of};
use super::error::OrS3;
use super::headers::{etag, set_checksum, stored};
use super::service::Api;

/// S3's limit for a PUT or a part, in bytes.
const MAX_BODY_BYTES: u64 = 5 << 30;

pub(super) async fn put(api: &Api, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
    let S3Request { input, headers, trailing_headers, .. } = request;
    let at = Address { bucket: input.bucket, key: input.key };
    let condition = conditions::on_write(&headers)?;
    let kept = stored(&headers, input.metadata)?;
    let announced = announced(&headers, input.content_length, trailing_headers)?;
    // Before the body: with `Expect: 100-continue` a refused one is not even sent.
    api.store.check_write(&at, &condition).or_s3()?;
    let (body, described) = take_body(api, input.body, announced).await?;
    let head = api.store.put(at, Described { headers: kept, ..described }, body, condition).await.or_s3()?;
    let mut output = PutObjectOutput { e_tag: Some(etag(&head.etag)), ..PutObjectOutput::default() };
    set_checksum!(output, head.checksum.as_ref());
    Ok(S3Response::new(output))
}

/// What the headers say about the body. `length` is what s3s made of `Content-Length`: for an aws-chunked body the
/// decoded length. Where the transfer is chunked, too, there is no `Content-Length`, and the other header says it.
pub(super) fn announced(
    headers: &HeaderMap,
    length: Option<i64>,
    trailers: Option<TrailingHeaders>,
) -> S3Result<Announced> {
    let decoded = || headers.get("x-amz-decoded-content-length")?.to_str().ok()?.parse().ok();
    let length = length.or_else(decoded).ok_or_else(|| s3_error!(MissingContentLength))?;
    let length = u64::try_from(length).map_err(|_| s3_error!(InvalidArgument, "negative Content-Length"))?;
    if length > MAX_BODY_BYTES {
        return Err(s3_error!(EntityTooLarge));
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Announced { length, md5: text("content-md5"), checksum: checksum(headers)?, trailers })
}

/// The one checksum that the headers announce.
pub(super) fn checksum(headers: &HeaderMap) -> S3Result<Option<(ChecksumAlgorithm, Option<String>)>> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let trailer = text("x-amz-trailer").unwrap_or_default().to_ascii_lowercase();
    let mut found = None;
    for algorithm in ALGORITHMS {
        let in_header = text(header_of(algorithm)).map(str::to_owned);
        let in_trailer = trailer.split(',').any(|name| name.trim() == header_of(algorithm));
        if (in_header.is_some() || in_trailer) && found.replace((algorithm, in_header)).is_some() {
            return Err(s3_error!(InvalidRequest, "only one x-amz-checksum header may be given"));
        }
    }
    Ok(found)
}

/// Takes the body in; nothing of it stays behind on an error, or if it is not stored.
pub(super) async fn take_body(
    api: &Api,
    body: Option<StreamingBlob>,
    announced: Announced,
) -> S3Result<(Body, Described)> {
    let digests = Digests::of(&announced);
    let (body, digests) = match body {
        Some(body) => api.store.receive(body, announced.length, digests).await.or_s3()?,
        None => {
            let nothing = stream::empty::<Result<Bytes, s3s::StdError>>();
            api.store.receive(nothing, announced.length, digests).await.or_s3()?
        }
    };
    Ok((body, digests.check(&announced).or_s3()?))
}
