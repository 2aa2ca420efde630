//! What the functions ask of a store of files. S3 (`satchel-aws`) and the folder of the program (`satchel-local`) are
//! two of them; nothing here names one.

mod error;
mod objects;

pub use error::{BodyError, CreateError, Kind, SLOWEST, StoreError};
pub use objects::{Body, Creation, Found, NewUpload, Objects, Pieces, Reader, Stored};
