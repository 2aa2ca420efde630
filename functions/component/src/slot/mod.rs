//! Slots (XEP-0363, section 4): what is asked for, what the deployment allows, what is granted or refused, and how either is
//! said in a stanza.

mod answer;
mod attempt;
mod domains;
pub mod front;
mod granting;
mod policy;
mod refusal;
mod request;

pub use answer::{GrantedSlot, RefusedSlot, decide_question};
pub use attempt::Attempt;
pub use domains::{AllowedDomains, Service};
pub use granting::{Chance, Slot, SlotRequest, decide};
pub use policy::{SlotPolicy, component_host, offered_purposes};
pub use refusal::SlotRefusal;
pub use request::{PURPOSE, PutAddress, UploadNamespace};
