//! How numbers are written where we are, and by each carrier.

use model::Number;
use switchboard::numbering::{Inbound, InboundForm, Numbering, Outbound, OutboundForm};
use toml_edit::TableLike;

use super::finding::Code;
use super::key;
use super::section::{Reader, Section, Spanned};

/// Reads the table `numbering`.
pub(super) fn read(reader: &Reader, root: &dyn TableLike) -> Numbering {
    let section = Section::of_root(reader, root, &key::NUMBERING);
    let usual = Numbering::default();
    let trunk_prefix =
        section.digits("trunk_prefix", 0..=3).map_or(usual.trunk_prefix, |digits| digits.value);
    // People write the area as they dial it.
    let area = section.digits("area", 1..=6).map(|area| {
        area.value.strip_prefix(trunk_prefix.as_str()).unwrap_or(&area.value).to_owned()
    });
    Numbering {
        country: section.digits("country", 1..=3).map_or(usual.country, |digits| digits.value),
        trunk_prefix,
        area: area.filter(|area| !area.is_empty()),
    }
}

/// Reads how a trunk writes numbers, and wants them written.
pub(super) fn read_trunk(section: &Section<'_>) -> (Inbound, Outbound) {
    let word = |name| section.word(name).map(|word| word.value).unwrap_or_default();
    let prefix = |name| section.prefix(name).unwrap_or_default();
    let inbound = Inbound {
        form: match word("inbound_numbers").as_str() {
            "national" => InboundForm::National,
            "e164" => InboundForm::E164,
            _ => InboundForm::Any,
        },
        strip: section.small("inbound_strip").unwrap_or_default(),
        prefix: prefix("inbound_prefix"),
    };
    let outbound = Outbound {
        form: match word("outbound_numbers").as_str() {
            "national" => OutboundForm::National,
            "e164" => OutboundForm::E164,
            "plus_e164" => OutboundForm::PlusE164,
            _ => OutboundForm::AsDialled,
        },
        strip: section.small("outbound_strip").unwrap_or_default(),
        prefix: prefix("outbound_prefix"),
    };
    (inbound, outbound)
}

/// 400 and 800 numbers receive calls and may not be shown as the caller's own, however written.
pub(super) fn check_shown(reader: &Reader, numbering: &Numbering, shown: &Spanned<Number>) {
    if numbering.is_service(&shown.value) {
        let message = format!("{} may not be shown to called parties", shown.value);
        let help = "400 and 800 numbers only take calls: show a fixed-line number of yours";
        reader.report(Code::CallerIdForbidden, &shown.at, message, help.into());
    }
}
