//! Owns one kill: a run begun or gone on with, a random moment, SIGKILL, and what must hold afterwards.
//! Must not know how the agent keeps its promises.

use crate::engine_life::{entries, kill_9, supervisors_of};
use crate::stored::{self, Stored};
use crate::support::{Agent, alive, children_of, state};
use crate::witness::{Heard, Witness};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use shared::event::{Body, Event, RunState};
use shared::ids::RunId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A run on a small engine that ends by itself in about two seconds: its start, two levels, its end.
const PLAN: &str = r#"
schema = 1
name = "Killed"
[engine]
kind = "builtin"
[engine.params]
preset = "1m"
batch = 4
[workload]
input_tokens = 16
output_tokens = 8
[load]
concurrency = [1, 4]
duration_s = 0.8
"#;
/// The latest moment of a kill, after the run was taken.
const LATEST: Duration = Duration::from_millis(2_600);
/// Longest time until nobody is left, and until a run that goes on has ended. It only keeps a failing test from hanging.
const LIMIT: Duration = Duration::from_secs(60);

/// What a round was and came to.
#[derive(Debug)]
pub struct Seen {
    /// True where it began with a run that an earlier kill had cut off.
    pub resumed: bool,
    /// True where the process that watches the engine was killed together with the agent.
    pub with_supervisor: bool,
    /// When, after the run was taken.
    pub after: Duration,
    /// The state that the run was in, as stored.
    pub state: RunState,
    /// Events that a client had been sent by then.
    pub heard: usize,
    /// Events that were stored by then.
    pub stored: u64,
    /// Files of records that they name.
    pub blobs: usize,
    /// Processes of the agent that were there, and how long after the kill the last was gone.
    pub processes: usize,
    /// How long after the kill the last of them was gone.
    pub gone_after: Duration,
    /// The run's state once an agent had come back.
    pub then: RunState,
}

/// Rounds on one data directory: what an early one stored must outlive all later ones.
pub struct Rounds {
    agent: Agent,
    dir: tempfile::TempDir,
    rng: ChaCha8Rng,
    /// A run that was cut off and may go on.
    cut_off: Option<RunId>,
    /// Every run, with all that any client was sent of it.
    runs: BTreeMap<RunId, BTreeMap<u64, Event>>,
}

impl Rounds {
    /// An agent with an empty log.
    pub fn begin(rng: ChaCha8Rng) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let agent = Agent::start(dir.path());
        Self { agent, dir, rng, cut_off: None, runs: BTreeMap::new() }
    }

    /// One kill.
    pub async fn kill(&mut self) -> Seen {
        let goes_on = self.cut_off.take().filter(|_| self.rng.random_bool(0.5));
        let (resumed, with_supervisor) = (goes_on.is_some(), self.rng.random_bool(0.25));
        let run = match goes_on {
            Some(run) => {
                self.resume(&run).await;
                run
            }
            None => RunId::try_from(self.agent.submit(PLAN).await).unwrap(),
        };
        let taken = Instant::now();
        let witness = Witness::begin(self.agent.url.trim_start_matches("http://"), &run).await;
        let after = LATEST.mul_f64(self.rng.random_range(0.0..1.0));
        tokio::time::sleep(after.saturating_sub(taken.elapsed())).await;

        let after = taken.elapsed();
        let pids = descendants(self.agent.child.id().cast_signed());
        self.sigkill(with_supervisor);
        let gone_after = gone(&pids);
        let heard = witness.heard().await;
        self.agent = Agent::start(self.dir.path());
        assert_eq!(entries(self.dir.path()), 0, "the ledger still names an engine");

        let (state, then, stored, blobs) = self.verify(&run, &heard).await;
        self.runs.entry(run.clone()).or_default().extend(heard.events.clone());
        if then == RunState::Interrupted {
            self.cut_off = Some(run);
        }
        let heard = heard.events.len();
        let processes = pids.len();
        Seen { resumed, with_supervisor, after, state, heard, stored, blobs, processes, gone_after, then }
    }

    /// Ends the agent as nothing can prevent; where its engine's watcher goes too, neither can do anything about the other's
    /// death.
    fn sigkill(&mut self, with_supervisor: bool) {
        if with_supervisor {
            kill(Pid::from_raw(self.agent.child.id().cast_signed()), Signal::SIGSTOP).unwrap();
            supervisors_of(self.agent.child.id()).into_iter().for_each(kill_9);
        }
        self.agent.kill();
    }

    /// Everything that must hold once an agent is back.
    async fn verify(&self, run: &RunId, heard: &Heard) -> (RunState, RunState, u64, usize) {
        let stored = Stored::open(self.dir.path());
        stored.verify();
        let events = stored.events(run);
        assert!(heard.last_seq() <= last(&events), "a snapshot of {} events was acknowledged", heard.last_seq());
        for (of, heard) in self.runs.iter().chain([(run, &heard.events)]) {
            let events = stored.events(of);
            for (seq, event) in heard {
                assert_eq!(events.get(seq), Some(event), "event {seq} of {of} was acknowledged");
            }
        }
        let blobs = stored::verify_blobs(self.dir.path(), &events);

        // What the agent shows is what is stored: the run has ended, or is marked as cut off.
        let (status, view) = self.agent.get(&format!("/api/v1/runs/{run}")).await;
        assert_eq!((status, view["seq"].as_u64()), (200, Some(last(&events))));
        let states: Vec<(u64, RunState)> = events.iter().filter_map(|(seq, event)| Some((*seq, of(event)?))).collect();
        let (at, then) = *states.last().unwrap();
        assert_eq!(state(&view), then.label());
        assert!([RunState::Done, RunState::Interrupted].contains(&then), "{then:?}: {}", view["reason"]);
        if then == RunState::Done {
            return (then, then, at, blobs);
        }
        assert_eq!(at, last(&events), "something follows the mark");
        assert!(view["reason"].as_str().unwrap().contains("The agent ended in the middle"), "{}", view["reason"]);
        let before = states.iter().rev().nth(1).map_or(RunState::Queued, |(_, state)| *state);
        (if before.is_final() { RunState::Queued } else { before }, then, at - 1, blobs)
    }

    async fn resume(&self, run: &RunId) {
        let path = format!("/api/v1/runs/{run}/resume");
        let (status, said) = self.agent.post(&path, String::new(), "application/json").await;
        assert_eq!(status, 202, "{said}");
    }

    /// Has the last run that was cut off go on to its end.
    pub async fn finish(self) {
        let Some(run) = &self.cut_off else { return };
        self.resume(run).await;
        let ended = |view: &Value| ["done", "failed"].contains(&state(view));
        let view = self.agent.wait(run.as_str(), LIMIT, ended).await;
        assert_eq!(state(&view), "done", "{}", view["reason"]);
        let points: &Vec<Value> = view["points"].as_array().unwrap();
        assert!(points.iter().all(|point| point["summary"]["ok"].as_u64() > Some(0)), "{}", view["points"]);
    }
}

fn last(events: &BTreeMap<u64, Event>) -> u64 {
    events.last_key_value().map_or(0, |(seq, _)| *seq)
}

fn of(event: &Event) -> Option<RunState> {
    match event.body {
        Body::State { state, .. } => Some(state),
        _ => None,
    }
}

/// Every process that descends from this one.
fn descendants(pid: i32) -> Vec<i32> {
    let mut all = children_of(pid);
    let mut next = 0;
    while let Some(pid) = all.get(next).copied() {
        all.extend(children_of(pid));
        next += 1;
    }
    all
}

/// Waits until none of these lives; how long that took.
fn gone(pids: &[i32]) -> Duration {
    let begun = Instant::now();
    while pids.iter().any(|pid| alive(*pid)) {
        assert!(begun.elapsed() < LIMIT, "{:?} live", pids.iter().filter(|pid| alive(**pid)).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}
