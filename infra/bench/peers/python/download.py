"""The redirect of `download` as one would write it for Python: HEAD, then a presigned GET."""

import os

import boto3
from botocore.config import Config

BUCKET = os.environ["SATCHEL_BUCKET"]
# With what download's own URLs have, too.
CACHE_CONTROL = "max-age=31556952, immutable"

# Its own are of version 2 in us-east-1, which no other region takes.
s3 = boto3.client("s3", config=Config(signature_version="s3v4"))


def handler(event, context):
    found = {"Bucket": BUCKET, "Key": event["path"].replace("/upload/", "uploads/")}
    stored = s3.head_object(**found)
    terms = {
        "ResponseCacheControl": CACHE_CONTROL,
        "ResponseContentDisposition": "attachment",
        "ResponseContentType": stored["ContentType"],
    }
    url = s3.generate_presigned_url("get_object", Params=found | terms, ExpiresIn=3600)
    return {"statusCode": 307, "headers": {"Location": url}}
