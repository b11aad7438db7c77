//! What values look like: spans of time, addresses, networks, port ranges; and the name most like
//! one that does not exist.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use sip::locate::Wanted;
use sip::{Host, Uri};

/// A span of time as people write it: `500ms`, `15s`, `2m`, `1h`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let in_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(in_ms)?))
}

/// A time of day, from midnight: `08:30`, at most `24:00`.
pub(crate) fn clock(text: &str) -> Option<Duration> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two(hours) || !two(minutes) {
        return None;
    }
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let clock = hours * 60 + minutes;
    (minutes < 60 && clock <= 24 * 60).then(|| Duration::from_secs(clock * 60))
}

/// How far local time is ahead of UTC, in seconds: `+08:00`, `-09:30`.
pub(crate) fn offset(text: &str) -> Option<i32> {
    let (sign, text) = match text.split_at_checked(1)? {
        ("+", text) => (1, text),
        ("-", text) => (-1, text),
        _ => return None,
    };
    let span = clock(text).filter(|span| span.as_secs() <= 14 * 3600)?;
    i32::try_from(span.as_secs()).ok().map(|seconds| sign * seconds)
}

/// A block of addresses: `192.0.2.0/24`, or one address alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Network {
    /// The first address, its host bits zero.
    pub(crate) address: IpAddr,
    /// How many leading bits count.
    pub(crate) prefix: u8,
}

impl Network {
    /// Whether an address is in the block; an IPv4 address written in IPv6 counts as IPv4.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && (bits(address) ^ bits(self.address)) & mask(address, self.prefix) == 0
    }

    /// Whether some address is in both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write an address like `192.0.2.7` or a block like `192.0.2.0/24`";
        let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address.parse().map_err(|_| FORM)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = if text.contains('/') { prefix.parse().map_err(|_| FORM)? } else { longest };
        if prefix > longest {
            return Err(FORM);
        }
        if bits(address) & !mask(address, prefix) != 0 {
            return Err("the bits after the prefix must be zero: write the block's first address");
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn mask(address: IpAddr, prefix: u8) -> u128 {
    let (width, all) =
        if address.is_ipv4() { (32, u128::from(u32::MAX)) } else { (128, u128::MAX) };
    let host = width - u32::from(prefix);
    all & u128::MAX.checked_shl(host).unwrap_or(0)
}

/// A range of ports: `20000-39999`.
pub(crate) fn ports(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first > 0 && first < last).then_some((first, last))
}

/// Whether a text can name a thing: letters, digits, `_` and `-`, at most 32 of them.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// The known name most like one that does not exist, where one is like it at all.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.to_lowercase().chars().take(64).collect();
    let right: Vec<char> = right.to_lowercase().chars().take(64).collect();
    let mut rows = vec![(0..=right.len()).collect::<Vec<_>>()];
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let above = cell(&rows, i, j + 1) + 1;
            let beside = row.last().copied().unwrap_or(0) + 1;
            let across = cell(&rows, i, j) + usize::from(a != b);
            let is_swap =
                i > 0 && j > 0 && left.get(i - 1) == Some(b) && right.get(j - 1) == Some(a);
            let swapped = if is_swap { cell(&rows, i - 1, j - 1) + 1 } else { usize::MAX };
            row.push(above.min(beside).min(across).min(swapped));
        }
        rows.push(row);
    }
    cell(&rows, left.len(), right.len())
}

fn cell(rows: &[Vec<usize>], row: usize, column: usize) -> usize {
    rows.get(row).and_then(|row| row.get(column)).copied().unwrap_or(usize::MAX / 2)
}

/// An address or a name, with a port or without.
pub(super) fn peer(text: &str) -> Option<Wanted> {
    // `2001:db8::1` alone is an address without port.
    let bare = text.parse::<IpAddr>().ok().map(Host::Ip);
    let (host, port) = match bare {
        Some(host) => (host, None),
        None => {
            let uri = Uri::parse(format!("sip:{text}").as_bytes()).ok()?;
            let plain = uri.user.is_none() && uri.params.is_empty() && uri.headers.is_none();
            plain.then_some((uri.host, uri.port))?
        }
    };
    Some(Wanted { host, port, transport: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_time_has_a_unit() {
        assert_eq!(duration("15s"), Some(Duration::from_secs(15)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(duration("15"), None);
        assert_eq!(duration("s"), None);
        assert_eq!(duration("1 s"), None);
        assert_eq!(duration("99999999999999999999h"), None);
    }

    #[test]
    fn a_block_contains_its_addresses_and_no_others() {
        let block: Network = "192.0.2.0/24".parse().unwrap();
        assert!(block.contains("192.0.2.255".parse().unwrap()));
        assert!(block.contains("::ffff:192.0.2.1".parse().unwrap()));
        assert!(!block.contains("192.0.3.0".parse().unwrap()));
        assert!(!block.contains("2001:db8::1".parse().unwrap()));
        let everything: Network = "0.0.0.0/0".parse().unwrap();
        assert!(everything.contains("203.0.113.9".parse().unwrap()));
        assert!(everything.overlaps(&block) && block.overlaps(&everything));
        let six: Network = "2001:db8::/32".parse().unwrap();
        assert!(six.contains("2001:db8:ffff::1".parse().unwrap()));
        assert!(!six.overlaps(&everything));
    }

    #[test]
    fn a_block_that_is_none_is_refused() {
        for text in ["", "192.0.2", "192.0.2.1/33", "192.0.2.1/24", "192.0.2.0/", "x/8"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        let known = ["presales", "aftersales", "complaints"];
        assert_eq!(nearest("presale", known), Some("presales"));
        assert_eq!(nearest("prseales", known), Some("presales"));
        assert_eq!(nearest("billing", known), None);
    }

    #[test]
    fn a_peer_is_an_address_or_a_name_with_a_port_or_without() {
        let read = |text: &str| {
            let peer = peer(text)?;
            Some((peer.host.to_string(), peer.port))
        };
        assert_eq!(read("192.0.2.7:5080"), Some(("192.0.2.7".into(), Some(5080))));
        assert_eq!(read("sip.carrier.cn"), Some(("sip.carrier.cn".into(), None)));
        assert_eq!(read("sip.carrier.cn:5070"), Some(("sip.carrier.cn".into(), Some(5070))));
        assert_eq!(peer("2001:db8::1").unwrap().host.ip(), "2001:db8::1".parse().ok());
        assert_eq!(peer("[2001:db8::1]:5060").unwrap().port, Some(5060));
        for text in ["", "a@b", "carrier.cn;transport=tcp", "carrier.cn:x", "two words", "a?b=c"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
