//! The recordings folder: one folder a day, names by call and part, one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use model::RecordingId;

use crate::StartError;
use crate::part::Header;

/// Voices are personal: nobody but the service and its group reads them.
const FILE_MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;
/// How many parts of the same name are told apart; only a lost state folder makes any.
const NAMESAKES: u32 = 1_000;

/// The folder, held by this process alone for as long as the value lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder after checking that it can be written.
    ///
    /// # Errors
    /// [`StartError`], with what to do.
    pub(crate) fn take(path: &Path) -> Result<Self, StartError> {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StartError::Missing(path.into()));
            }
            Err(error) => return Err(StartError::NotReadable(path.into(), error)),
        };
        if !found.is_dir() {
            return Err(StartError::NotFolder(path.into()));
        }
        let refused = |error| StartError::NotWritable(path.into(), error);
        let lock = writable().open(path.join(".lock")).map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StartError::InUse(path.into())),
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        // The lock file may be left from a time when the folder could be written.
        let probe = path.join(".probe");
        writable().open(&probe).and_then(|_| fs::remove_file(&probe)).map_err(refused)?;
        Ok(Self { path: path.into(), _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a new part's file under a name no other part has.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn create(&self, header: &Header) -> io::Result<PartFile> {
        let day = self.path.join(header.details.at.day());
        match DirBuilder::new().mode(FOLDER_MODE).create(&day) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        for namesake in 1..=NAMESAKES {
            let place = Place::new(&day, header, namesake);
            if place.sealed().exists() || place.damaged().exists() {
                continue;
            }
            match exclusive().open(place.part()) {
                Ok(file) => return Ok(PartFile { file, place }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// The parts left unsealed, in order of their names.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn unsealed(&self) -> io::Result<Vec<Place>> {
        let mut places = Vec::new();
        for day in fs::read_dir(&self.path)? {
            let day = day?;
            // What else may be there is not ours: the `lost+found` of a disk, for one.
            let is_ours = day.file_name().to_str().is_some_and(is_day);
            if !is_ours || !day.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(day.path())? {
                places.extend(Place::of_part(&file?.path()));
            }
        }
        places.sort();
        Ok(places)
    }

    /// The path of a file as facts give it: relative to the folder.
    pub(crate) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.path).unwrap_or(path).to_string_lossy().into_owned()
    }
}

/// An open part's file and where it stands.
#[derive(Debug)]
pub(crate) struct PartFile {
    /// To be written at explicit places only.
    pub(crate) file: File,
    /// Its names.
    pub(crate) place: Place,
}

/// Where a part's files stand: the same path with another ending at each stage.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    stem: PathBuf,
}

impl Place {
    fn new(day: &Path, header: &Header, namesake: u32) -> Self {
        let name = match namesake {
            1 => header.recording.to_string(),
            more => format!("{}-{more}", header.recording),
        };
        Self { stem: day.join(name) }
    }

    fn of_part(path: &Path) -> Option<Self> {
        let stem = path.to_str()?.strip_suffix(".part")?;
        Some(Self { stem: stem.into() })
    }

    /// The recording, as the name says; the header says it better where it can be read.
    pub(crate) fn recording(&self) -> Option<RecordingId> {
        let name = self.stem.file_name()?.to_str()?;
        let (call, part) = name.split_once('.')?;
        let part = part.split_once('-').map_or(part, |(part, _namesake)| part);
        format!("{call}.{part}").parse().ok()
    }

    /// The file while the call lasts.
    pub(crate) fn part(&self) -> PathBuf {
        self.with(".part")
    }

    /// The file while it is being sealed.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.with(".wav.tmp")
    }

    /// The file when it is complete.
    pub(crate) fn sealed(&self) -> PathBuf {
        self.with(".wav")
    }

    /// The part when it cannot be read in full and is kept for somebody to look at.
    pub(crate) fn damaged(&self) -> PathBuf {
        self.with(".damaged")
    }

    /// The day's folder.
    pub(crate) fn day(&self) -> &Path {
        self.stem.parent().unwrap_or(&self.stem)
    }

    fn with(&self, ending: &str) -> PathBuf {
        let mut path = self.stem.clone().into_os_string();
        path.push(ending);
        path.into()
    }
}

/// Options that open a file for reading and writing, made where it is missing and emptied.
pub(crate) fn emptied() -> OpenOptions {
    let mut options = writable();
    options.truncate(true);
    options
}

/// Whether a name is a day's, such as `2026-11-22`.
fn is_day(name: &str) -> bool {
    let form = |(at, octet): (usize, u8)| match at {
        4 | 7 => octet == b'-',
        _ => octet.is_ascii_digit(),
    };
    name.len() == 10 && name.bytes().enumerate().all(form)
}

fn writable() -> OpenOptions {
    let mut options = File::options();
    options.read(true).write(true).create(true).mode(FILE_MODE);
    options
}

fn exclusive() -> OpenOptions {
    let mut options = File::options();
    options.write(true).create_new(true).mode(FILE_MODE);
    options
}
