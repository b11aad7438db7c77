//! Which file is asked for, and what is in it.
//!
//! | name | for |
//! |---|---|
//! | `<mac>.cfg`, `y0000000000xx.cfg` | Yealink |
//! | `cfg<mac>.xml`, `cfg.xml` | Grandstream |
//! | `<mac>.txt`, `fanvil.txt`, `<mac>.cfg` of a Fanvil's own addresses | Fanvil |
//! | `linphone.xml` | Linphone |
//! | `baresip.txt` | baresip: a line of its `accounts` |
//! | `microsip.ini` | MicroSIP |
//! | `phone.json` | anything that reads JSON |
//! | `qr.svg` | Linphone: a QR code of the address of `linphone.xml` |
//! | `sip.svg` | other softphones: a QR code of the account as a SIP address |

use crate::qr::{Qr, TooLong};
use crate::{Setup, fanvil, grandstream, linphone, softphone, yealink};

/// Addresses of network cards that are a Fanvil's begin so.
const FANVIL: [&str; 2] = ["0c383e", "00a859"];

/// A file that phones ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum File {
    /// For Yealink.
    Yealink,
    /// For Grandstream; with the phone's network address, where the name has it.
    Grandstream(Option<String>),
    /// For Fanvil.
    Fanvil,
    /// For Linphone.
    Linphone,
    /// For baresip.
    Baresip,
    /// For MicroSIP.
    MicroSip,
    /// For anything else.
    Json,
    /// A QR code of the address of Linphone's file.
    Qr,
    /// A QR code of the account.
    SipQr,
}

/// Where the files of a phone are: the address they all begin with, such as
/// `https://pbx.example.cn/provision/<token>/`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place(String);

impl Place {
    /// The place under `base`, the address of the service without a path of its own.
    #[must_use]
    pub fn new(base: &str, token: &str) -> Self {
        Self(format!("{}/provision/{token}/", base.trim_end_matches('/')))
    }

    /// The address all files begin with: what desk phones are given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.0
    }

    /// The address of Linphone's file: what the QR code says.
    #[must_use]
    pub fn linphone(&self) -> String {
        format!("{}linphone.xml", self.0)
    }
}

/// What is served.
#[derive(Clone, PartialEq, Eq)]
pub struct Served {
    /// The `Content-Type`.
    pub media_type: &'static str,
    /// The file.
    pub body: String,
}

/// Hides the body, which holds a password.
impl std::fmt::Debug for Served {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Served({}, hidden)", self.media_type)
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const XML: &str = "application/xml; charset=utf-8";
const SVG: &str = "image/svg+xml";

impl File {
    /// The file of this name, if it is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "linphone.xml" => return Some(Self::Linphone),
            "baresip.txt" => return Some(Self::Baresip),
            "microsip.ini" => return Some(Self::MicroSip),
            "phone.json" => return Some(Self::Json),
            "fanvil.txt" => return Some(Self::Fanvil),
            "cfg.xml" => return Some(Self::Grandstream(None)),
            "qr.svg" => return Some(Self::Qr),
            "sip.svg" => return Some(Self::SipQr),
            _ => {}
        }
        let (stem, ending) = name.rsplit_once('.')?;
        match ending {
            "cfg" if is_common(stem) => Some(Self::Yealink),
            "cfg" if !is_mac(stem) => None,
            "cfg" if FANVIL.iter().any(|maker| stem.starts_with(maker)) => Some(Self::Fanvil),
            "cfg" => Some(Self::Yealink),
            "txt" => is_mac(stem).then_some(Self::Fanvil),
            "xml" => {
                let mac = stem.strip_prefix("cfg").filter(|mac| is_mac(mac))?;
                Some(Self::Grandstream(Some(mac.to_owned())))
            }
            _ => None,
        }
    }

    /// What it is called in the log: never what the phone wrote.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Yealink => "yealink",
            Self::Grandstream(_) => "grandstream",
            Self::Fanvil => "fanvil",
            Self::Linphone => "linphone",
            Self::Baresip => "baresip",
            Self::MicroSip => "microsip",
            Self::Json => "json",
            Self::Qr => "qr",
            Self::SipQr => "sip_qr",
        }
    }

    /// The file for this phone.
    ///
    /// # Errors
    /// When the address is too long for a QR code.
    pub fn render(&self, setup: &Setup, place: &Place) -> Result<Served, TooLong> {
        let (media_type, body) = match self {
            Self::Yealink => (TEXT, yealink::render(setup)),
            Self::Grandstream(mac) => (XML, grandstream::render(setup, mac.as_deref())),
            Self::Fanvil => (TEXT, fanvil::render(setup)),
            Self::Linphone => (XML, linphone::render(setup)),
            Self::Baresip => (TEXT, softphone::baresip(setup)),
            Self::MicroSip => (TEXT, softphone::microsip(setup)),
            Self::Json => ("application/json", softphone::json(setup)),
            Self::Qr => (SVG, Qr::of(&place.linphone())?.svg()),
            Self::SipQr => (SVG, Qr::of(&softphone::sip_address(setup))?.svg()),
        };
        Ok(Served { media_type, body })
    }
}

/// Six octets in hexadecimal.
fn is_mac(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The file that all Yealinks of a model ask for.
fn is_common(text: &str) -> bool {
    text.strip_prefix('y')
        .is_some_and(|model| model.len() == 12 && model.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A text within an element or attribute of XML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::{Generation, Server, Transport};

    fn setup(name: &str, transport: Transport) -> Setup {
        Setup {
            phone: "1001".into(),
            name: name.to_owned(),
            password: "0f1e2d3c4b5a69788796a5b4".to_owned(),
            generation: Generation::new(1_795_740_000),
            realm: "400.example.cn".to_owned(),
            server: Server { host: "10.0.0.5".to_owned(), port: 5060, transport },
        }
    }

    fn place() -> Place {
        Place::new("https://pbx.example.cn/", "1001.1795826400.1795740000.00ff")
    }

    fn rendered(name: &str, setup: &Setup) -> Served {
        File::named(name).unwrap().render(setup, &place()).unwrap()
    }

    const FILES: [(&str, &str); 9] = [
        ("805ec0123456.cfg", "yealink"),
        ("y000000000054.cfg", "yealink"),
        ("cfg000b82123456.xml", "grandstream"),
        ("cfg.xml", "grandstream"),
        ("0c383e123456.cfg", "fanvil"),
        ("linphone.xml", "linphone"),
        ("baresip.txt", "baresip"),
        ("microsip.ini", "microsip"),
        ("phone.json", "json"),
    ];

    #[test]
    fn a_file_is_known_by_the_name_its_make_asks_for() {
        for (name, make) in FILES {
            assert_eq!(File::named(name).unwrap().as_str(), make, "{name}");
            assert_eq!(File::named(&name.to_uppercase()), File::named(name));
        }
        for (name, make) in [
            ("0c383e123456.txt", "fanvil"),
            ("fanvil.txt", "fanvil"),
            ("00A859123456.cfg", "fanvil"),
            ("qr.svg", "qr"),
            ("sip.svg", "sip_qr"),
        ] {
            assert_eq!(File::named(name).unwrap().as_str(), make, "{name}");
        }
        let none = ["", ".", "cfg", "y00.cfg", "805ec012345.cfg", "805ec012345g.cfg", "cfgx.xml"];
        for name in none.into_iter().chain(["805ec0123456.boot", "../secrets.toml", "linphone"]) {
            assert_eq!(File::named(name), None, "{name}");
        }
    }

    #[test]
    fn each_make_gets_its_file() {
        let setup = setup("前台 \"A\" <&>", Transport::Udp);
        let mut shown = String::new();
        for (name, _) in FILES {
            let Served { media_type, body } = rendered(name, &setup);
            let body = body.replace('\r', "␍");
            let _ = write!(shown, "──── {name}: {media_type}\n{body}");
        }
        insta::assert_snapshot!("files", shown);
    }

    #[test]
    fn each_make_is_told_of_another_transport_in_its_own_words() {
        let mut shown = String::new();
        for transport in [Transport::Tcp, Transport::Tls] {
            let mut setup = setup("", transport);
            setup.server.host = "2001:db8::5".to_owned();
            for (name, _) in FILES {
                let Served { body, .. } = rendered(name, &setup);
                let telling = ["2001:db8", "transport", "Transport", "P130"];
                let lines = body.lines().filter(|line| telling.iter().any(|it| line.contains(it)));
                let _ = writeln!(shown, "──── {name}, {}", transport.as_str());
                shown.extend(lines.map(|line| format!("{}\n", line.trim())));
            }
        }
        insta::assert_snapshot!("transports", shown);
    }

    #[test]
    fn no_name_breaks_out_of_its_line_or_element() {
        let harmless = setup("x", Transport::Udp);
        let hostile = setup("x\r\naccount.2.enable = 1\n</entry>\"];", Transport::Udp);
        for (name, _) in FILES {
            let (before, after) = (rendered(name, &harmless).body, rendered(name, &hostile).body);
            assert_eq!(before.lines().count(), after.lines().count(), "{after}");
            let tags = |text: &str| text.matches('<').count();
            assert!(!name.ends_with("xml") || tags(&before) == tags(&after), "{after}");
        }
    }

    #[test]
    fn a_place_is_where_all_files_are() {
        let place = Place::new("http://10.0.0.5:8080", "t");
        assert_eq!(place.address(), "http://10.0.0.5:8080/provision/t/");
        assert_eq!(place.linphone(), "http://10.0.0.5:8080/provision/t/linphone.xml");
    }

    #[test]
    fn nothing_shows_the_password_by_accident() {
        let setup = setup("", Transport::Udp);
        let shown = format!("{setup:?} {:?}", rendered("phone.json", &setup));
        assert!(!shown.contains(&setup.password), "{shown}");
    }
}
