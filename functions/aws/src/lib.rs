//! Adapters between Satchel's decisions and the world: S3, signing, Lambda's events and runtime.

pub mod answer;
pub mod bootstrap;
pub mod clock;
mod cloudwatch;
pub mod event;
mod lambda_notices;
#[cfg(feature = "https")]
pub mod lean_s3;
#[cfg(feature = "https")]
pub mod live;
pub mod log;
pub mod presign;
pub mod received;
#[cfg(feature = "https")]
pub mod rosters;
#[cfg(feature = "storage")]
mod s3_client;
#[cfg(feature = "storage")]
mod sdk_http;
#[cfg(feature = "https")]
pub mod secret_store;
mod sigv4;
#[cfg(feature = "storage")]
pub mod sink;
#[cfg(feature = "storage")]
pub mod state;
#[cfg(feature = "storage")]
pub mod storage;
