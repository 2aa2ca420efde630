//! Rosters in S3: fetched as Prosody does, edited as an app does, and told to Prosody.

mod editing;
mod fetching;
mod groups;
mod mutual;
mod names;
mod refreshing;
