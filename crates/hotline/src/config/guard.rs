//! What keeps scanners, guessers and floods away.

use sip_net::{ConnectionLimits, GuardSettings};
use toml_edit::TableLike;

use super::key;
use super::section::{Reader, Section};

/// Reads the table `guard`: who is shut out, and how much is taken from anybody.
pub(super) fn read(reader: &Reader, root: &dyn TableLike) -> (GuardSettings, ConnectionLimits) {
    let section = Section::of_root(reader, root, &key::GUARD);
    (sources(&section), amounts(&section))
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
    };
    ConnectionLimits {
        total: small("connections", usual.total),
        per_source: small("connections_per_source", usual.per_source),
        slowest_message: span("slowest_message", usual.slowest_message),
        longest_silence: span("longest_silence", usual.longest_silence),
        message,
    }
}
