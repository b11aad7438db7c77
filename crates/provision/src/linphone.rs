//! Linphone: the XML of its remote provisioning, which puts this account in place of the first.

use crate::Setup;
use crate::file::escaped;
use crate::setup::REGISTER_FOR;

pub(crate) fn render(setup: &Setup) -> String {
    let server = &setup.server;
    let (phone, host) = (setup.phone.as_str(), server.host());
    let label = setup.label().replace(['"', '\\'], "");
    let identity = format!("\"{label}\" <sip:{phone}@{host}>");
    let proxy = format!("<sip:{server};transport={}>", server.transport.as_str());
    let expires = REGISTER_FOR.to_string();
    let sections = [
        section("sip", &[("default_proxy", "0")]),
        section(
            "proxy_0",
            &[
                ("reg_proxy", &proxy),
                ("reg_identity", &identity),
                ("reg_expires", &expires),
                ("reg_sendregister", "1"),
                ("publish", "0"),
            ],
        ),
        section(
            "auth_info_0",
            &[
                ("username", phone),
                ("userid", phone),
                ("passwd", &setup.password),
                ("realm", &setup.realm),
                ("domain", &host),
            ],
        ),
    ];
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <config xmlns=\"http://www.linphone.org/xsds/lpconfig.xsd\">\n{}</config>\n",
        sections.concat()
    )
}

fn section(name: &str, entries: &[(&str, &str)]) -> String {
    let entry = |(name, value): &(&str, &str)| {
        let value = escaped(value);
        format!("    <entry name=\"{name}\" overwrite=\"true\">{value}</entry>\n")
    };
    let entries: String = entries.iter().map(entry).collect();
    format!("  <section name=\"{name}\">\n{entries}  </section>\n")
}
