//! The prompts the configuration names, and whether their files can be played.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use model::PromptId;
use switchboard::config::Sounds;
use toml_edit::TableLike;

use super::finding::{Code, Finding};
use super::key;
use super::section::{Reader, Section, Spanned};

/// How much of a file is read to tell its format.
const HEAD: u64 = 4096;

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

    /// Looks at the file of every prompt named. What is wrong with a file itself is told of it.
    pub(super) fn check(&self, reader: &Reader, folder: &Path) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, at) in &self.0 {
            let path = folder.join(format!("{name}.wav"));
            match head(&path) {
                Ok(head) => findings.extend(format_finding(&path, &head)),
                Err(error) => {
                    let message = format!("the prompt `{name}` cannot be read: {error}");
                    let help = format!("put it at {}: 8 kHz A-law mono WAV", path.display());
                    reader.report(Code::PromptMissing, at, message, help);
                }
            }
        }
        findings
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

fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

fn format_finding(path: &Path, head: &[u8]) -> Option<Finding> {
    let message = wav_fault(head)?;
    let name = path.display();
    let help = format!("make it anew: sox {name} -r 8000 -c 1 -e a-law new.wav");
    let help = Some(help);
    Some(Finding { file: name.to_string(), place: None, code: Code::PromptFormat, message, help })
}

/// What keeps a WAV file from being 8 kHz A-law mono.
fn wav_fault(head: &[u8]) -> Option<String> {
    let Some((tag, channels, rate)) = wav_format(head) else {
        return Some("this is not a WAV file".to_owned());
    };
    const A_LAW: u16 = 6;
    match (tag, channels, rate) {
        (A_LAW, 1, 8000) => None,
        (A_LAW, 1, rate) => Some(format!("the prompt is sampled at {rate} Hz instead of 8000")),
        (A_LAW, channels, _) => Some(format!("the prompt has {channels} channels instead of one")),
        (tag, _, _) => Some(format!("the prompt is not A-law (format tag {tag} instead of 6)")),
    }
}

/// Format tag, channels and sample rate of a RIFF WAVE file.
fn wav_format(head: &[u8]) -> Option<(u16, u16, u32)> {
    if head.get(..4)? != b"RIFF" || head.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut at = 12_usize;
    loop {
        let chunk = head.get(at..)?;
        let length = u32::from_le_bytes(chunk.get(4..8)?.try_into().ok()?);
        if chunk.get(..4)? == b"fmt " {
            let tag = u16::from_le_bytes(chunk.get(8..10)?.try_into().ok()?);
            let channels = u16::from_le_bytes(chunk.get(10..12)?.try_into().ok()?);
            let rate = u32::from_le_bytes(chunk.get(12..16)?.try_into().ok()?);
            return Some((tag, channels, rate));
        }
        // Chunks are padded to an even length.
        let length = usize::try_from(length).ok()?;
        at = at.checked_add(8)?.checked_add(length)?.checked_add(length % 2)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(tag: u16, channels: u16, rate: u32) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x12\0\0\0".to_vec();
        file.extend(tag.to_le_bytes());
        file.extend(channels.to_le_bytes());
        file.extend(rate.to_le_bytes());
        file
    }

    #[test]
    fn only_eight_kilohertz_a_law_mono_is_played() {
        assert_eq!(wav_fault(&wav(6, 1, 8000)), None);
        assert!(wav_fault(&wav(1, 1, 8000)).unwrap().contains("not A-law"));
        assert!(wav_fault(&wav(6, 2, 8000)).unwrap().contains("2 channels"));
        assert!(wav_fault(&wav(6, 1, 44_100)).unwrap().contains("44100 Hz"));
    }

    #[test]
    fn a_file_cut_anywhere_is_no_wav_and_no_panic() {
        let file = wav(6, 1, 8000);
        for length in 0..file.len() {
            assert!(wav_fault(file.get(..length).unwrap()).is_some(), "{length}");
        }
        assert!(wav_fault(b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff").is_some());
    }
}
