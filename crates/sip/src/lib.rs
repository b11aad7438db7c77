//! SIP and SDP as data: messages, transactions, dialogs, registrar, digest, offer/answer. No sockets, no clock.

pub mod digest;
pub mod header;
mod limit;
mod message;
mod parse;
pub mod uri;

pub use header::{
    CSeq, Contacts, Header, HeaderError, HeaderName, Headers, MAGIC_COOKIE, NameAddr, Param,
    Params, Transport, Via,
};
pub use limit::Limits;
pub use message::{Message, Method, Request, Response, StatusCode};
pub use parse::{ParseError, ParseErrorKind};
pub use uri::{Host, Scheme, Uri, UriError};
