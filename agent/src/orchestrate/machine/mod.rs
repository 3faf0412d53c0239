//! Owns what is seen of the host's GPUs and of the host while somebody looks, run or not: read for them and nobody else.
//! Must not know sockets, nor how anything is read.

mod audience;
mod board;
mod finder;

pub use board::MachineViewer;

use crate::load::Clock;
use crate::telemetry::{Found, Nvml, Reading, Told};
use board::Board;
use finder::Finder;
use shared::event::Body;
use shared::telemetry::Began;
use shared::view::MachineView;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Between two questions for GPUs that are missing.
const AGAIN: Duration = Duration::from_secs(30);
/// How long somebody who looks once waits for the first reads.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// Opens the driver's library.
type Driver = Arc<dyn Fn() -> Reading<Nvml> + Send + Sync>;

/// How the machine is looked at.
#[derive(Clone)]
pub struct Manner {
    /// Opens the driver's library.
    pub driver: Driver,
    /// Reads a second.
    pub rate_hz: f64,
    /// How long a driver may take to say which GPUs there are, before the host is read without them.
    pub patience: Duration,
    /// How long it is read for a viewer that has left.
    pub viewer_grace: Duration,
    /// How long it is read for somebody who has looked once: longer than a scraper takes to come back.
    pub look_grace: Duration,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            driver: Arc::new(Nvml::open),
            rate_hz: 1.0,
            patience: Duration::from_secs(5),
            viewer_grace: Duration::from_secs(10),
            look_grace: Duration::from_secs(150),
        }
    }
}

/// The machine as it is looked at; cloning gives another handle. Nothing is read any more once the last one is dropped.
#[derive(Clone)]
pub struct Machine {
    board: Arc<Board>,
    manner: Manner,
    _reader: Arc<Task>,
}

/// A task that ends when this is dropped.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Machine {
    /// Reads nothing before somebody looks. Needs a tokio runtime around it.
    #[must_use]
    pub fn start(manner: Manner) -> Self {
        let board = Arc::new(Board::default());
        let finder = Finder::of(Arc::clone(&manner.driver));
        let reader = Reader { board: Arc::clone(&board), finder, manner: manner.clone() };
        Self { board, manner, _reader: Arc::new(Task(tokio::spawn(reader.run()))) }
    }

    /// Somebody who looks for a while.
    #[must_use]
    pub fn watch(&self) -> MachineViewer {
        MachineViewer::of(Arc::clone(&self.board), self.manner.viewer_grace)
    }

    /// What is known now, for somebody who looks once and may be back. Where nobody looked before, it waits for the first
    /// reads, but no longer than 2 s.
    pub async fn look(&self) -> Option<MachineView> {
        // Counts as long as this waits, and for a while after.
        let _somebody = MachineViewer::of(Arc::clone(&self.board), self.manner.look_grace);
        self.board.look(Instant::now() + LOOK_LIMIT).await
    }
}

/// Reads while somebody looks.
struct Reader {
    board: Arc<Board>,
    finder: Finder,
    manner: Manner,
}

impl Reader {
    async fn run(mut self) {
        loop {
            self.board.somebody().await;
            self.stream().await;
            self.board.end();
        }
    }

    /// From the first who looks to the last, or until there is more to read.
    async fn stream(&mut self) {
        let (clock, rate_hz) = (Clock::starting_now(), self.manner.rate_hz);
        self.board.begin(clock);
        let found = timeout(self.manner.patience, self.finder.find(Instant::now())).await;
        let found = found.unwrap_or_else(|_| Found::none(self.no_answer()));
        let began = found.began(rate_hz);
        self.board.add(vec![Body::TelemetryBegan(began.clone())]);
        match Told::begin(found.sources(rate_hz), clock) {
            Ok((sampler, mut told)) => {
                self.read(&mut told, &began).await;
                drop(sampler);
                self.finder.after(told);
            }
            Err(error) => {
                tracing::error!(%error, "the machine cannot be read");
                let no_gpus = Some(format!("This host has no thread left to read its GPUs and itself with ({error})."));
                self.board.add(vec![Body::TelemetryBegan(Began { no_gpus, ..Began::default() })]);
                timeout(AGAIN, self.board.nobody()).await.ok();
            }
        }
    }

    /// Shows what is told until nobody looks, or until other GPUs are there than those that are read.
    async fn read(&mut self, told: &mut Told, began: &Began) {
        let mut again = Instant::now() + AGAIN;
        loop {
            tokio::select! {
                bodies = told.next(|_| {}) => match bodies {
                    Some(bodies) => self.board.add(bodies),
                    None => return,
                },
                () = self.board.nobody() => return,
                found = self.finder.find(again), if began.no_gpus.is_some() => {
                    if found.began(began.rate_hz) != *began {
                        return;
                    }
                    again = Instant::now() + AGAIN;
                }
            }
        }
    }

    fn no_answer(&self) -> String {
        let s = self.manner.patience.as_secs_f64();
        format!("The NVIDIA driver has not said within {s} s which GPUs there are: see nvidia-smi.")
    }
}
