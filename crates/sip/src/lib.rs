//! SIP and SDP as data: messages, transactions, dialogs, registrar, digest, offer/answer. No sockets, no clock.

pub mod dialog;
pub mod digest;
pub mod endpoint;
mod frame;
pub mod header;
mod instance;
mod limit;
pub mod locate;
mod message;
mod parse;
pub mod registrar;
pub mod sdp;
mod session;
pub mod stun;
pub mod subscription;
pub mod transaction;
pub mod uri;
mod validate;

pub use frame::{Frame, Framer};
pub use header::{
    CSeq, Contacts, Header, HeaderError, HeaderName, Headers, MAGIC_COOKIE, NameAddr, NameAddrRef,
    Param, Params, ParamsRef, RAck, Refresher, Replaces, SessionExpires, Transport, Via, ViaRef,
    attestation, claimed_attestation, user_to_user_value,
};
pub use instance::Instance;
pub use limit::Limits;
pub use message::{Message, Method, Request, Response, StatusCode};
pub use parse::{ParseError, ParseErrorKind};
pub use session::SessionId;
pub use uri::{Host, Scheme, Uri, UriError, UriRef};
pub use validate::{Abilities, Violation, admit, reason_value, validate, validate_response};
