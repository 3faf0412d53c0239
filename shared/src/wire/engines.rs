//! Owns how engines are told of: their kinds, what this host has of them, and the one that somebody started by hand.
//! Must not know the engines.

use crate::engine::{EngineInfo, EngineKind, Launch, Parameter, Phase};
use crate::plan::EnginePlan;
use serde::{Deserialize, Serialize};

/// Most lines of an engine's log that are told.
pub const MAX_TOLD_LINES: usize = 500;

/// One kind of engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngineRow {
    /// Which.
    pub kind: EngineKind,
    /// The words that name it.
    pub label: String,
    /// How the agent can start it; in no way where it starts it by itself, or only attaches it.
    pub launches: Vec<Launch>,
    /// A server of this kind that runs already can be measured.
    pub by_url: bool,
    /// Its parameters; none of one that is only attached.
    pub parameters: Vec<Parameter>,
}

/// What a host has for engines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostEngines {
    /// Its GPUs.
    pub gpus: Vec<GpuRow>,
    /// Why there is no GPU in the list, as a sentence.
    pub no_gpus: Option<String>,
    /// Why nothing can be started in a container, as a sentence.
    pub no_docker: Option<String>,
    /// Each place where a kind of engine was looked for.
    pub found: Vec<FoundRow>,
    /// When that was looked for, Unix ms; absent where nobody has looked yet.
    pub looked_unix_ms: Option<u64>,
}

/// One GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuRow {
    /// The driver's number for it.
    pub index: u32,
    /// Its type.
    pub name: Option<String>,
    /// All of its memory, bytes.
    pub memory_bytes: Option<u64>,
    /// Memory in use by anybody, bytes.
    pub used_bytes: Option<u64>,
}

/// A place where a kind of engine was looked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundRow {
    /// The kind.
    pub kind: EngineKind,
    /// How it would be started.
    pub launch: Launch,
    /// The program with its path, the environment, or the image.
    pub place: String,
    /// Whether it is there.
    pub presence: Presence,
}

/// Whether something is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is there and was asked for its version, which takes a while.
    Asked,
    /// It is there, and what version it says it is.
    Found(Option<String>),
    /// It is not; the sentence says how to bring it.
    Missing(String),
    /// It could not be found out; the sentence says why.
    Unknown(String),
}

/// How far an engine that was started by hand has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartedState {
    /// It has not generated a token yet.
    Starting,
    /// It answers.
    Ready,
    /// It is on its way down, as somebody asked.
    Stopping,
    /// It is gone, as somebody asked.
    Stopped,
    /// It is gone, and nobody asked.
    Failed,
}

impl StartedState {
    /// The words that pages show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            StartedState::Starting => "starting",
            StartedState::Ready => "ready",
            StartedState::Stopping => "stopping",
            StartedState::Stopped => "stopped",
            StartedState::Failed => "failed",
        }
    }

    /// True where nothing of it is left.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, StartedState::Stopped | StartedState::Failed)
    }
}

/// An engine that somebody started by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StartedEngine {
    /// Counts the engines that this agent started by hand.
    pub number: u32,
    /// What was asked for; secrets stand in it by name only.
    pub engine: EnginePlan,
    /// How far it has come.
    pub state: StartedState,
    /// When it was started, Unix ms.
    pub begun_unix_ms: u64,
    /// When it came to its state, Unix ms.
    pub since_unix_ms: u64,
    /// Where it is reached, once its process runs.
    pub url: Option<String>,
    /// What is known of it so far; all of it once it is ready.
    pub info: EngineInfo,
    /// The phase that its start is in.
    pub phase: Phase,
    /// How much of that phase is done, where its log says so.
    pub percent: Option<u8>,
    /// Memory of the host that its processes hold, bytes; absent where that cannot be told, as of a container.
    pub memory_bytes: Option<u64>,
    /// Memory of devices that its processes hold, bytes; absent where the driver does not tell.
    pub device_bytes: Option<u64>,
    /// Why it is gone, or what it left behind, as a sentence.
    pub reason: Option<String>,
}

/// A part of an engine's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPart {
    /// The engine's number.
    pub number: u32,
    /// Lines of it before these; those that the receiver has not got are no longer kept.
    pub before: u64,
    /// The lines, oldest first.
    pub lines: Vec<String>,
}

/// What there is to see of engines, and what their log says since the receiver was told last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EnginesNow {
    /// What the host has.
    pub host: HostEngines,
    /// The engine that was started by hand last, also when it is over.
    pub started: Option<StartedEngine>,
    /// Its log, from where the receiver is.
    pub log: LogPart,
}

/// The log of an engine as a receiver keeps it: the last lines, and how many came before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptLog {
    number: u32,
    /// Lines before those that are kept.
    pub before: u64,
    /// The last ones, oldest first, at most [`MAX_TOLD_LINES`].
    pub lines: std::collections::VecDeque<String>,
}

impl KeptLog {
    /// The log of another engine, which has said nothing yet.
    #[must_use]
    pub fn of(number: u32) -> Self {
        Self { number, ..Self::default() }
    }

    /// Adds a line; the oldest goes where there are too many.
    pub fn push(&mut self, line: String) {
        if self.lines.len() == MAX_TOLD_LINES {
            self.lines.pop_front();
            self.before += 1;
        }
        self.lines.push_back(line);
    }

    /// Lines so far, kept or not.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.before + self.lines.len() as u64
    }

    /// What comes after the first `seen` lines of the engine of this number; all that is kept for another one.
    #[must_use]
    pub fn after(&self, number: u32, seen: u64) -> LogPart {
        let seen = if number == self.number { seen.clamp(self.before, self.end()) } else { self.before };
        let skipped = usize::try_from(seen - self.before).unwrap_or(usize::MAX);
        LogPart { number: self.number, before: seen, lines: self.lines.iter().skip(skipped).cloned().collect() }
    }

    /// Takes a part; one of another engine, or with a hole before it, takes the place of what was kept.
    pub fn take(&mut self, part: LogPart) {
        if part.number != self.number || part.before != self.end() {
            *self = Self { number: part.number, before: part.before, lines: Default::default() };
        }
        part.lines.into_iter().for_each(|line| self.push(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(number: u32, lines: u64) -> KeptLog {
        let mut log = KeptLog::of(number);
        (0..lines).for_each(|n| log.push(n.to_string()));
        log
    }

    fn check(told: &KeptLog, (number, seen): (u32, u64), before: u64, lines: usize) {
        let part = told.after(number, seen);
        assert_eq!((part.before, part.lines.len()), (before, lines));
    }

    #[test]
    fn a_receiver_is_told_what_it_has_not_got() {
        let log = written(2, 3);
        check(&log, (2, 0), 0, 3);
        check(&log, (2, 2), 2, 1);
        check(&log, (2, 3), 3, 0);
        check(&log, (2, 9), 3, 0);
        check(&log, (1, 2), 0, 3);
        let log = written(2, 700);
        check(&log, (2, 100), 200, 500);
        check(&log, (2, 699), 699, 1);
    }

    #[test]
    fn a_receiver_keeps_what_its_teller_keeps() {
        let mut kept = KeptLog::default();
        for told in [written(1, 2), written(1, 2), written(1, 600), written(1, 1300), written(2, 1), written(3, 0)] {
            kept.take(told.after(kept.number, kept.end()));
            assert_eq!(kept, told);
        }
    }
}
