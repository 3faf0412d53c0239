//! Owns what is told of a damaged log, and kept beside it for as long as it lies there.
//! Must not know how it was read.

use super::take::Taken;
use crate::files::{folder_of, sync_folder};
use crate::wall_clock::unix_ms;
use serde::{Deserialize, Serialize};
use shared::calendar;
use std::fmt;
use std::io::{Error, Result, Write};
use std::path::{Path, PathBuf};

/// When a log was set aside, as a part of file names: `20261127T130509Z`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    text: String,
    /// The same, Unix ms.
    pub unix_ms: u64,
}

impl Stamp {
    /// Now, or the first second after it whose names are free.
    pub fn now(log: &Path) -> Self {
        let now = unix_ms() / 1_000;
        let stamps = (now..).map(Self::of);
        stamps.into_iter().find(|stamp| !report_path(log, stamp).exists()).unwrap_or_else(|| Self::of(now))
    }

    fn of(seconds: u64) -> Self {
        let since_1970 = i64::try_from(seconds).unwrap_or(0);
        let ((year, month, day), (hour, minute, second)) = calendar::date_and_clock(since_1970);
        let text = format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z");
        Self { text, unix_ms: seconds * 1_000 }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A log that was damaged and set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// The damaged file's name in the data directory.
    pub file: String,
    /// When it was set aside, Unix ms.
    pub at_unix_ms: u64,
    /// What was wrong with it, as the end of a sentence.
    pub what: String,
    /// What could be read of it.
    pub taken: Taken,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Taken { runs, events, lost_runs, behind_gaps, cut_off, ended_grants } = self.taken;
        write!(f, "The log was damaged ({}). ", self.what)?;
        let counted = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let read = [counted(runs, "run"), counted(events, "event")].join(", ");
        write!(f, "What could be read of it is in the log that is used now: {read}")?;
        let missing = [
            (cut_off, format!("{cut_off} without an end, marked as interrupted")),
            (behind_gaps, format!("{} behind a gap, left out", counted(behind_gaps, "event"))),
            (lost_runs, format!("{} without its beginning, left out", counted(lost_runs, "further run"))),
        ];
        for (_, said) in missing.iter().filter(|(n, _)| *n > 0) {
            write!(f, "; {said}")?;
        }
        write!(f, ". Of what could not be read at all nothing is known.")?;
        if ended_grants > 0 {
            write!(
                f,
                " Named tokens and links were ended ({ended_grants}), for that one was revoked may be lost: make them anew."
            )?;
        }
        write!(f, " The damaged file is kept as {} in the data directory; a backup may have more.", self.file)
    }
}

/// Where the report on a damaged log lies.
fn report_path(log: &Path, stamp: &Stamp) -> PathBuf {
    log.with_extension(format!("damaged-{stamp}.json"))
}

impl Damage {
    /// Writes it beside the log, and onto the disk.
    pub(super) fn write(&self, log: &Path, stamp: &Stamp) -> Result<()> {
        let path = report_path(log, stamp);
        let mut file = std::fs::File::create(&path)?;
        file.write_all(&serde_json::to_vec_pretty(self).map_err(Error::other)?)?;
        file.sync_all()?;
        sync_folder(folder_of(&path))
    }

    /// Reads it.
    pub(super) fn read(log: &Path, stamp: &Stamp) -> Result<Self> {
        serde_json::from_slice(&std::fs::read(report_path(log, stamp))?).map_err(Error::other)
    }
}

/// The stamps in names of files beside a log that begin and end like this, oldest first.
pub(super) fn stamps(log: &Path, begin: &str, end: &str) -> Result<Vec<Stamp>> {
    let stem = log.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let begin = format!("{stem}.{begin}");
    let mut stamps = Vec::new();
    for entry in std::fs::read_dir(folder_of(log))? {
        let name = entry?.file_name();
        let text = name.to_str().and_then(|name| name.strip_prefix(&begin)?.strip_suffix(end));
        // What the file itself says of its time is in the report.
        stamps.extend(text.map(|text| Stamp { text: text.to_owned(), unix_ms: 0 }));
    }
    stamps.sort();
    Ok(stamps)
}

/// The damaged logs that lie beside a log, the last first; each until somebody takes its report away.
#[must_use]
pub fn damages(log: &Path) -> Vec<Damage> {
    let stamps = stamps(log, "damaged-", ".json").unwrap_or_default();
    stamps.iter().rev().filter_map(|stamp| Damage::read(log, stamp).ok()).collect()
}
