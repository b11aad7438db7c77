//! Softphones on a desk's computer, and whatever reads JSON.

use serde::Serialize;

use crate::Setup;
use crate::setup::REGISTER_FOR;

/// A line of baresip's `accounts`.
pub(crate) fn baresip(setup: &Setup) -> String {
    let Setup { phone, password, server, .. } = setup;
    let transport = server.transport.as_str();
    let label = setup.label().replace(['"', '\\', '<', '>', ';'], "");
    format!(
        "\"{label}\" <sip:{phone}@{server};transport={transport}>;auth_user={phone};\
         auth_pass={password};regint={REGISTER_FOR}\n"
    )
}

/// MicroSIP's first account.
pub(crate) fn microsip(setup: &Setup) -> String {
    let Setup { phone, password, server, .. } = setup;
    let (label, transport) = (setup.label(), server.transport.as_str());
    format!(
        "[Settings]\r\naccountId=1\r\n\r\n[Account1]\r\nlabel={phone}\r\nserver={server}\r\n\
         domain={server}\r\nusername={phone}\r\nauthID={phone}\r\npassword={password}\r\n\
         displayName={label}\r\ntransport={transport}\r\nregisterRefresh={REGISTER_FOR}\r\n"
    )
}

/// The account as a SIP address with its password (RFC 3261 §19.1.1), as some softphones scan it.
pub(crate) fn sip_address(setup: &Setup) -> String {
    let Setup { phone, password, server, .. } = setup;
    format!("sip:{phone}:{password}@{server};transport={}", server.transport.as_str())
}

#[derive(Serialize)]
struct Json<'a> {
    phone: &'a str,
    name: &'a str,
    server: &'a str,
    port: u16,
    transport: &'a str,
    realm: &'a str,
    user: &'a str,
    password: &'a str,
    register_for_s: u32,
}

/// The same as JSON.
pub(crate) fn json(setup: &Setup) -> String {
    let (phone, server) = (setup.phone.as_str(), &setup.server);
    let json = Json {
        phone,
        name: &setup.label(),
        server: &server.host,
        port: server.port,
        transport: server.transport.as_str(),
        realm: &setup.realm,
        user: phone,
        password: &setup.password,
        register_for_s: REGISTER_FOR,
    };
    // Texts and numbers can always be written.
    serde_json::to_string_pretty(&json).unwrap_or_default() + "\n"
}
