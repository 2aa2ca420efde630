//! What s3s asks once it has verified the signature and knows the operation: whether it is to be carried out.

use async_trait::async_trait;
use s3s::access::{S3Access, S3AccessContext};
use s3s::{S3Result, s3_error};

use super::offered;
use super::requests::Requests;

/// Admits whoever signed, counts, and refuses what asks for more than is done.
pub(super) struct Gate {
    pub requests: Requests,
}

#[async_trait]
impl S3Access for Gate {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        if cx.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        let operation = cx.s3_op().name();
        self.requests.note(operation);
        offered::check(operation, cx.method(), cx.uri().query(), cx.headers())
    }
}
