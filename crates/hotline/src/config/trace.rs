//! What was said over SIP about calls: on disk, and to a capture server.

use sip_net::Capture;
use toml_edit::TableLike;

use super::finding::Code;
use super::key;
use super::section::{Reader, Section};

/// For the trace beside the one in memory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct TraceSettings {
    /// How many octets of messages about calls are kept on disk.
    pub(crate) disk: u64,
    /// Who is sent a copy of them.
    pub(crate) capture: Option<Capture>,
}

/// Reads the table `trace`.
pub(super) fn read(reader: &Reader, root: &dyn TableLike, key: Option<String>) -> TraceSettings {
    let section = Section::of_root(reader, root, &key::TRACE);
    let mebibytes: u64 = section.small("disk").unwrap_or(0);
    let id = section.small("hep_id").unwrap_or(0);
    let capture = section.socket("hep").map(|server| {
        let place = server.value;
        if place.ip().is_unspecified() || place.port() == 0 {
            let message = format!("no message can be sent to {place}");
            let help = "write the address and the port at which the capture server takes HEP over \
                        UDP, such as 192.0.2.7:9060";
            reader.report(Code::AddressUnusable, &server.at, message, help.into());
        }
        Capture { server: place, id, key }
    });
    TraceSettings { disk: mebibytes << 20, capture }
}
