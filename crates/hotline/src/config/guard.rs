//! What keeps scanners, guessers and floods away.

use sip::digest::NonceSettings;
use sip_net::{ConnectionLimits, GuardSettings};
use toml_edit::TableLike;

use super::key;
use super::section::{Reader, Section};

/// Reads the table `guard`: who is shut out, and how much is taken from anybody.
pub(super) fn read(
    reader: &Reader,
    root: &dyn TableLike,
) -> (GuardSettings, ConnectionLimits, Remembered) {
    let section = Section::of_root(reader, root, &key::GUARD);
    (sources(&section), amounts(&section), remembered(&section))
}

/// How much is remembered at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Remembered {
    /// Nonces, and for how long they are good.
    pub(crate) nonces: NonceSettings,
    /// Bindings of all phones.
    pub(crate) bindings: usize,
    /// Requests under way, and answers.
    pub(crate) transactions: usize,
}

fn remembered(section: &Section<'_>) -> Remembered {
    let usual = NonceSettings::default();
    let lifetime = section.duration("nonce_lifetime").map_or(usual.lifetime, |span| span.value);
    let remembered = section.small("nonces").unwrap_or(usual.remembered);
    Remembered {
        nonces: NonceSettings { lifetime, remembered },
        bindings: section.small("bindings").unwrap_or_default(),
        transactions: section.small("transactions").unwrap_or_default(),
    }
}

fn sources(section: &Section<'_>) -> GuardSettings {
    let usual = GuardSettings::default();
    let span = |name, usual| section.duration(name).map_or(usual, |span| span.value);
    let trusted = section.networks("trusted").into_iter();
    let trusted = trusted.filter_map(|network| network.value.to_string().parse().ok()).collect();
    let scanners = section.texts("scanners");
    GuardSettings {
        trusted: if section.has("trusted") { trusted } else { usual.trusted },
        rate: section.small("rate").unwrap_or(usual.rate),
        burst: section.small("burst").unwrap_or(usual.burst),
        offences: section.small("offences").unwrap_or(usual.offences),
        within: span("within", usual.within),
        ban: span("ban", usual.ban),
        longest_ban: span("longest_ban", usual.longest_ban),
        banned_rate: section.small("banned_rate").unwrap_or(usual.banned_rate),
        free_guesses: section.small("free_guesses").unwrap_or(usual.free_guesses),
        longest_wait: span("longest_wait", usual.longest_wait),
        sources: section.small("sources").unwrap_or(usual.sources),
        scanners: if section.has("scanners") { scanners } else { usual.scanners },
    }
}

fn amounts(section: &Section<'_>) -> ConnectionLimits {
    let usual = ConnectionLimits::default();
    let span = |name, usual| section.duration(name).map_or(usual, |span| span.value);
    let small = |name, usual| section.small(name).unwrap_or(usual);
    let message = sip::Limits {
        message: small("message", usual.message.message),
        headers: small("headers", usual.message.headers),
        header: small("header", usual.message.header),
        uri: small("uri", usual.message.uri),
        body: small("body", usual.message.body),
    };
    ConnectionLimits {
        total: small("connections", usual.total),
        per_source: small("connections_per_source", usual.per_source),
        slowest_message: span("slowest_message", usual.slowest_message),
        longest_silence: span("longest_silence", usual.longest_silence),
        unread: small("unread", usual.unread),
        message,
    }
}
