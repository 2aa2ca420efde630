// The redirect of `download` as one would write it for Node.js: HEAD, then a presigned GET.
import { GetObjectCommand, HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

// With what download's own URLs have, too.
const CACHE_CONTROL = "max-age=31556952, immutable";

const s3 = new S3Client({ forcePathStyle: true });

export async function handler(event) {
  const object = { Bucket: process.env.SATCHEL_BUCKET, Key: event.path.replace("/upload/", "uploads/") };
  const { ContentType } = await s3.send(new HeadObjectCommand(object));
  const get = new GetObjectCommand({
    ...object,
    ResponseCacheControl: CACHE_CONTROL,
    ResponseContentDisposition: "attachment",
    ResponseContentType: ContentType,
  });
  return { statusCode: 307, headers: { Location: await getSignedUrl(s3, get, { expiresIn: 3600 }) } };
}
