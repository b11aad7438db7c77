//! What a phone must be told to register.

use std::fmt;

use model::PhoneId;

use crate::Generation;

/// How long phones are told to register for, in seconds; the registrar has the last word.
pub(crate) const REGISTER_FOR: u32 = 300;

/// How phones reach the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// A connection over TLS.
    Tls,
}

impl Transport {
    /// The transport as a parameter of addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// Where phones register.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// A name or an address; IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// By which transport.
    pub transport: Transport,
}

impl Server {
    /// The host as in addresses.
    pub(crate) fn host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

/// `host:port`, as in addresses.
impl fmt::Display for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.host(), self.port)
    }
}

/// What one phone must be told. `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Setup {
    /// The phone: the user of its address and of its digest.
    pub phone: PhoneId,
    /// What it shows those it calls; empty when nothing is said.
    pub name: String,
    /// Its password.
    pub password: String,
    /// Which of its passwords that is.
    pub generation: Generation,
    /// The realm it authenticates in.
    pub realm: String,
    /// Where it registers.
    pub server: Server,
}

impl Setup {
    /// What it shows, on one line: its name; its extension where it has none.
    pub(crate) fn label(&self) -> String {
        let name: String = self.name.chars().filter(|c| !c.is_control()).collect();
        if name.trim().is_empty() { self.phone.as_str().to_owned() } else { name.trim().to_owned() }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Setup({} at {}, password hidden)", self.phone, self.server)
    }
}
