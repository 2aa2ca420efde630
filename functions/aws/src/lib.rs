//! Adapters between Satchel's decisions and the world: S3, signing, Lambda's events and runtime.

pub mod answer;
pub mod api_gateway;
pub mod bootstrap;
pub mod clock;
mod cloudwatch;
pub mod event;
#[cfg(feature = "https")]
pub mod lean_s3;
#[cfg(feature = "https")]
pub mod live;
pub mod log;
pub mod presign;
#[cfg(feature = "https")]
pub mod rosters;
mod runtime;
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
