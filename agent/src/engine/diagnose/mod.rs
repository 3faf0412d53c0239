//! Owns the root of an engine's failure: which of its last lines tells it, and never just the last one.
//! Must not know where lines come from.

mod cause;
mod signs;
#[cfg(test)]
mod tests;

pub use cause::Cause;

use crate::process::{Death, Ending, Failure};
use nix::sys::signal::Signal;
use signs::{POINTERS, SIGNS, Sign, is_marked, is_serious};

/// Longest quotation of a line, characters.
const MAX_QUOTED: usize = 400;

/// What is to be said of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The reason.
    pub cause: Cause,
    /// The line that tells it, as it stands in the log; absent where the log has none.
    pub line: Option<String>,
}

impl Diagnosis {
    /// What to do, and the line.
    #[must_use]
    pub fn sentence(&self) -> String {
        match &self.line {
            Some(line) => format!("{} Its log says: {line}", self.cause.advice()),
            None => self.cause.advice().to_owned(),
        }
    }
}

/// The root of an end, from the last lines of both outputs, oldest first.
#[must_use]
pub fn diagnose(lines: &[&str], ending: Option<Ending>) -> Diagnosis {
    let serious: Vec<&str> = lines.iter().copied().filter(|line| is_serious(line)).collect();
    if let Some((cause, line)) = SIGNS.iter().find_map(|sign| Some((sign.cause, first_of(sign, &serious)?))) {
        return Diagnosis { cause, line: Some(quoted(line)) };
    }
    let line = telling(&serious).or_else(|| telling(lines)).map(quoted);
    let killed = ending.and_then(Ending::signal) == Some(Signal::SIGKILL as i32);
    Diagnosis { cause: if killed { Cause::Killed } else { Cause::Unknown }, line }
}

/// The sentences for a death: what happened, why, and what to do.
#[must_use]
pub fn explain(death: &Death) -> String {
    let what = death.failure.to_string();
    reason(death).map_or_else(|| what.clone(), |why| format!("{what} {why}"))
}

/// Why an engine died and what to do; nothing where its failure's own sentence says it all.
#[must_use]
pub fn reason(death: &Death) -> Option<String> {
    let ending = match &death.failure {
        Failure::Exited(ending) => Some(*ending),
        Failure::TooSlow { .. } | Failure::Refused(_) | Failure::Unkillable { .. } => None,
        // Its log has nothing to do with it.
        Failure::Spawn(_) | Failure::PortTaken(_) | Failure::SupervisorLost | Failure::Unfollowed => return None,
    };
    let lines: Vec<&str> = death.lines.iter().map(|line| line.text.as_str()).collect();
    let diagnosis = diagnose(&lines, ending);
    // One that lives and says nothing of a fault: what the probe found is all that there is.
    let says_nothing = ending.is_none() && diagnosis.cause == Cause::Unknown;
    (!says_nothing).then(|| diagnosis.sentence())
}

/// The first line that bears a sign; of its groups the more telling one decides.
fn first_of<'a>(sign: &Sign, lines: &[&'a str]) -> Option<&'a str> {
    let bears = |line: &str, group: &[&str]| group.iter().all(|word| line.contains(word));
    sign.groups.iter().find_map(|group| lines.iter().copied().find(|line| bears(line, group)))
}

/// Where nothing is recognised: the last line that names an error and does not point elsewhere, else the last that is
/// marked as one, else the last.
fn telling<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let filled = || lines.iter().rev().copied().filter(|line| !line.trim().is_empty());
    let points = |line: &str| POINTERS.iter().any(|pointer| line.contains(pointer));
    let names = |line: &str| line.contains("Error") || line.contains("error:") || line.contains("panicked at");
    let names_one = filled().find(|line| names(line) && !points(line));
    names_one.or_else(|| filled().find(|line| is_marked(line) && !points(line))).or_else(|| filled().next())
}

fn quoted(line: &str) -> String {
    let line = line.trim();
    match line.char_indices().nth(MAX_QUOTED) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}
