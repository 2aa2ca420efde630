//! Adapters between Satchel's decisions and the world: S3, signing, Lambda's events and runtime.

pub mod answer;
pub mod bootstrap;
pub mod clock;
mod cloudwatch;
mod edge;
pub mod event;
pub mod invocation;
mod lambda_notices;
#[cfg(feature = "secrets")]
pub mod live;
pub mod log;
pub mod presign;
pub mod received;
mod s3_client;
pub mod s3_event;
pub mod sdk;
#[cfg(feature = "secrets")]
pub mod secret_store;
pub mod sink;
pub mod state;
pub mod storage;
