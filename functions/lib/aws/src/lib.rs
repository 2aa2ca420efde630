//! AWS: settings and credentials as any AWS tool finds them, S3 as a store, presigned URLs, secrets that are kept there.
//!
//! Knows neither Lambda nor HTTP answers nor any one function. Begin at [`storage`], S3 behind the traits of `satchel-store`;
//! [`presign`] signs what clients send to S3 themselves, [`sdk`] reads AWS's settings, `secrets` what a function must not have
//! in its environment, and [`state`] is what a function keeps of all this while it is warm.

pub mod presign;
mod s3_client;
pub mod s3_event;
pub mod sdk;
#[cfg(feature = "secrets")]
pub mod secrets;
pub mod start;
pub mod state;
pub mod storage;
