//! Owns one trial of ours in a process of its own: the load generator of runs, its records, and the window it says.
//! Must not know what any other tool does, nor what was true.

use super::level::Level;
use super::timeline::Timeline;
use crate::bench::clock::SharedClock;
use crate::cores;
use crate::load::{self, Arrivals, Clock, Limits, LoadError, LoadEvent, Request, Stop, Target, TrialSpec, Work};
use crate::record::{RequestRecord, Window};
use crate::stream::Protocol;
use anyhow::{Context, ensure};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use shared::plan::Arrival;
use shared::units::NS_PER_S;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// What the process of a trial is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    /// The server's host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The model that it is asked for.
    pub model: String,
    /// What the prompts are.
    pub prompts: Vec<String>,
    /// What is asked.
    pub level: Level,
    /// The core to be bound to.
    pub core: Option<usize>,
}

/// What a trial of ours saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The trial's beginning, ns of `CLOCK_MONOTONIC`: zero of all its other times.
    pub begin_ns: u64,
    /// When its window opened and ended, and when the last request did, µs.
    pub window_us: (Option<u64>, Option<u64>, u64),
    /// Its requests.
    pub requests: Vec<Timeline>,
}

impl Seen {
    /// The window as figures take it.
    pub fn window(&self) -> Window {
        let ns = |us: u64| us * 1000;
        let (start, end, load_end) = self.window_us;
        Window {
            start_ns: start.map(ns),
            end_ns: end.map(ns),
            load_end_ns: ns(load_end),
            by_count: true,
            arrival: Arrival::Closed,
        }
    }
}

impl Order {
    /// Has a process of its own run the trial.
    ///
    /// # Errors
    /// Where it cannot be started or fails.
    pub fn in_a_process(&self) -> anyhow::Result<Seen> {
        let child = Command::new(std::env::current_exe()?)
            .args(["bench", "parity", "--one-trial", &serde_json::to_string(self)?])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("the process of a trial cannot be started")?;
        ensure!(child.status.success(), "a trial of {} failed ({}); see above", self.level, child.status);
        serde_json::from_slice(&child.stdout).context("a trial's result is not readable")
    }

    /// Runs the trial in this process and writes what it saw to standard output.
    ///
    /// # Errors
    /// Where the process cannot be bound to its core, or no load can be made.
    pub fn here(self) -> anyhow::Result<()> {
        if let Some(core) = self.core {
            cores::bind(core)?;
        }
        let shared_clock = SharedClock::new()?;
        let clock = Clock::starting_now();
        let offset_ns = shared_clock.offset_of(|| clock.now_ns());
        let seen = seen(self.spec(), clock, offset_ns)?;
        std::io::stdout().write_all(&serde_json::to_vec(&seen)?)?;
        Ok(())
    }

    fn spec(self) -> TrialSpec {
        let Self { host, port, model, prompts, level, .. } = self;
        let limit_ns = 120 * NS_PER_S;
        let body = move |id: u64| {
            let prompt = prompts.get(id as usize).map_or("pace", String::as_str);
            let asked = serde_json::json!({
                "model": model, "prompt": prompt, "max_tokens": level.tokens, "temperature": 0, "stream": true,
                "ignore_eos": true, "stream_options": {"include_usage": true}
            });
            Bytes::from(asked.to_string())
        };
        TrialSpec {
            target: Target {
                tls: false,
                host,
                port,
                path: "/v1/completions".to_owned(),
                headers: Vec::new(),
                protocol: Protocol::OpenAiCompletions,
            },
            arrivals: Arrivals::Closed(level.streams),
            stop: Stop::Requests(level.requests()),
            warmup_ns: 0,
            limits: Limits {
                connect_ns: limit_ns,
                first_token_ns: limit_ns,
                idle_ns: limit_ns,
                total_ns: limit_ns,
                drain_ns: limit_ns,
            },
            first_id: 0,
            work: Arc::new(move |place| Work {
                requests: vec![Request { body: body(place.id), expect_output_tokens: level.tokens }],
                think_ns: 0,
            }),
        }
    }
}

/// Runs a trial; times of its clock are shown on the one that `offset_ns` leads to.
fn seen(spec: TrialSpec, clock: Clock, offset_ns: i64) -> Result<Seen, LoadError> {
    let mut handle = load::start(spec, clock)?;
    let mut records: Vec<RequestRecord> = Vec::new();
    let end = loop {
        match handle.events.blocking_recv() {
            Some(LoadEvent::WindowOpened { .. }) => {}
            Some(LoadEvent::Progress(progress)) => records.extend(progress.ended),
            Some(LoadEvent::Done(end)) => break end,
            None => return Err(LoadError::Ended),
        }
    };
    records.sort_unstable_by_key(|record| record.id);
    // A connection may be opened before its request is due.
    let opened_ns = |record: &RequestRecord| record.sent_ns?.checked_sub(record.connect_ns?);
    let first_ns = records.iter().flat_map(|record| [Some(record.sched_ns), opened_ns(record)]).flatten().min();
    let begin_ns = first_ns.unwrap_or(0);
    let us = |t_ns: u64| t_ns.saturating_sub(begin_ns) / 1000;
    Ok(Seen {
        begin_ns: begin_ns.saturating_add_signed(offset_ns),
        window_us: (end.window_start_ns.map(us), end.window_end_ns.map(us), us(end.load_end_ns)),
        requests: records.iter().filter_map(|record| Timeline::of(record, begin_ns)).collect(),
    })
}
