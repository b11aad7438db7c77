//! What phones are set up by (话机配置): a password for each issue, a signed address that is good for a
//! while, the files that phones of the common makes ask for there, and QR codes for softphones.
//!
//! | file | concern |
//! |---|---|
//! | `key` | the key of an installation, the passwords made with it, the addresses signed with it |
//! | `setup` | what a phone must be told |
//! | `file` | which file is asked for, and what is in it |
//! | `yealink`, `grandstream`, `fanvil`, `linphone`, `softphone` | the files of each make |
//! | `qr` | QR codes, as a picture and for a terminal |
//!
//! No password is kept anywhere: it is made from the key, the phone and the generation whenever a
//! file is asked for. A new generation is another password and makes older addresses worthless.

mod fanvil;
mod file;
mod grandstream;
mod key;
mod linphone;
mod qr;
mod setup;
mod softphone;
mod yealink;

pub use file::{File, Place, Served};
pub use key::{Denial, Fingerprint, Generation, Grant, Key, KeyError, Standing};
pub use qr::{Qr, TooLong};
pub use setup::{Server, Setup, Transport};
