//! Owns the reading of files of prompts: which format, how large, and a sentence where one is refused.
//! Must not know how prompts become requests.

mod jsonl;
mod sharegpt;

use super::WorkloadRefused;
use super::prompts::{Entry, Said};
use shared::workload::{TaskPrompt, parse_prompts};
use std::fs::File;
use std::io::Read;

/// Longest file of prompts or trace that is read, bytes: it is held in memory for the whole run.
pub(super) const MAX_FILE_BYTES: u64 = 64 << 20;

/// The prompts of a file, by its ending. In sessions each message of the user is a turn.
pub(super) fn entries(path: &str, in_sessions: bool) -> Result<Vec<Entry>, WorkloadRefused> {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let read = || text(path, "workload.file");
    let entries = match ending.as_deref() {
        Some("txt") => parse_prompts(&read()?)?.into_iter().map(plain).collect(),
        Some("jsonl") => jsonl::entries(path, &read()?, in_sessions)?,
        Some("json") => sharegpt::entries(path, &read()?)?,
        _ => return Err(WorkloadRefused::Ending(path.to_owned())),
    };
    if entries.is_empty() { Err(WorkloadRefused::Empty(path.to_owned(), "prompt")) } else { Ok(entries) }
}

/// A prompt of a line of plain text.
pub(super) fn plain(prompt: TaskPrompt) -> Entry {
    Entry { said: Said::Text(prompt.text), output_tokens: None }
}

/// A file's text without byte-order mark, bounded.
pub(super) fn text(path: &str, field: &'static str) -> Result<String, WorkloadRefused> {
    let refused = |source| WorkloadRefused::File { path: path.to_owned(), field, source };
    let mut text = String::new();
    // One byte more than is allowed, so that a longer file is refused and never cut.
    File::open(path).map_err(refused)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(refused)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(WorkloadRefused::TooLarge { path: path.to_owned(), limit: MAX_FILE_BYTES });
    }
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// The lines of a file that hold something, with their numbers from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().zip(1..).map(|(line, number)| (number, line.trim())).filter(|(_, line)| !line.is_empty())
}

/// A refusal that names a line.
pub(super) fn at_line(path: &str, line: usize, problem: impl Into<String>) -> WorkloadRefused {
    WorkloadRefused::Content { path: path.to_owned(), place: format!("Line {line}"), problem: problem.into() }
}
