//! Header fields: their names, the ordered collection a message carries, and typed views of the
//! fields that decide something (RFC 3261 §20).

mod attestation;
mod cseq;
mod extension;
mod headers;
mod name;
mod name_addr;
mod params;
mod user_to_user;
mod via;
mod views;

pub use attestation::{attestation, claimed_attestation};
pub use cseq::CSeq;
pub use extension::{RAck, Refresher, Replaces, SessionExpires};
pub(crate) use headers::USUAL_FIELDS;
pub use headers::{Header, Headers};
pub use name::HeaderName;
pub use name_addr::{Contacts, NameAddr, NameAddrRef};
pub use params::{Param, Params, ParamsRef};
pub use user_to_user::user_to_user_value;
pub use via::{MAGIC_COOKIE, Transport, Via, ViaRef};
pub use views::HeaderError;
