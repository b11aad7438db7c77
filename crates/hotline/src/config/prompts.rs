//! The prompts the configuration names, and whether their files can be played.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use media::{PromptError, PromptLibrary};
use model::PromptId;
use switchboard::config::Sounds;
use toml_edit::TableLike;

use super::finding::{Code, Finding};
use super::key;
use super::section::{Reader, Section, Spanned};

/// Every prompt named, with the first place that names it.
#[derive(Clone, Debug, Default)]
pub(super) struct Needed(BTreeMap<String, Range<usize>>);

impl Needed {
    /// Notes a name.
    pub(super) fn add(&mut self, name: Spanned<String>) -> PromptId {
        let prompt = PromptId::from(name.value.as_str());
        self.0.entry(name.value).or_insert(name.at);
        prompt
    }

    /// Reads every prompt, as the service does when it starts: one that nobody names keeps it from
    /// starting, too. What is wrong with a file itself is told of it.
    pub(super) fn check(&self, reader: &Reader, folder: &Path) -> Vec<Finding> {
        let (library, faults) = PromptLibrary::read(folder);
        let is_broken = |name: &str| {
            faults.iter().any(|fault| fault.path().file_stem().is_some_and(|stem| stem == name))
        };
        for (name, at) in &self.0 {
            if library.contains(&PromptId::from(name.as_str())) || is_broken(name) {
                continue;
            }
            let message = format!("there is no prompt `{name}`");
            let path = folder.join(format!("{name}.wav"));
            let help = format!("put it at {}: 8 kHz A-law mono WAV", path.display());
            reader.report(Code::PromptMissing, at, message, help);
        }
        // That the folder is not there is told of each prompt in it.
        faults.iter().filter(|fault| fault.path() != folder).map(unusable).collect()
    }
}

fn unusable(fault: &PromptError) -> Finding {
    Finding {
        file: fault.path().display().to_string(),
        place: None,
        code: Code::PromptFormat,
        message: fault.message(),
        help: Some(fault.remedy().to_owned()),
    }
}

/// Reads the table `sounds`; the first value is the folder of the prompts, as written.
pub(super) fn read_sounds(
    reader: &Reader,
    root: &dyn TableLike,
    needed: &mut Needed,
) -> (String, Sounds) {
    let section = Section::of_root(reader, root, &key::SOUNDS);
    let mut may = |name: &str| section.name(name).map(|prompt| needed.add(prompt));
    let mut must = |name: &str| may(name).unwrap_or_else(|| PromptId::from(""));
    let (queue_music, hold_music) = (must("queue_music"), must("hold_music"));
    let (done, refused) = (must("done"), must("refused"));
    let sounds = Sounds {
        queue_music,
        hold_music,
        queue_welcome: may("queue_welcome"),
        nobody: may("nobody"),
        done,
        refused,
    };
    let folder = section.text("folder").map(|folder| folder.value).unwrap_or_default();
    (folder, sounds)
}
