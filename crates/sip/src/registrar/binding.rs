//! What the registrar knows about one place where a phone can be reached.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use model::{PhoneId, Timestamp};

use crate::endpoint::Destination;
use crate::header::NameAddr;
use crate::uri::Uri;

/// Room for a Contact as it is usually listed.
const USUAL_LISTED: usize = 128;

/// Names a binding within one run of the service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BindingId(pub u64);

/// How much a phone prefers a binding, in thousandths: 0 to 1000 (RFC 3261 §20.10).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Preference(u16);

impl Preference {
    /// What a binding without `q` has.
    pub const HIGHEST: Self = Self(1000);

    /// The preference of this many thousandths; more than 1000 count as 1000.
    #[must_use]
    pub const fn of_thousandths(thousandths: u16) -> Self {
        if thousandths > 1000 { Self::HIGHEST } else { Self(thousandths) }
    }

    /// In thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Preference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// One registered address of a phone, and the way by which it was seen to reach us.
#[derive(Clone, PartialEq, Debug)]
pub struct Binding {
    /// Its name.
    pub id: BindingId,
    /// The address the phone gave: the Request-URI of what is sent to it.
    pub contact: Uri,
    /// How much the phone prefers it.
    pub preference: Preference,
    /// `+sip.instance`, and `reg-id` where given, as written: which device it is (RFC 5626 §4.1),
    /// when it says.
    pub instance: Option<String>,
    /// The Call-ID of the registration that made it.
    pub sip_call_id: String,
    /// That registration's number.
    pub cseq: u32,
    /// The way it was seen to come: requests go back by it, whatever the contact says, because
    /// behind a NAT nothing else arrives.
    pub flow: Destination,
    /// The proxies between us and it, nearest first: the Route of what is sent to it (RFC 3327).
    pub path: Box<[NameAddr]>,
    /// What device and version it says it is.
    pub user_agent: Option<String>,
    /// When it was first made.
    pub registered_at: Timestamp,
    /// When it was last refreshed.
    pub refreshed_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Binding {
    /// The Contact header field value that lists this binding in an answer.
    #[must_use]
    pub fn listed(&self, now: Timestamp) -> String {
        let left = self.expires_at.since(now) + Duration::from_micros(999_999);
        let mut value = String::with_capacity(USUAL_LISTED);
        // To write into memory cannot fail.
        let _ = write!(value, "<{}>;expires={}", self.contact, left.as_secs());
        if self.preference != Preference::HIGHEST {
            let _ = write!(value, ";q={}", self.preference);
        }
        if let Some(instance) = &self.instance {
            value.push_str(";+sip.instance=");
            value.push_str(instance);
        }
        value
    }

    /// The device, whatever flow it is (RFC 5626 §4.1): bindings of one device are different ways to
    /// it, of which one is used at a time (§7). None where it does not say.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        let instance = self.instance.as_deref()?;
        Some(instance.split_once(";reg-id=").map_or(instance, |(device, _)| device))
    }

    /// Whether a registration of `contact` by `instance` is about this binding: the same device
    /// where both say which they are, else the same address.
    pub(super) fn is_for(&self, contact: &Uri, instance: Option<&str>) -> bool {
        match (self.instance.as_deref(), instance) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.contact.is_equivalent(contact),
        }
    }
}

/// A binding as it is kept over a restart.
#[derive(Clone, PartialEq, Debug)]
pub struct BindingRow {
    /// Whose it is.
    pub phone: PhoneId,
    /// The binding. Its id is given anew.
    pub binding: Binding,
}

/// What became of a binding.
#[derive(Clone, PartialEq, Debug)]
pub struct BindingChange {
    /// Whose it is.
    pub phone: PhoneId,
    /// The binding as it is now, or was when it was removed.
    pub binding: Arc<Binding>,
    /// What happened.
    pub kind: ChangeKind,
    /// How many bindings the phone has now.
    pub left: usize,
}

/// What happened to a binding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeKind {
    /// It is new.
    Registered,
    /// It was there and lives on.
    Refreshed,
    /// It is gone.
    Removed(Removal),
}

/// Why a binding is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Removal {
    /// It was not refreshed in time.
    Expired,
    /// The phone took it back.
    Unregistered,
    /// The same device registered another address, or the phone had too many.
    Replaced,
    /// Its connection is gone.
    FlowLost,
    /// Nobody answers there.
    Unreachable,
    /// The account is gone or its secret has changed.
    AccountGone,
    /// The phone may no longer be where it is.
    OutOfPlace,
}

impl Removal {
    /// The reason in words, as in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Unregistered => "unregistered",
            Self::Replaced => "replaced",
            Self::FlowLost => "flow_lost",
            Self::Unreachable => "unreachable",
            Self::AccountGone => "account_gone",
            Self::OutOfPlace => "out_of_place",
        }
    }
}
