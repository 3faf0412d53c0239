//! Owns what has been handed in so far: each file read at once and forgotten but for its figures, so that memory is bounded
//! by the longest of them.
//! Must not know where files come from, nor the log.

use super::archive::Archive;
use super::events::{self, Item};
use super::format::Read;
use super::group::{self, Group};
use super::trial::Trial;
use super::{file, format, own};
use shared::ids::RunId;
use shared::source::SourceFile;
use shared::wire::{FileFate, ImportReport, ImportedFile};
use std::collections::BTreeMap;
use std::fs::File;

/// Most files of one import.
pub const MAX_FILES: usize = 10_000;
/// Most archives of one import: each keeps its file open.
const MAX_ARCHIVES: usize = 200;
/// Most trials of one import.
const MAX_TRIALS: usize = 10_000;

/// Files that were handed in together: those of one sweep become one run.
#[derive(Default)]
pub struct Intake {
    files: Vec<SourceFile>,
    read: Vec<Result<Read, String>>,
    /// Archives whose every byte is what it should be, by their names.
    archives: Vec<(String, Archive)>,
    /// Files that nobody could read.
    lost: Vec<ImportedFile>,
    trials: usize,
}

/// A run that is to be stored, and the files that it is made of by their places.
pub(super) struct Made {
    pub run: RunId,
    pub items: Vec<Item>,
    pub files: Vec<usize>,
}

impl Intake {
    /// Takes one file in. Blocks while it is read.
    pub fn take(&mut self, name: &str, bytes: &[u8]) {
        let noted = file::noted(name, bytes);
        if self.files.len() >= MAX_FILES {
            return self.lose(name, format!("There are more than {MAX_FILES} files: import them in parts."));
        }
        let twin = self.files.iter().find(|file| file.sha256 == noted.sha256);
        let read = match twin {
            Some(twin) => Err(format!("It has the same bytes as {}, which stands for both.", twin.name)),
            None => format::read(bytes, &group::sweep_folder(&noted.name)),
        };
        self.trials += match &read {
            Ok(Read::Trials(trials)) => trials.len(),
            Ok(Read::Runs(runs)) => runs.iter().map(|run| run.trials.len()).sum(),
            Err(_) => 0,
        };
        let read = if self.trials > MAX_TRIALS {
            Err(format!("There are more than {MAX_TRIALS} measurements: import the files in parts."))
        } else {
            read
        };
        self.files.push(noted);
        self.read.push(read);
    }

    /// Takes an archive in, which is read to its end and kept where it is. Blocks while it is read.
    pub fn take_archive(&mut self, name: &str, file: File) {
        let archive = match Archive::open(file) {
            _ if self.archives.len() >= MAX_ARCHIVES => {
                Err(format!("There are more than {MAX_ARCHIVES} archives: import them in parts."))
            }
            opened => opened,
        };
        match archive {
            Ok(archive) => self.archives.push((file::harmless_name(name), archive)),
            Err(why) => self.lose(name, why),
        }
    }

    /// The archives, which are stored as they are and not by their figures.
    pub(super) fn archives(&mut self) -> Vec<(String, Archive)> {
        std::mem::take(&mut self.archives)
    }

    /// Notes a file that could not be handed in, and why.
    pub fn lose(&mut self, name: &str, why: String) {
        // As many as can be taken, so that no list grows without end.
        if self.lost.len() < MAX_FILES {
            self.lost.push(ImportedFile { name: file::harmless_name(name), fate: FileFate::Refused { why } });
        }
    }

    /// The hashes of the files.
    pub(super) fn hashes(&self) -> Vec<String> {
        self.files.iter().map(|file| file.sha256.clone()).collect()
    }

    /// The runs of what is not `known` by its hash, created now with random ids, and what is to be said of every file so
    /// far: those that go into a run have no runs yet.
    pub(super) fn runs(self, known: &BTreeMap<String, Vec<RunId>>, now_unix_ms: u64) -> (Vec<Made>, Report) {
        let Self { files, read, mut lost, .. } = self;
        let mut fates: Vec<FileFate> = Vec::new();
        let mut made = Vec::new();
        let mut trials: Vec<(usize, Trial)> = Vec::new();
        for ((place, file), read) in files.iter().enumerate().zip(read) {
            fates.push(match (known.get(&file.sha256), read) {
                (Some(runs), _) => FileFate::Known { runs: runs.clone() },
                (None, Err(why)) => FileFate::Refused { why },
                (None, Ok(Read::Trials(of_file))) => {
                    trials.extend(of_file.into_iter().map(|trial| (place, trial)));
                    FileFate::Imported { runs: Vec::new() }
                }
                (None, Ok(Read::Runs(forms))) => {
                    for form in forms {
                        let run = RunId::new(now_unix_ms, rand::random());
                        let items = own::events(&run, &form, file);
                        made.push(Made { run, items, files: vec![place] });
                    }
                    FileFate::Imported { runs: Vec::new() }
                }
            });
        }
        let name = |place: usize| files.get(place).map(|file| file.name.clone()).unwrap_or_default();
        let (groups, contradictions) = group::groups(trials, name);
        for (place, why) in contradictions {
            fates[place] = FileFate::Refused { why };
        }
        for group in groups {
            match make(&group, now_unix_ms, &files) {
                Ok(run) => made.push(run),
                Err(why) => {
                    group.files().into_iter().for_each(|place| fates[place] = FileFate::Refused { why: why.clone() })
                }
            }
        }
        let taken = files.into_iter().zip(fates).map(|(file, fate)| ImportedFile { name: file.name, fate });
        let mut files: Vec<ImportedFile> = taken.collect();
        let places = files.len();
        files.append(&mut lost);
        (made, Report { files, places })
    }
}

fn make(group: &Group, now_unix_ms: u64, files: &[SourceFile]) -> Result<Made, String> {
    let run = RunId::new(now_unix_ms, rand::random());
    let items = events::events(&run, now_unix_ms, group, files)?;
    Ok(Made { run, items, files: group.files().into_iter().collect() })
}

/// What is said of the files, as runs are stored.
pub(super) struct Report {
    files: Vec<ImportedFile>,
    /// Files that have a place; behind them are those that could not be handed in.
    places: usize,
}

impl Report {
    /// Notes that a run was stored, or why not.
    pub(super) fn note(&mut self, made: &Made, stored: Result<(), String>) {
        for place in made.files.iter().filter(|place| **place < self.places) {
            let fate = &mut self.files[*place].fate;
            match (&stored, &mut *fate) {
                (Ok(()), FileFate::Imported { runs }) => runs.push(made.run.clone()),
                (Ok(()), _) => {}
                (Err(why), _) => *fate = FileFate::Refused { why: why.clone() },
            }
        }
    }

    /// Notes what became of an archive.
    pub(super) fn note_archive(&mut self, name: String, fate: FileFate) {
        self.files.push(ImportedFile { name, fate });
    }

    /// The report, files in the order of their names.
    pub(super) fn done(mut self) -> ImportReport {
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
        ImportReport { files: self.files }
    }
}
