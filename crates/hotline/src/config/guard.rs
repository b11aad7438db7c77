//! What keeps scanners, guessers and floods away.

use sip_net::GuardSettings;
use toml_edit::TableLike;

use super::key;
use super::section::{Reader, Section};

/// Reads the table `guard`.
pub(super) fn read(reader: &Reader, root: &dyn TableLike) -> GuardSettings {
    let section = Section::of_root(reader, root, &key::GUARD);
    let usual = GuardSettings::default();
    let span = |name, usual| section.duration(name).map_or(usual, |span| span.value);
    let trusted = section.networks("trusted").into_iter();
    let trusted = trusted.filter_map(|network| network.value.to_string().parse().ok()).collect();
    GuardSettings {
        trusted: if section.has("trusted") { trusted } else { usual.trusted },
        rate: section.small("rate").unwrap_or(usual.rate),
        burst: section.small("burst").unwrap_or(usual.burst),
        offences: section.small("offences").unwrap_or(usual.offences),
        within: span("within", usual.within),
        ban: span("ban", usual.ban),
        longest_ban: span("longest_ban", usual.longest_ban),
        scanners: usual.scanners,
    }
}
