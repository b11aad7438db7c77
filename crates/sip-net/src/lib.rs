//! SIP over UDP, TCP, TLS and WebSocket: drives the sip core and turns dialogs into leg facts.
//!
//! [`start`] opens the listeners, those for phones and those for trunks, and serves the floor's leg port: commands come in by a [`Handle`], facts go out to the
//! [`Ports::inbox`].
//!
//! | file | concern |
//! |---|---|
//! | `driver` | the loop: read one thing, hand it over with the time, send what comes back |
//! | `listener`, `stream`, `line`, `outbox`, `channel`, `tls` | sockets, connections and what they are made of |
//! | `exchange` | signalling without sockets, and its concerns beside it: |
//! | `gate`, `door` | who is read at all, and who somebody is |
//! | `guard`, `grumble`, `strain` | scanners, guessers and floods; what the log says of them; whether we keep up |
//! | `strays` | phones that are where they may not be |
//! | `desk` | registrations, OPTIONS |
//! | `arriving`, `dialling`, `talking`, `replacing`, `referring`, `carried` | calls, and what they carry |
//! | `moving` | phones that come back by another stream during a call |
//! | `trunking`, `carriers`, `registering`, `resolver` | trunks: where they are, whether they are there, our registration at them |
//! | `watching` | busy lamps, mailboxes and agents: who is told what |
//! | `meaning` | causes in SIP and statuses to the floor |
//! | `trace` | what was said about calls: lately, earlier and to a capture server |
//! | `checks` | whether registered phones are still there |

mod accounts;
mod arriving;
mod carried;
mod carriers;
mod channel;
mod checks;
mod counters;
mod desk;
mod dialling;
mod door;
mod driver;
mod exchange;
mod gate;
mod grumble;
mod guard;
mod handle;
mod legs;
mod line;
mod listener;
mod meaning;
mod moving;
mod outbox;
mod patience;
mod ports;
mod referring;
mod registering;
mod replacing;
mod resolver;
mod settings;
mod strain;
mod strays;
mod stream;
mod talking;
mod tls;
mod trace;
mod trunking;
mod watching;

pub use accounts::{
    Account, AccountRules, Accounts, AddressRange, AddressRangeError, CallerIdentity, Dialled,
    Rings, Trunk, TrunkCaller, Trunks,
};
pub use carriers::{Health, RegistrationStatus, TrunkStatus};
pub use counters::{Counted, Counters};
pub use driver::{Setup, start};
pub use guard::{Ban, GuardSettings, Scope};
pub use handle::{Busy, Handle};
pub use listener::StartError;
pub use ports::{BindingStore, NoStore, Ports};
pub use settings::{
    CallLimits, Capture, ConnectionLimits, Listen, Protocol, Serves, Settings, TraceFiles,
};

pub use tls::{Dates, Tls, TlsClient, TlsClientFiles, TlsError, TlsFiles, out_of_date};
pub use trace::{Rung, Way};
