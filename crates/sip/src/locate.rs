//! Where a SIP address leads (RFC 3263 §4): which questions to ask the DNS, and what follows from
//! the answers. Asks nobody itself.
//!
//! | the address has | then |
//! |---|---|
//! | an IP address | that; nothing is asked |
//! | a port | the addresses of the host |
//! | a transport, no port | SRV of that transport; without any, the addresses of the host |
//! | neither | NAPTR, then SRV of what that names; without any, SRV of each transport we speak; without any, the addresses of the host |

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use crate::endpoint::Transport;
use crate::uri::Host;

/// More targets than this are not asked for: whoever answers is not trusted with our time.
const MOST_TARGETS: usize = 16;
/// More places than this are not tried.
const MOST_PLACES: usize = 32;

/// What is looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// The host.
    pub host: Host,
    /// The port, where one is given.
    pub port: Option<u16>,
    /// The transport, where one is given.
    pub transport: Option<Transport>,
}

/// Where a request may be sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// By which transport.
    pub transport: Transport,
    /// To which address.
    pub peer: SocketAddr,
}

/// A question to the DNS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// The NAPTR records of this name.
    Naptr(String),
    /// The SRV records of this name.
    Srv(String),
    /// The A and AAAA records of this name.
    Addresses(String),
}

/// A NAPTR record, as far as it matters here (RFC 3263 §4.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Naptr {
    /// Lower ones come first.
    pub order: u16,
    /// Of one order, lower ones come first.
    pub preference: u16,
    /// `s` where [`Self::replacement`] has SRV records.
    pub flags: String,
    /// Such as `SIP+D2U`.
    pub service: String,
    /// The name to ask next.
    pub replacement: String,
}

/// A SRV record (RFC 2782).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Srv {
    /// Lower ones come first.
    pub priority: u16,
    /// The share of this one among those of its priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; `.` where the service is decidedly not there.
    pub target: String,
}

/// What the DNS answered: empty where there is nothing of the kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Records {
    /// To [`Question::Naptr`].
    Naptr(Vec<Naptr>),
    /// To [`Question::Srv`].
    Srv(Vec<Srv>),
    /// To [`Question::Addresses`].
    Addresses(Vec<IpAddr>),
}

/// A search under way: ask [`Self::question`], give the answer to [`Self::answer`], until nothing is
/// asked any more; then [`Self::places`] are where to try, in order.
#[derive(Debug)]
pub struct Locator {
    host: String,
    /// By what the host is tried itself.
    usual: Transport,
    /// What we speak, the preferred first.
    spoken: Vec<Transport>,
    step: Step,
    /// Whether the service is decidedly not there (RFC 2782).
    denied: bool,
    targets: VecDeque<Target>,
    places: Vec<Place>,
}

#[derive(Debug)]
enum Step {
    Naptr,
    /// SRV names still to ask.
    Srv(VecDeque<(Transport, String)>),
    Addresses,
    Done,
}

#[derive(Debug)]
struct Target {
    transport: Transport,
    host: String,
    port: u16,
}

impl Locator {
    /// A search for `wanted` by one who speaks these transports, the preferred first.
    #[must_use]
    pub fn new(wanted: &Wanted, spoken: &[Transport]) -> Self {
        let transport = wanted.transport.unwrap_or_else(|| usual(spoken));
        let port = wanted.port.unwrap_or(usual_port(transport));
        let mut search = Self {
            host: wanted.host.to_string(),
            usual: transport,
            spoken: spoken.to_vec(),
            step: Step::Done,
            denied: false,
            targets: VecDeque::new(),
            places: Vec::new(),
        };
        if let Some(ip) = wanted.host.ip() {
            search.places.push(Place { transport, peer: SocketAddr::new(ip, port) });
        } else if wanted.port.is_some() {
            search.look_up(transport, port);
        } else if let Some(transport) = wanted.transport {
            let name = srv_name(transport, &search.host);
            search.step = Step::Srv([(transport, name)].into());
        } else {
            search.step = Step::Naptr;
        }
        search
    }

    /// What to ask next; none when the search is over.
    #[must_use]
    pub fn question(&self) -> Option<Question> {
        match &self.step {
            Step::Naptr => Some(Question::Naptr(self.host.clone())),
            Step::Srv(names) => names.front().map(|(_, name)| Question::Srv(name.clone())),
            Step::Addresses => {
                self.targets.front().map(|target| Question::Addresses(target.host.clone()))
            }
            Step::Done => None,
        }
    }

    /// Takes the answer to [`Self::question`]. `draw` gives a number below or equal to its bound.
    pub fn answer(&mut self, records: Records, draw: impl FnMut(u32) -> u32) {
        match (&mut self.step, records) {
            (Step::Naptr, Records::Naptr(records)) => self.take_naptr(records),
            (Step::Srv(names), Records::Srv(records)) => {
                let asked = names.pop_front();
                let over = names.is_empty();
                if let Some((transport, _)) = asked {
                    self.take_srv(transport, records, draw);
                }
                if over {
                    self.end_srv();
                }
            }
            (Step::Addresses, Records::Addresses(addresses)) => self.take_addresses(&addresses),
            // An answer to something else is none.
            _ => self.step = Step::Done,
        }
    }

    /// Where to try, in order.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    fn take_naptr(&mut self, mut records: Vec<Naptr>) {
        records.sort_by_key(|record| (record.order, record.preference));
        let usable = records.into_iter().filter_map(|record| {
            let transport = by_service(&record.service)?;
            let leads_on = record.flags.eq_ignore_ascii_case("s");
            let spoken = self.spoken.contains(&transport);
            (leads_on && spoken).then_some((transport, record.replacement))
        });
        let mut names: VecDeque<_> = usable.take(MOST_TARGETS).collect();
        if names.is_empty() {
            let spoken = self.spoken.iter();
            names = spoken.map(|it| (*it, srv_name(*it, &self.host))).collect();
        }
        self.step = Step::Srv(names);
    }

    /// The targets of a service, in the order of their priorities and, within one, by chance
    /// according to their weights (RFC 2782).
    fn take_srv(
        &mut self,
        transport: Transport,
        mut records: Vec<Srv>,
        mut draw: impl FnMut(u32) -> u32,
    ) {
        self.denied |= records.iter().any(|record| record.target == ".");
        records.retain(|record| record.target != "." && !record.target.is_empty());
        records.truncate(MOST_TARGETS);
        // Those without weight come first, so that they have a small chance.
        records.sort_by_key(|record| (record.priority, record.weight));
        while let Some(first) = records.first() {
            let priority = first.priority;
            let rivals = records.iter().take_while(|it| it.priority == priority);
            let total: u32 = rivals.map(|it| u32::from(it.weight)).sum();
            let chosen = draw(total);
            let mut sum = 0;
            let place = records.iter().take_while(|it| it.priority == priority).position(|it| {
                sum += u32::from(it.weight);
                sum >= chosen
            });
            let Srv { target, port, .. } = records.remove(place.unwrap_or(0));
            if self.targets.len() < MOST_TARGETS {
                self.targets.push_back(Target { transport, host: target, port });
            }
        }
    }

    fn end_srv(&mut self) {
        if self.targets.is_empty() && !self.denied {
            return self.look_up(self.usual, usual_port(self.usual));
        }
        self.step = if self.targets.is_empty() { Step::Done } else { Step::Addresses };
    }

    fn look_up(&mut self, transport: Transport, port: u16) {
        self.targets.push_back(Target { transport, host: self.host.clone(), port });
        self.step = Step::Addresses;
    }

    fn take_addresses(&mut self, addresses: &[IpAddr]) {
        if let Some(Target { transport, port, .. }) = self.targets.pop_front() {
            for ip in addresses {
                let place = Place { transport, peer: SocketAddr::new(*ip, port) };
                if !self.places.contains(&place) && self.places.len() < MOST_PLACES {
                    self.places.push(place);
                }
            }
        }
        if self.targets.is_empty() {
            self.step = Step::Done;
        }
    }
}

/// What an address without transport means (§4.1): UDP where we speak it, else what we speak.
fn usual(spoken: &[Transport]) -> Transport {
    let has_udp = spoken.contains(&Transport::Udp);
    let first = spoken.first().copied().unwrap_or(Transport::Udp);
    if has_udp { Transport::Udp } else { first }
}

const fn usual_port(transport: Transport) -> u16 {
    match transport {
        Transport::Udp | Transport::Tcp => 5060,
        Transport::Tls => 5061,
        Transport::Ws => 80,
        Transport::Wss => 443,
    }
}

fn srv_name(transport: Transport, host: &str) -> String {
    let service = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws => "_sip._ws",
        Transport::Wss => "_sips._ws",
    };
    format!("{service}.{host}")
}

fn by_service(service: &str) -> Option<Transport> {
    match service.to_ascii_uppercase().as_str() {
        "SIP+D2U" => Some(Transport::Udp),
        "SIP+D2T" => Some(Transport::Tcp),
        "SIPS+D2T" => Some(Transport::Tls),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
