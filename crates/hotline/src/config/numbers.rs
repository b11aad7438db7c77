//! That no number means two things: public numbers, extensions, feature codes and what is dialled
//! out are told apart by what is dialled.

use std::collections::BTreeMap;

use model::Number;
use switchboard::config::OutboundRule;
use switchboard::numbering::Numbering;

use super::finding::Code;
use super::flows::Hotline;
use super::people::{People, Phone};
use super::section::Reader;

/// Checks every number against the others.
pub(super) fn check(
    reader: &Reader,
    people: &People,
    (hotlines, numbering): (&[Hotline], &Numbering),
    rules: &[OutboundRule],
) {
    let mut numbers: BTreeMap<Number, String> = BTreeMap::new();
    for hotline in hotlines {
        // Two spellings of one number are one number.
        let number = &hotline.config.number;
        let what = format!("hotline `{}`", hotline.id);
        if let Some(other) = numbers.insert(numbering.canonical(number), what) {
            let message = format!("{number} already belongs to {other}");
            reader.report(
                Code::NumberDuplicate,
                &hotline.at,
                message,
                "a number has one flow".into(),
            );
        }
    }
    for (extension, phone) in &people.phones {
        let extension = extension.as_str();
        let Ok(number) = extension.parse::<Number>() else { continue };
        if let Some(other) = numbers.get(&numbering.canonical(&number)) {
            let message = format!("{extension} already belongs to {other}");
            let help = "choose another extension".to_owned();
            reader.report(Code::NumberDuplicate, &phone.at, message, help);
        }
        check_extension(reader, people, (extension, phone), rules);
    }
}

fn check_extension(
    reader: &Reader,
    people: &People,
    (extension, phone): (&str, &Phone),
    rules: &[OutboundRule],
) {
    for code in people.codes.iter().filter(|code| extension.starts_with(&code.value)) {
        let message = format!("extension {extension} begins with the feature code {}", code.value);
        let help = "choose another extension".to_owned();
        reader.report(Code::ExtensionClash, &phone.at, message, help);
    }
    let takes = |rule: &&OutboundRule| {
        let (fewest, most) = (usize::from(rule.length.0), usize::from(rule.length.1));
        !rule.trunks.is_empty()
            && !rule.prefix.is_empty()
            && extension.starts_with(&rule.prefix)
            && (fewest..=most).contains(&extension.len())
    };
    if let Some(rule) = rules.iter().find(takes) {
        let prefix = &rule.prefix;
        let message = format!(
            "extension {extension} could be a number outside: an [[outbound]] rule takes `{prefix}`"
        );
        let help = "choose another extension, or let the rule's `length` leave it out".to_owned();
        reader.report(Code::ExtensionClash, &phone.at, message, help);
    }
}
