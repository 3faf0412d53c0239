//! Owns what an import says of each file that was handed in.
//! Must not know how files are read.

use crate::ids::RunId;
use serde::{Deserialize, Serialize};

/// What became of the files, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// The files.
    pub files: Vec<ImportedFile>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedFile {
    /// Its name as it was handed in, folders included.
    pub name: String,
    /// What became of it.
    pub fate: FileFate,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFate {
    /// Its figures are in these runs, which are new.
    Imported {
        /// The runs.
        runs: Vec<RunId>,
    },
    /// It was imported before; nothing changed.
    Known {
        /// The runs that have its figures.
        runs: Vec<RunId>,
    },
    /// It was not taken.
    Refused {
        /// Why, as a sentence.
        why: String,
    },
}

impl ImportReport {
    /// The runs that are new, each once, in the order of the files.
    #[must_use]
    pub fn new_runs(&self) -> Vec<&RunId> {
        let mut new: Vec<&RunId> = Vec::new();
        for file in &self.files {
            if let FileFate::Imported { runs } = &file.fate {
                runs.iter().for_each(|run| {
                    if !new.contains(&run) {
                        new.push(run)
                    }
                });
            }
        }
        new
    }
}
