//! Multipart uploads: beginning, parts, completing, aborting, listing parts.

use std::collections::BTreeMap;

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm as AlgorithmName, ChecksumType,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ListPartsInput, ListPartsOutput, Part, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use satchel_folder::{
    Address, ChecksumAlgorithm, NamedPart, ObjectHead, PartRecord, Refusal, UploadAddress, UploadRecord, WriteCondition,
};

use super::conditions;
use super::digests::{crc_of, etag_of_parts, header_of, of_parts, verify};
use super::error::{OrS3, refused};
use super::headers::{algorithm, checksum_text, etag, set_checksum, signed, stored, timestamp};
use super::list::limit;
use super::put::{announced, checksum, take_body};
use super::service::Api;

/// S3's highest part number.
const MAX_PART: u32 = 10_000;

pub(super) async fn create(
    api: &Api,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let S3Request { input, headers, .. } = request;
    let kept = stored(&headers, input.metadata)?;
    let summing = input.checksum_algorithm.as_ref().map(AlgorithmName::as_str).map(algorithm).transpose()?;
    let full = input.checksum_type.as_ref().is_some_and(|it| it.as_str() == ChecksumType::FULL_OBJECT);
    let at = Address { bucket: input.bucket.clone(), key: input.key.clone() };
    let id = api.store.begin_upload(at, kept, summing, full).await.or_s3()?;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        checksum_algorithm: input.checksum_algorithm,
        checksum_type: input.checksum_type,
        ..CreateMultipartUploadOutput::default()
    }))
}

pub(super) async fn upload_part(
    api: &Api,
    request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let S3Request { input, headers, trailing_headers, .. } = request;
    let number = part_number(input.part_number)?;
    let at = address(input.bucket, input.key, input.upload_id);
    api.store.upload(&at).or_s3()?;
    let announced = announced(&headers, input.content_length, trailing_headers)?;
    let (body, described) = take_body(api, input.body, announced).await?;
    let part = api.store.put_part(at, number, described, body).await.or_s3()?;
    let mut output = UploadPartOutput { e_tag: Some(part_etag(&part)), ..UploadPartOutput::default() };
    set_checksum!(output, part.checksum.as_ref());
    Ok(S3Response::new(output))
}

pub(super) async fn complete(
    api: &Api,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let S3Request { input, headers, .. } = request;
    let location = format!("/{}/{}", input.bucket, input.key);
    let at = address(input.bucket.clone(), input.key.clone(), input.upload_id);
    let asked = Completion {
        parts: input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default(),
        condition: conditions::on_write(&headers)?,
        size: input.mpu_object_size,
        checksum_type: input.checksum_type,
        whole: checksum(&headers)?.and_then(|(algorithm, digest)| Some((algorithm, digest?))),
    };
    let head = match asked.carry_out(api, &at).await {
        // It may be so because it was completed before, and the answer got lost.
        Err(error) if *error.code() == S3ErrorCode::NoSuchUpload => asked.found_done(api, &at)?.ok_or(error)?,
        done => done?,
    };
    let mut output = CompleteMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        location: Some(location),
        e_tag: Some(etag(&head.etag)),
        ..CompleteMultipartUploadOutput::default()
    };
    set_checksum!(output, head.checksum.as_ref());
    Ok(S3Response::new(output))
}

/// What a completion says.
struct Completion {
    parts: Vec<CompletedPart>,
    condition: WriteCondition,
    size: Option<i64>,
    checksum_type: Option<ChecksumType>,
    /// Of the whole object, base64.
    whole: Option<(ChecksumAlgorithm, String)>,
}

impl Completion {
    async fn carry_out(&self, api: &Api, at: &UploadAddress) -> S3Result<ObjectHead> {
        self.check_type(api, at)?;
        check_parts(api, at, &self.parts, self.size)?;
        let (named, whole) = (self.named()?, self.whole.clone());
        let describe = move |upload: &UploadRecord, parts: &[&PartRecord]| {
            let described = of_parts(upload, parts);
            if let Some((algorithm, expected)) = whole {
                let own = described.checksum.as_ref().map_or(&[][..], |checksum| &checksum.digest);
                verify(header_of(algorithm), &expected, own)?;
            }
            Ok(described)
        };
        api.store.complete_upload(at.clone(), named, self.condition.clone(), describe).await.or_s3()
    }

    /// The object that the same completion has made before.
    fn found_done(&self, api: &Api, at: &UploadAddress) -> S3Result<Option<ObjectHead>> {
        let named = self.named()?;
        let etag = etag_of_parts(named.iter().map(|part| part.etag.as_str()));
        Ok(api.store.completed(at).or_s3()?.filter(|head| head.etag == etag))
    }

    fn named(&self) -> S3Result<Vec<NamedPart>> {
        self.parts.iter().cloned().map(named_part).collect()
    }

    fn check_type(&self, api: &Api, at: &UploadAddress) -> S3Result<()> {
        let upload = api.store.upload(at).or_s3()?;
        let named = self.checksum_type.as_ref().map(|named| named.as_str() == ChecksumType::FULL_OBJECT);
        if named.is_some_and(|named| named != upload.full_object) {
            return Err(s3_error!(InvalidRequest, "x-amz-checksum-type differs from that of the upload's creation"));
        }
        match &self.whole {
            Some((algorithm, _)) if !can_be_verified(&upload, *algorithm) => Err(s3_error!(
                NotImplemented,
                "A checksum of the whole is verified where the upload was created with its algorithm, a CRC, as FULL_OBJECT"
            )),
            _ => Ok(()),
        }
    }
}

/// Whether the checksum of the whole can be told from those of the parts.
fn can_be_verified(upload: &UploadRecord, algorithm: ChecksumAlgorithm) -> bool {
    upload.full_object && upload.algorithm == Some(algorithm) && crc_of(algorithm).is_some()
}

/// The checksums and the size that the completion names must be those of the parts. A part that is not there is the
/// store's to refuse.
fn check_parts(api: &Api, at: &UploadAddress, named: &[CompletedPart], size: Option<i64>) -> S3Result<()> {
    if size.is_none() && named.iter().all(|part| checksums(part).next().is_none()) {
        return Ok(());
    }
    let most = usize::try_from(MAX_PART).map_err(S3Error::internal_error)?;
    let kept: BTreeMap<u32, PartRecord> = api.store.parts(at, 0, most).or_s3()?.0.into_iter().collect();
    let mut total = 0;
    for part in named {
        let number = part.part_number.ok_or_else(|| s3_error!(MalformedXML))?;
        let number = part_number(number)?;
        let Some(record) = kept.get(&number) else { continue };
        total += record.size;
        let own = record.checksum.as_ref().map(|checksum| (checksum.algorithm, checksum_text(checksum)));
        if checksums(part).any(|named| own != Some(named)) {
            return Err(refused(&Refusal::InvalidPart { number }));
        }
    }
    match size {
        Some(size) if u64::try_from(size) != Ok(total) => {
            Err(s3_error!(InvalidRequest, "x-amz-mp-object-size is not the size of the parts, {total}"))
        }
        _ => Ok(()),
    }
}

fn checksums(part: &CompletedPart) -> impl Iterator<Item = (ChecksumAlgorithm, String)> {
    let fields = [
        (ChecksumAlgorithm::Crc32, &part.checksum_crc32),
        (ChecksumAlgorithm::Crc32c, &part.checksum_crc32c),
        (ChecksumAlgorithm::Crc64Nvme, &part.checksum_crc64nvme),
        (ChecksumAlgorithm::Sha1, &part.checksum_sha1),
        (ChecksumAlgorithm::Sha256, &part.checksum_sha256),
    ];
    fields.into_iter().filter_map(|(algorithm, text)| Some((algorithm, text.clone()?)))
}

pub(super) async fn abort(
    api: &Api,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = request.input;
    api.store.abort_upload(address(input.bucket, input.key, input.upload_id)).await.or_s3()?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(super) async fn list_parts(api: &Api, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
    let input = request.input;
    let max_parts = limit(input.max_parts)?;
    let after = u32::try_from(input.part_number_marker.unwrap_or_default())
        .map_err(|_| s3_error!(InvalidArgument, "part-number-marker must not be negative"))?;
    let at = address(input.bucket.clone(), input.key.clone(), input.upload_id.clone());
    let most = usize::try_from(max_parts).map_err(S3Error::internal_error)?;
    let (parts, truncated) = api.store.parts(&at, after, most).or_s3()?;
    let last = parts.last().map(|(number, _)| *number).filter(|_| truncated);
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        max_parts: Some(max_parts),
        part_number_marker: input.part_number_marker,
        is_truncated: Some(truncated),
        next_part_number_marker: last.map(i32::try_from).transpose().map_err(S3Error::internal_error)?,
        parts: Some(parts.iter().map(|(number, part)| listed(*number, part)).collect::<S3Result<_>>()?),
        ..ListPartsOutput::default()
    }))
}

/// Part numbers go from 1 to 10,000.
pub(super) fn part_number(number: i32) -> S3Result<u32> {
    let number = u32::try_from(number).ok().filter(|number| (1..=MAX_PART).contains(number));
    number.ok_or_else(|| s3_error!(InvalidArgument, "a part number is from 1 to {MAX_PART}"))
}

fn address(bucket: String, key: String, id: String) -> UploadAddress {
    UploadAddress { object: Address { bucket, key }, id }
}

fn named_part(part: CompletedPart) -> S3Result<NamedPart> {
    let number = part.part_number.ok_or_else(|| s3_error!(MalformedXML))?;
    let tag = part.e_tag.ok_or_else(|| s3_error!(MalformedXML))?;
    Ok(NamedPart { number: part_number(number)?, etag: tag.into_value() })
}

fn part_etag(part: &PartRecord) -> s3s::dto::ETag {
    etag(&part.etag)
}

fn listed(number: u32, part: &PartRecord) -> S3Result<Part> {
    let mut listed = Part {
        e_tag: Some(part_etag(part)),
        last_modified: Some(timestamp(part.modified)),
        part_number: Some(i32::try_from(number).map_err(S3Error::internal_error)?),
        size: Some(signed(part.size)?),
        ..Part::default()
    };
    set_checksum!(listed, part.checksum.as_ref());
    Ok(listed)
}
