//! Owns what everybody sees of engines: the host, the engine started by hand, its log; and who waits for changes.
//! Must not know how any of it is found out.

use crate::orchestrate::unix_ms;
use crate::process::Kin;
use crate::sync::lock;
use shared::engine::{EngineInfo, Phase};
use shared::plan::EnginePlan;
use shared::wire::{EnginesNow, HostEngines, KeptLog, StartedEngine, StartedState};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Between two messages to one who watches: more often cannot be read.
const PACE: Duration = Duration::from_millis(200);

/// What is shown, and who is woken when it changes.
#[derive(Default)]
pub(super) struct Board {
    shown: Mutex<Shown>,
    changed: watch::Sender<()>,
}

/// What is shown.
#[derive(Default)]
pub(super) struct Shown {
    pub host: HostEngines,
    pub started: Option<StartedEngine>,
    pub log: KeptLog,
    /// The engine's processes, which are not shown but asked what they use.
    pub kin: Option<Kin>,
}

impl Shown {
    /// Notes that the engine has come to another state.
    pub fn state(&mut self, state: StartedState, reason: Option<String>) {
        if let Some(started) = &mut self.started {
            (started.state, started.since_unix_ms, started.reason) = (state, unix_ms(), reason);
            if state.is_over() {
                (started.memory_bytes, started.device_bytes) = (None, None);
            }
        }
    }
}

impl Board {
    /// Changes what is shown.
    pub fn change<T>(&self, does: impl FnOnce(&mut Shown) -> T) -> T {
        let value = does(&mut self.lock());
        self.changed.send_replace(());
        value
    }

    /// Reads what is shown.
    pub fn read<T>(&self, does: impl FnOnce(&Shown) -> T) -> T {
        does(&self.lock())
    }

    /// Another engine begins.
    pub fn begin(&self, engine: &EnginePlan) -> StartedEngine {
        let now = unix_ms();
        self.change(|shown| {
            let number = shown.started.as_ref().map_or(0, |last| last.number) + 1;
            let started = StartedEngine {
                number,
                engine: engine.clone(),
                state: StartedState::Starting,
                begun_unix_ms: now,
                since_unix_ms: now,
                url: None,
                info: EngineInfo {
                    label: engine.kind.label().to_owned(),
                    model: engine.model.clone().unwrap_or_default(),
                    ..EngineInfo::default()
                },
                phase: Phase::Process,
                percent: None,
                memory_bytes: None,
                device_bytes: None,
                reason: None,
            };
            (shown.log, shown.kin) = (KeptLog::of(number), None);
            shown.started = Some(started.clone());
            started
        })
    }

    /// All of it, the log after what the asker has.
    pub fn now(&self, number: u32, seen: u64) -> EnginesNow {
        self.read(|shown| EnginesNow {
            host: shown.host.clone(),
            started: shown.started.clone(),
            log: shown.log.after(number, seen),
        })
    }

    /// True where somebody watches.
    pub fn is_watched(&self) -> bool {
        self.changed.receiver_count() > 0
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        lock(&self.shown)
    }
}

/// Somebody who is told of every change, and of each line of the log once.
pub struct Watching {
    board: Arc<Board>,
    changed: watch::Receiver<()>,
    /// Something is to be told.
    due: bool,
    not_before: Instant,
    number: u32,
    seen: u64,
}

impl Watching {
    pub(super) fn of(board: Arc<Board>) -> Self {
        let changed = board.changed.subscribe();
        Self { board, changed, due: true, not_before: Instant::now(), number: 0, seen: 0 }
    }

    /// What there is to see once it has changed; all of it at the first time. Dropping the future loses nothing.
    pub async fn next(&mut self) -> EnginesNow {
        if !self.due {
            // The board holds the sender, and this holds the board.
            self.due = self.changed.changed().await.is_ok();
        }
        tokio::time::sleep_until(self.not_before).await;
        self.changed.mark_unchanged();
        (self.due, self.not_before) = (false, Instant::now() + PACE);
        let now = self.board.now(self.number, self.seen);
        (self.number, self.seen) = (now.log.number, now.log.before + now.log.lines.len() as u64);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::engine::EngineKind;

    #[tokio::test]
    async fn who_watches_hears_of_every_line_once_and_of_another_engine() {
        let board = Arc::new(Board::default());
        let (mut watching, mut kept) = (Watching::of(Arc::clone(&board)), KeptLog::default());
        assert_eq!(watching.next().await, EnginesNow::default());
        for engine in 1..3u32 {
            let started = board.begin(&EnginePlan::of(EngineKind::Builtin));
            assert_eq!(started.number, engine);
            for line in 0..700 {
                board.change(|shown| shown.log.push(line.to_string()));
                if line % 300 == 0 {
                    // A wait that is given up loses nothing.
                    assert!(tokio::time::timeout(Duration::ZERO, watching.next()).await.is_err());
                    kept.take(watching.next().await.log);
                }
            }
            let now = watching.next().await;
            assert_eq!(now.started.map(|started| started.number), Some(engine));
            kept.take(now.log);
            board.read(|shown| assert_eq!(shown.log, kept));
        }
        assert!(tokio::time::timeout(2 * PACE, watching.next()).await.is_err());
    }
}
