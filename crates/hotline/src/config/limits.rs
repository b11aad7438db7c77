//! How many calls hotlines may have, and which places are kept for them: whether there are so many.

use std::collections::BTreeMap;
use std::ops::Range;

use model::TrunkId;
use switchboard::config::{HotlineLimits, TrunkConfig};

use super::finding::Code;
use super::flows::Hotline;
use super::section::{Reader, Section, Spanned};

/// A hotline's limits, with what is checked once the trunks are known.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) read: HotlineLimits,
    /// Where `reserved` is written.
    at: Range<usize>,
    on: Vec<(Spanned<String>, u32)>,
}

/// Reads a hotline's limits.
pub(super) fn read(section: &Section<'_>) -> Limits {
    let on = section.places("reserved_on");
    let kept = on.iter().map(|(trunk, kept)| (TrunkId::from(trunk.value.as_str()), *kept));
    Limits {
        read: HotlineLimits {
            max_calls: section.small("max_calls"),
            calls_per_second: section.small("calls_per_second"),
            reserved: section.small("reserved").unwrap_or(0),
            reserved_on: kept.collect(),
        },
        at: section.key_at("reserved"),
        on,
    }
}

/// Nothing may be kept that is not there.
pub(super) fn check(
    reader: &Reader,
    hotlines: &[Hotline],
    trunks: &BTreeMap<TrunkId, TrunkConfig>,
    max_calls: u32,
) {
    let mut of_service = 0;
    let mut of_trunks: BTreeMap<&str, u32> = BTreeMap::new();
    for Hotline { id, limits, .. } in hotlines {
        let own = limits.read.max_calls;
        let kept = Kept { reader, hotline: id.as_str(), at: &limits.at };
        kept.check_own(limits.read.reserved, own);
        kept.check_sum(&mut of_service, limits.read.reserved, "the service", max_calls);
        for (trunk, places) in &limits.on {
            let Some(config) = trunks.get(&TrunkId::from(trunk.value.as_str())) else {
                let known = trunks.keys().map(TrunkId::as_str);
                reader.unknown(Code::TrunkUnknown, "trunk", trunk, known);
                continue;
            };
            let kept = Kept { at: &trunk.at, ..kept };
            kept.check_own(*places, own);
            let name = format!("trunk `{}`", trunk.value);
            let sum = of_trunks.entry(trunk.value.as_str()).or_default();
            kept.check_sum(sum, *places, &name, config.max_calls);
        }
    }
}

/// Places that are kept for a hotline, and where that is written.
#[derive(Clone, Copy)]
struct Kept<'a> {
    reader: &'a Reader,
    hotline: &'a str,
    at: &'a Range<usize>,
}

impl Kept<'_> {
    /// A hotline takes no more places than it may have calls.
    fn check_own(self, places: u32, own: Option<u32>) {
        let Some(most) = own.filter(|most| places > *most) else { return };
        let hotline = self.hotline;
        let message =
            format!("{places} places are kept for hotline `{hotline}`, which takes {most}");
        let help = "keep no more places than its `max_calls`".to_owned();
        self.reader.report(Code::ReservedTooMany, self.at, message, help);
    }

    /// All that is kept must be there; told where it is first exceeded.
    fn check_sum(self, sum: &mut u32, places: u32, of: &str, most: u32) {
        let before = *sum;
        *sum = sum.saturating_add(places);
        if before > most || *sum <= most {
            return;
        }
        let message = format!("{sum} places of {of} are kept in all, and it has {most}");
        let help = "lower what is kept for its hotlines, or raise `max_calls`".to_owned();
        self.reader.report(Code::ReservedTooMany, self.at, message, help);
    }
}
