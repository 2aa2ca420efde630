//! Stanzas: XML in and XML out, both through the XML library. What is read is bounded in size and depth; what is
//! written has names from this source and escaped values, so nothing read can become markup.
//!
//! By hand over quick-xml: minidom 0.19 limits neither depth nor attributes, takes an attribute twice and whatever follows
//! the element, refuses a stanza without a namespace, and would add 59 KB to a program.

pub mod element;
pub mod error;
pub mod iq;
pub mod markup;
