//! What a REGISTER asks for, read from its header fields (RFC 3261 §10.2, §10.3).

use super::{Preference, RegisterRefusal};
use crate::header::{Contacts, HeaderName, NameAddr};
use crate::message::Request;
use crate::uri::Uri;

/// Longer values of what we keep of a request are cut: what is remembered is bounded.
const LONGEST_AGENT: usize = 128;
/// More proxies than this are on no way to a phone.
const LONGEST_PATH: usize = 8;
/// A malformed Expires counts as this many seconds (RFC 3261 §10.2.1.1).
const MALFORMED_EXPIRES: u32 = 3600;

/// The option tag of RFC 5626.
const OUTBOUND: &str = "outbound";

/// Whether a REGISTER is for a flow of its own, which its sender is then told that we keep
/// (RFC 5626 §6).
#[must_use]
pub fn asks_for_flow(request: &Request) -> bool {
    let is_able = request.headers.lists(&HeaderName::Supported, OUTBOUND);
    let Some(Contacts::These(contacts)) = is_able.then(|| request.contacts().ok()).flatten() else {
        return false;
    };
    let numbered = |it: &NameAddr| it.params.has("+sip.instance") && it.params.has("reg-id");
    contacts.iter().any(numbered)
}

/// What a REGISTER asks for.
pub(super) enum Asked {
    /// The list of bindings, without change.
    Listing,
    /// `Contact: *`: the end of all bindings.
    RemovalOfAll(Order),
    /// New, refreshed and removed bindings.
    Changes {
        /// When it was asked.
        order: Order,
        /// For which addresses.
        contacts: Vec<AskedContact>,
    },
}

/// What identifies a registration and orders its requests (RFC 3261 §10.2.4).
pub(super) struct Order {
    pub(super) sip_call_id: String,
    pub(super) cseq: u32,
    pub(super) user_agent: Option<String>,
    /// The proxies it came through (RFC 3327 §5.3).
    pub(super) path: Box<[NameAddr]>,
}

/// One Contact of a REGISTER.
pub(super) struct AskedContact {
    pub(super) uri: Uri,
    /// In seconds; none when the phone leaves it to us.
    pub(super) expires: Option<u32>,
    pub(super) preference: Preference,
    /// `+sip.instance` and `reg-id` as written (RFC 5626 §4.1).
    pub(super) instance: Option<String>,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Result<Self, RegisterRefusal> {
        let malformed = |_| RegisterRefusal::Malformed("contact cannot be read");
        let contacts = match request.contacts().map_err(malformed)? {
            Contacts::These(contacts) if contacts.is_empty() => return Ok(Self::Listing),
            Contacts::These(contacts) => contacts,
            Contacts::All if request.headers.expires() == Ok(Some(0)) => {
                return Order::of(request).map(Self::RemovalOfAll);
            }
            Contacts::All => {
                return Err(RegisterRefusal::Malformed("contact * needs expires 0"));
            }
        };
        let expires = request.headers.expires().unwrap_or(Some(MALFORMED_EXPIRES));
        let order = Order::of(request)?;
        let by_flow = request.headers.lists(&HeaderName::Supported, OUTBOUND);
        let contacts =
            contacts.into_iter().map(|contact| AskedContact::of(contact, expires, by_flow));
        let contacts = contacts.collect::<Result<Vec<_>, _>>()?;
        let relayed = request.headers.list(&HeaderName::Via).count() > 1;
        let edge_keeps_it = order.path.last().is_some_and(|edge| edge.uri.params.has("ob"));
        if relayed && !edge_keeps_it && contacts.iter().any(AskedContact::has_flow) {
            return Err(RegisterRefusal::NoFlow);
        }
        Ok(Self::Changes { order, contacts })
    }
}

impl Order {
    fn of(request: &Request) -> Result<Self, RegisterRefusal> {
        let call_id =
            request.call_id().map_err(|_| RegisterRefusal::Malformed("call-id cannot be read"))?;
        let cseq = request.cseq().map_err(|_| RegisterRefusal::Malformed("cseq cannot be read"))?;
        let agent = request.headers.first(&HeaderName::UserAgent).map(|value| {
            String::from_utf8_lossy(value).chars().take(LONGEST_AGENT).collect::<String>()
        });
        let path = request.headers.addresses(&HeaderName::Path);
        let path = path.map_err(|_| RegisterRefusal::Malformed("path cannot be read"))?;
        if path.len() > LONGEST_PATH {
            return Err(RegisterRefusal::Malformed("path is too long"));
        }
        Ok(Self {
            sip_call_id: call_id.to_owned(),
            cseq: cseq.number,
            user_agent: agent,
            path: path.into(),
        })
    }
}

impl AskedContact {
    /// Whether the device registers each way to it by itself (RFC 5626 §4.2).
    fn has_flow(&self) -> bool {
        self.instance.as_deref().is_some_and(|instance| instance.contains(";reg-id="))
    }

    fn of(
        contact: NameAddr,
        of_request: Option<u32>,
        by_flow: bool,
    ) -> Result<Self, RegisterRefusal> {
        if !contact.uri.is_sip() {
            return Err(RegisterRefusal::Malformed("contact is no sip address"));
        }
        let expires = match contact.params.value("expires") {
            Some(_) => Some(contact.expires().unwrap_or(MALFORMED_EXPIRES)),
            None => of_request,
        };
        let instance = contact.params.value("+sip.instance").map(|instance| {
            // Without the option tag the number means nothing (RFC 5626 §6).
            match contact.params.value("reg-id").filter(|_| by_flow) {
                Some(number) => format!("{instance};reg-id={number}"),
                None => instance.to_owned(),
            }
        });
        let preference = contact.q().map_or(Preference::HIGHEST, Preference::of_thousandths);
        // Header fields within the URI would become part of every request to it.
        let uri = Uri { headers: None, ..contact.uri };
        Ok(Self { uri, expires, preference, instance })
    }
}
