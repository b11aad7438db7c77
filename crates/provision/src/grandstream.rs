//! Grandstream: XML of numbered values, for the first account.

use crate::file::escaped;
use crate::setup::REGISTER_FOR;
use crate::{Setup, Transport};

pub(crate) fn render(setup: &Setup, mac: Option<&str>) -> String {
    let server = &setup.server;
    let transport = match server.transport {
        Transport::Udp => "0",
        Transport::Tcp => "1",
        Transport::Tls => "2",
    };
    let (phone, minutes) = (setup.phone.as_str(), (REGISTER_FOR / 60).to_string());
    let (address, label) = (server.to_string(), setup.label());
    let values = [
        ("P271", "1"),     // the account is on
        ("P270", phone),   // what the phone calls it
        ("P47", &address), // the server
        ("P35", phone),    // the user
        ("P36", phone),    // the user of the digest
        ("P34", &setup.password),
        ("P3", &label),    // what those see who are called
        ("P31", "1"),      // it registers
        ("P32", &minutes), // for so many minutes
        ("P130", transport),
    ];
    let mac = mac.map(|mac| format!("  <mac>{mac}</mac>\n")).unwrap_or_default();
    let values = values.map(|(name, value)| format!("    <{name}>{}</{name}>\n", escaped(value)));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gs_provision version=\"1\">\n{mac}  \
         <config version=\"1\">\n{}  </config>\n</gs_provision>\n",
        values.concat()
    )
}
