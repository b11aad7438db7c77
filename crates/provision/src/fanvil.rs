//! Fanvil: its text of `key :value`, for the first line. A phone passes over a file whose version it
//! has seen, so the version is the generation.

use crate::setup::REGISTER_FOR;
use crate::{Setup, Transport};

/// The length of the numbers after the point of a version.
const VERSION: usize = 10;

pub(crate) fn render(setup: &Setup) -> String {
    let Setup { phone, password, generation, server, .. } = setup;
    let transport = match server.transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 3,
    };
    let (label, host, port) = (setup.label(), &server.host, server.port);
    let version = format!("{:0VERSION$}", generation.number());
    let text = format!(
        "<<VOIP CONFIG FILE>>Version:2.{version}\n\n\
         <SIP CONFIG MODULE>\n\
         --SIP Line List--  :\n\
         SIP1 Phone Number       :{phone}\n\
         SIP1 Display Name       :{label}\n\
         SIP1 Register Addr      :{host}\n\
         SIP1 Register Port      :{port}\n\
         SIP1 Register User      :{phone}\n\
         SIP1 Register Pswd      :{password}\n\
         SIP1 Register TTL       :{REGISTER_FOR}\n\
         SIP1 Transport          :{transport}\n\
         SIP1 Enable Reg         :1\n\n\
         <<END OF FILE>>\n"
    );
    text.replace('\n', "\r\n")
}
