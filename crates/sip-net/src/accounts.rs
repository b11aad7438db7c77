//! Who may use the listeners: phones by their secrets, trunks by their addresses.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use model::{PhoneId, TrunkId};
use sip::Host;
use sip::digest::{Ha1, Login};
use sip::locate::Wanted;
use sip::registrar::RegistrarSettings;

/// A phone's account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The phone: the user of its address of record and of its digest.
    pub phone: PhoneId,
    /// The name shown to those it calls, where it is not the phone's own to say.
    pub display: Option<String>,
    /// Its secrets in the realm, one for each algorithm it may use.
    pub secrets: Vec<Ha1>,
    /// Where it may be, and what of it rings.
    pub rules: AccountRules,
}

/// What holds for a phone beside its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountRules {
    /// The networks it may register and call from; anywhere, where there are none. What counts is
    /// the address we see: that of its NAT, or of the edge proxy before it.
    pub networks: Vec<AddressRange>,
    /// What of it rings when it is called.
    pub rings: Rings,
    /// How many bindings it may have; a further one takes the place of that refreshed longest ago.
    /// At least 1.
    pub most_bindings: usize,
}

impl Default for AccountRules {
    fn default() -> Self {
        let most_bindings = RegistrarSettings::default().per_phone;
        Self { networks: Vec::new(), rings: Rings::All, most_bindings }
    }
}

impl AccountRules {
    /// Whether the phone may be at this address.
    #[must_use]
    pub fn admit(&self, address: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|range| range.holds(address))
    }
}

/// What of a phone rings that is registered from several places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rings {
    /// Every device.
    All,
    /// The device that registered last, and no other. To refresh is not to register: of two devices
    /// that are both there the newer one stays the newest.
    Newest,
}

/// The accounts of all phones.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Accounts(BTreeMap<PhoneId, Arc<Account>>);

impl FromIterator<Account> for Accounts {
    fn from_iter<I: IntoIterator<Item = Account>>(accounts: I) -> Self {
        Self(accounts.into_iter().map(|it| (it.phone.clone(), Arc::new(it))).collect())
    }
}

impl Accounts {
    /// The account of the phone of this name.
    #[must_use]
    pub fn find(&self, user: &str) -> Option<&Arc<Account>> {
        self.0.get(user)
    }

    /// The account of the phone.
    pub(crate) fn of(&self, phone: &PhoneId) -> Option<&Account> {
        self.0.get(phone).map(|account| &**account)
    }

    /// All accounts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Account> {
        self.0.values().map(|account| &**account)
    }

    /// How many bindings each phone may have.
    pub(crate) fn most_bindings(&self) -> BTreeMap<PhoneId, usize> {
        self.iter().map(|it| (it.phone.clone(), it.rules.most_bindings)).collect()
    }

    /// The phones whose account is gone in `newer` or has other secrets there.
    pub(crate) fn revoked_by(&self, newer: &Self) -> Vec<PhoneId> {
        let same = |account: &Account| {
            newer.0.get(&account.phone).is_some_and(|it| it.secrets == account.secrets)
        };
        self.0.values().filter(|it| !same(it)).map(|it| it.phone.clone()).collect()
    }
}

/// A carrier's connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trunk {
    /// Its name.
    pub id: TrunkId,
    /// Where its requests come from. Without [`Self::caller`] nothing else makes a request the
    /// trunk's; with it, the trunk may be nowhere else, or anywhere where this is empty.
    pub sources: Vec<AddressRange>,
    /// As whom it proves itself by digest when it calls, where its address alone does not make a
    /// request the trunk's.
    pub caller: Option<TrunkCaller>,
    /// Where calls to it are sent, an address or a name (RFC 3263); none: it only brings calls.
    pub proxy: Option<Wanted>,
    /// The host in the addresses of calls to it, where it wants another than that.
    pub host: Option<String>,
    /// The name that its certificate must be for when it connects to a listener that asks for one
    /// (RFC 5922 §7.1); that of the host or of the proxy, where this is none.
    pub certificate: Option<String>,
    /// What it is answered with when it challenges us.
    pub login: Option<Login>,
    /// For how long we register there under the login's user; not at all when none.
    pub registers: Option<Duration>,
    /// How often it is asked whether it is there (OPTIONS); never when none.
    pub check_every: Option<Duration>,
    /// Where it says which number was dialled.
    pub dialled: Dialled,
    /// How it is told who calls.
    pub identity: CallerIdentity,
}

/// As whom a trunk proves itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrunkCaller {
    /// The user of its digest.
    pub user: String,
    /// Its account: what a phone's is.
    pub account: Arc<Account>,
}

impl TrunkCaller {
    /// The trunk's account, with these secrets in our realm; from these places alone, where there
    /// are any.
    #[must_use]
    pub fn new(trunk: &TrunkId, user: &str, secrets: Vec<Ha1>, places: &[AddressRange]) -> Self {
        let rules = AccountRules { networks: places.to_vec(), ..AccountRules::default() };
        // No phone has a name with a blank: what is held against the one is not against the other.
        let phone = PhoneId::from(format!("trunk {trunk}").as_str());
        let account = Account { phone, display: None, secrets, rules };
        Self { user: user.to_owned(), account: Arc::new(account) }
    }
}

/// How a trunk is told who calls.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum CallerIdentity {
    /// In From alone.
    #[default]
    From,
    /// In From, and asserted (P-Asserted-Identity, RFC 3325 §9.1).
    Asserted,
    /// Asserted to the trunk and to nobody beyond it: From is anonymous (RFC 3323 §4.1.1.3), and
    /// `Privacy: id` asks the carrier to keep the number to itself (RFC 3325 §9.3).
    Withheld,
}

/// Where a trunk says which number was dialled: calls that were forwarded on their way name it
/// elsewhere than in the Request-URI.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Dialled {
    /// In the Request-URI.
    #[default]
    RequestUri,
    /// In To.
    To,
    /// In the last Diversion: who was called first (RFC 5806).
    Diversion,
    /// In the first History-Info (RFC 7044).
    HistoryInfo,
}

impl Trunk {
    /// Whether calls to `other` go the same way.
    pub(crate) fn is_called_like(&self, other: &Self) -> bool {
        let way = |it: &Self| (it.proxy.clone(), it.host.clone(), it.registers, it.check_every);
        way(self) == way(other) && self.login == other.login
    }

    /// The host in the addresses of calls to it.
    pub(crate) fn named(&self) -> Option<Host> {
        let given = self.host.as_deref().and_then(|host| Host::parse(host).ok());
        given.or_else(|| self.proxy.as_ref().map(|proxy| proxy.host.clone()))
    }

    /// The name that it must prove by its certificate when it connects; none, when it has no name: then
    /// one of the authorities' is enough.
    pub(crate) fn certified(&self) -> Option<String> {
        let named = || self.named().filter(|host| host.ip().is_none());
        self.certificate.clone().or_else(|| named().map(|host| host.to_string()))
    }

    /// A trunk that only has a name.
    #[cfg(test)]
    pub(crate) fn of(id: &str) -> Self {
        Self {
            id: id.into(),
            sources: Vec::new(),
            proxy: None,
            host: None,
            certificate: None,
            caller: None,
            login: None,
            registers: None,
            check_every: None,
            dialled: Dialled::RequestUri,
            identity: CallerIdentity::From,
        }
    }
}

/// All trunks.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Trunks(Vec<Trunk>);

impl FromIterator<Trunk> for Trunks {
    fn from_iter<I: IntoIterator<Item = Trunk>>(trunks: I) -> Self {
        Self(trunks.into_iter().collect())
    }
}

impl Trunks {
    /// The trunk that requests from this address belong to without further proof: the first whose
    /// sources hold it.
    #[must_use]
    pub fn from_source(&self, source: IpAddr) -> Option<&Trunk> {
        let is_there = |trunk: &&Trunk| trunk.sources.iter().any(|range| range.holds(source));
        self.0.iter().filter(|trunk| trunk.caller.is_none()).find(is_there)
    }

    /// Whether a trunk may be at this address that proves itself by digest.
    pub(crate) fn may_prove_at(&self, source: IpAddr) -> bool {
        self.callers().any(|(_, caller)| caller.account.rules.admit(source))
    }

    /// The account of the trunk that proves itself as this user.
    pub(crate) fn account(&self, user: &str) -> Option<&Arc<Account>> {
        self.callers().find(|(_, caller)| caller.user == user).map(|(_, caller)| &caller.account)
    }

    /// The trunk of this account.
    pub(crate) fn of_account(&self, account: &Account) -> Option<&Trunk> {
        self.callers().find(|(_, it)| it.account.phone == account.phone).map(|(trunk, _)| trunk)
    }

    /// Whether the trunk of this name proves itself, and this is one of the addresses where it may be.
    pub(crate) fn proves_from(&self, id: &TrunkId, source: IpAddr) -> bool {
        let caller = self.find(id).and_then(|trunk| trunk.caller.as_ref());
        caller.is_some_and(|caller| {
            let rules = &caller.account.rules;
            !rules.networks.is_empty() && rules.admit(source)
        })
    }

    /// Whether the trunk of this name proves itself wherever it is.
    pub(crate) fn is_anywhere(&self, id: &TrunkId) -> bool {
        let caller = self.find(id).and_then(|trunk| trunk.caller.as_ref());
        caller.is_some_and(|caller| caller.account.rules.networks.is_empty())
    }

    fn callers(&self) -> impl Iterator<Item = (&Trunk, &TrunkCaller)> {
        self.0.iter().filter_map(|trunk| Some((trunk, trunk.caller.as_ref()?)))
    }

    /// All of them.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Trunk> {
        self.0.iter()
    }

    /// The trunk of this name.
    #[must_use]
    pub fn find(&self, id: &TrunkId) -> Option<&Trunk> {
        self.0.iter().find(|trunk| trunk.id == *id)
    }
}

/// A range of addresses: `203.0.113.7` or `203.0.113.0/24`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressRange {
    base: IpAddr,
    /// How many leading bits count.
    bits: u8,
}

impl AddressRange {
    /// The loopback addresses of this one's kind.
    pub(crate) const fn of_loopback(address: IpAddr) -> Self {
        Self { base: address, bits: if address.is_ipv4() { 8 } else { 128 } }
    }

    /// Whether the address is in the range. An IPv4 address within IPv6 is the IPv4 address.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let ignored = 32_u32.saturating_sub(self.bits.into());
                let differ = base.to_bits() ^ address.to_bits();
                differ.checked_shr(ignored).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let ignored = 128_u32.saturating_sub(self.bits.into());
                let differ = base.to_bits() ^ address.to_bits();
                differ.checked_shr(ignored).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        let base = address.to_canonical();
        Self { base, bits: if base.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits)),
            None => (text, None),
        };
        let whole = Self::from(base.parse::<IpAddr>().map_err(|_| AddressRangeError)?);
        match bits {
            None => Ok(whole),
            Some(bits) => {
                let bits = bits.parse().map_err(|_| AddressRangeError)?;
                if bits > whole.bits { Err(AddressRangeError) } else { Ok(Self { bits, ..whole }) }
            }
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.base, self.bits)
    }
}

/// A text is no range of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressRangeError;

impl fmt::Display for AddressRangeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("address range is neither like 203.0.113.7 nor like 203.0.113.0/24")
    }
}

impl std::error::Error for AddressRangeError {}

#[cfg(test)]
mod tests {
    use sip::digest::Algorithm;

    use super::*;

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        let cases = [
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.6", false),
            ("203.0.113.7", "::ffff:203.0.113.7", true),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
        ];
        for (range, address, held) in cases {
            let parsed: AddressRange = range.parse().unwrap();
            assert_eq!(parsed.holds(address.parse().unwrap()), held, "{range} {address}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "trunk.example", "203.0.113.0/33", "203.0.113.0/", "203.0.113.0/x"] {
            assert_eq!(text.parse::<AddressRange>(), Err(AddressRangeError), "{text}");
        }
    }

    #[test]
    fn accounts_that_are_gone_or_have_another_secret_are_revoked() {
        let account = |phone: &str, password: &str| Account {
            phone: phone.into(),
            display: None,
            secrets: vec![Ha1::of(Algorithm::Md5, phone, "realm", password)],
            rules: AccountRules::default(),
        };
        let old: Accounts =
            [account("1", "a"), account("2", "b"), account("3", "c")].into_iter().collect();
        let new: Accounts = [account("1", "a"), account("2", "x")].into_iter().collect();
        assert_eq!(old.revoked_by(&new), [PhoneId::from("2"), PhoneId::from("3")]);
    }
}
