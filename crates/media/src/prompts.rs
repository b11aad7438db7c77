//! The prompts, read once at the start and shared by all who play them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::PromptId;
use rtp::{WavError, wav_alaw};

/// The longest prompt: 30 minutes of A-law and its header.
const LONGEST: u64 = 30 * 60 * 8_000 + 4_096;

/// The most audio of all prompts together, in octets.
const TOTAL: usize = 512 * 1024 * 1024;

/// A folder's prompts by name, as A-law. Cheap to clone.
#[derive(Clone, Default)]
pub struct PromptLibrary {
    prompts: Arc<BTreeMap<PromptId, Arc<[u8]>>>,
}

impl PromptLibrary {
    /// Reads all `.wav` files of a folder; other files and folders are passed over. A prompt is
    /// named after its file, without the ending.
    ///
    /// # Errors
    /// [`PromptError`] with the file and the remedy, for the first that cannot be used.
    pub fn load(folder: &Path) -> Result<Self, PromptError> {
        let (library, faults) = Self::read(folder);
        faults.into_iter().next().map_or(Ok(library), Err)
    }

    /// Reads all that can be used, and tells of all that cannot: whatever is told here is what keeps
    /// [`Self::load`] from succeeding.
    #[must_use]
    pub fn read(folder: &Path) -> (Self, Vec<PromptError>) {
        let (mut prompts, mut faults, mut total) = (BTreeMap::new(), Vec::new(), 0);
        let entries = match entries(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let fault = PromptError::new(folder, Fault::Unreadable(error));
                return (Self::default(), vec![fault]);
            }
        };
        for path in entries {
            let Some(name) = prompt_name(&path) else { continue };
            match read(&path) {
                Ok(audio) if total + audio.len() > TOTAL => {
                    faults.push(PromptError::new(&path, Fault::TooMuch));
                }
                Ok(audio) => {
                    total += audio.len();
                    prompts.insert(PromptId::from(name), audio);
                }
                Err(fault) => faults.push(PromptError::new(&path, fault)),
            }
        }
        (Self { prompts: Arc::new(prompts) }, faults)
    }

    /// A library of audio at hand: names and A-law samples.
    pub fn of(prompts: impl IntoIterator<Item = (PromptId, Vec<u8>)>) -> Self {
        let prompts = prompts.into_iter().map(|(name, audio)| (name, audio.into())).collect();
        Self { prompts: Arc::new(prompts) }
    }

    /// Whether there is a prompt of this name.
    #[must_use]
    pub fn contains(&self, prompt: &PromptId) -> bool {
        self.prompts.contains_key(prompt)
    }

    /// The names of all prompts, in order.
    pub fn names(&self) -> impl Iterator<Item = &PromptId> {
        self.prompts.keys()
    }

    pub(crate) fn audio(&self, prompt: &PromptId) -> Option<Arc<[u8]>> {
        self.prompts.get(prompt).cloned()
    }
}

impl fmt::Debug for PromptLibrary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.prompts.keys()).finish()
    }
}

/// A prompt cannot be used, or the folder not be read.
#[derive(Debug)]
pub struct PromptError {
    path: PathBuf,
    fault: Fault,
}

#[derive(Debug)]
enum Fault {
    Unreadable(std::io::Error),
    Wav(WavError),
    Empty,
    TooLong,
    TooMuch,
}

impl PromptError {
    fn new(path: &Path, fault: Fault) -> Self {
        Self { path: path.to_owned(), fault }
    }

    /// The file or folder concerned.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.fault {
            Fault::Unreadable(error) => error.to_string(),
            Fault::Wav(error) => error.to_string(),
            Fault::Empty => "prompt is silent for 0 s".to_owned(),
            Fault::TooLong => "prompt is longer than 30 minutes".to_owned(),
            Fault::TooMuch => "the prompts together exceed 512 MiB".to_owned(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self.fault {
            Fault::Unreadable(_) => "check that it exists and may be read",
            Fault::Wav(_) => "convert it with: sox INPUT -r 8000 -c 1 -e a-law OUTPUT.wav",
            Fault::Empty => "record it again, or take it away",
            Fault::TooLong => "cut it into several",
            Fault::TooMuch => "take some away",
        }
    }
}

impl fmt::Display for PromptError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}; {}", self.path.display(), self.message(), self.remedy())
    }
}

impl std::error::Error for PromptError {}

/// What is in a folder, in order.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?;
    let mut paths: Vec<_> =
        entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn prompt_name(path: &Path) -> Option<&str> {
    let wav = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("wav"));
    if wav { path.file_stem()?.to_str() } else { None }
}

fn read(path: &Path) -> Result<Arc<[u8]>, Fault> {
    let mut file = Vec::new();
    let opened = fs::File::open(path).map_err(Fault::Unreadable)?;
    opened.take(LONGEST + 1).read_to_end(&mut file).map_err(Fault::Unreadable)?;
    if u64::try_from(file.len()).is_ok_and(|length| length > LONGEST) {
        return Err(Fault::TooLong);
    }
    let audio = wav_alaw(&file).map_err(Fault::Wav)?;
    if audio.is_empty() { Err(Fault::Empty) } else { Ok(audio.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("hotline-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn wav(tag: u8, audio: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        file.extend([tag, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x40, 0x1f, 0, 0, 1, 0, 8, 0]);
        file.extend(b"data");
        file.extend(u32::try_from(audio.len()).unwrap().to_le_bytes());
        file.extend(audio);
        file
    }

    #[test]
    fn a_prompt_is_named_after_its_file() {
        let folder = folder("prompts");
        fs::write(folder.join("greeting.wav"), wav(6, b"sound")).unwrap();
        fs::write(folder.join("make.sh"), b"not audio").unwrap();
        let library = PromptLibrary::load(&folder).unwrap();
        assert!(library.contains(&"greeting".into()));
        assert_eq!(library.names().count(), 1);
        assert_eq!(library.audio(&"greeting".into()).as_deref(), Some(&b"sound"[..]));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_prompt_in_another_format_is_named_with_the_remedy() {
        let folder = folder("bad-prompts");
        fs::write(folder.join("greeting.wav"), wav(1, b"sound")).unwrap();
        let error = PromptLibrary::load(&folder).unwrap_err().to_string();
        assert!(error.contains("greeting.wav") && error.contains("format tag 1"), "{error}");
        assert!(error.contains("sox"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
        let error = PromptLibrary::load(&folder).unwrap_err().to_string();
        assert!(error.contains("check that it exists"), "{error}");
    }
}
