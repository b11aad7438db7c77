//! Yealink: `key = value`, for the first account.

use crate::setup::REGISTER_FOR;
use crate::{Setup, Transport};

pub(crate) fn render(setup: &Setup) -> String {
    let Setup { phone, password, server, .. } = setup;
    let transport = match server.transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
    };
    let (label, host, port) = (setup.label(), &server.host, server.port);
    format!(
        "#!version:1.0.0.1\n\
         account.1.enable = 1\n\
         account.1.label = {phone}\n\
         account.1.display_name = {label}\n\
         account.1.user_name = {phone}\n\
         account.1.auth_name = {phone}\n\
         account.1.password = {password}\n\
         account.1.sip_server.1.address = {host}\n\
         account.1.sip_server.1.port = {port}\n\
         account.1.sip_server.1.transport_type = {transport}\n\
         account.1.sip_server.1.expires = {REGISTER_FOR}\n"
    )
}
