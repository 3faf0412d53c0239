//! Owns one trial of the bench in a process of its own, so that its CPU time and memory are the client's alone.
//! Must not know the truth that it is compared with.

use super::clock::SharedClock;
use super::sampling::Sampling;
use super::scenario::{Load, Scenario};
use super::{host, raw};
use crate::cores;
use crate::load::{
    self, Arrivals, Clock, Limits, LoadError, LoadEvent, Request, Schedule, Stop, Target, TrialSpec, Work,
};
use crate::record::{RequestRecord, Samples};
use crate::stream::Protocol;
use anyhow::{Context, ensure};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use shared::outcome::Outcome;
use shared::telemetry::Observer;
use shared::units::{NS_PER_S, s_to_ns};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Who reads the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reader {
    /// The load generator that runs use.
    LoadGenerator,
    /// Sockets read by a loop that only counts event ends.
    Raw,
}

/// What a trial is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// Who reads.
    pub reader: Reader,
    /// The pacing server.
    pub server: SocketAddr,
    /// What is asked.
    pub scenario: Scenario,
    /// The core to be bound to.
    pub core: Option<usize>,
    /// Also sample GPUs, host and the server's page, so many times a second, as a run does.
    pub sampling_hz: Option<f64>,
}

impl Order {
    /// Has a process of its own run the trial; what it inherits besides can be named.
    ///
    /// # Errors
    /// Where it cannot be started or fails.
    pub fn in_a_process(&self, env: &[(&str, &Path)]) -> anyhow::Result<Seen> {
        let child = Command::new(std::env::current_exe()?)
            .args(["bench", "client", "--one-trial", &serde_json::to_string(self)?])
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("the process of a trial cannot be started")?;
        ensure!(child.status.success(), "a trial of {} failed ({}); see above", self.scenario.name, child.status);
        rmp_serde::from_slice(&child.stdout).context("a trial's result is not readable")
    }
}

/// What a trial saw. Times are ns of `CLOCK_MONOTONIC`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Requests that ended well.
    pub requests: Vec<SeenRequest>,
    /// Requests begun.
    pub attempted: u64,
    /// What the first one that failed said.
    pub first_error: Option<String>,
    /// Most requests in flight.
    pub in_flight_peak: u32,
    /// CPU time of the process during the trial, ns.
    pub cpu_ns: u64,
    /// Most memory held, bytes.
    pub peak_memory_bytes: Option<u64>,
    /// The reader's own lateness in sending at the 99th percentile, ms.
    pub late_p99_ms: Option<f64>,
    /// How late its loop's turns came, 99th percentile, ms.
    pub lag_p99_ms: Option<f64>,
    /// What sampling cost, where there was any.
    pub observer: Option<Observer>,
}

/// One request as its reader saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SeenRequest {
    /// Its number.
    pub id: u64,
    /// When it was due.
    pub due_ns: u64,
    /// When it was sent.
    pub sent_ns: u64,
    /// When each chunk arrived.
    pub chunks_ns: Vec<u64>,
}

/// The body of a request: the pacing server enters the number in its account.
pub(super) fn body(id: u64, scenario: &Scenario) -> String {
    // A word of five bytes is about a token.
    let (tokens, more) = (scenario.tokens, " word".repeat(scenario.prompt_tokens as usize));
    format!(
        r#"{{"model":"pacer","prompt":"request-{id} pace{more}","max_tokens":{tokens},"temperature":0,"stream":true,"ignore_eos":true}}"#
    )
}

/// Runs one trial in this process.
///
/// # Errors
/// Where the process cannot be prepared or the reader fails.
pub(super) fn run(order: &Order) -> anyhow::Result<Seen> {
    if let Some(core) = order.core {
        cores::bind(core)?;
    }
    let clock = SharedClock::new()?;
    let before_ns = host::cpu_ns()?;
    let sampling = order.sampling_hz.map(|hz| Sampling::start(hz, order.server)).transpose()?;
    let mut seen = match order.reader {
        Reader::LoadGenerator => by_load_generator(order, clock)?,
        Reader::Raw => raw::read(order, clock)?,
    };
    seen.observer = sampling.map(Sampling::end);
    seen.cpu_ns = host::cpu_ns()? - before_ns;
    seen.peak_memory_bytes = host::peak_memory_bytes();
    Ok(seen)
}

fn by_load_generator(order: &Order, shared_clock: SharedClock) -> Result<Seen, LoadError> {
    let clock = Clock::starting_now();
    let offset_ns = shared_clock.offset_of(|| clock.now_ns());
    let scenario = order.scenario.clone();
    let (arrivals, stop) = match scenario.load {
        Load::Streams { streams, requests } => (Arrivals::Closed(streams), Stop::Requests(requests)),
        Load::Rate { rate, seconds } => {
            let schedule = Schedule::Constant(rate);
            (Arrivals::Open { schedule, seed: 0, max_in_flight: None }, Stop::DurationNs(s_to_ns(seconds)))
        }
    };
    let limit_ns = 60 * NS_PER_S;
    let spec = TrialSpec {
        target: Target {
            tls: false,
            host: order.server.ip().to_string(),
            port: order.server.port(),
            path: "/v1/completions".to_owned(),
            headers: Vec::new(),
            protocol: Protocol::OpenAiCompletions,
        },
        arrivals,
        stop,
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
            requests: vec![Request {
                body: Bytes::from(body(place.id, &scenario)),
                expect_output_tokens: scenario.tokens,
            }],
            think_ns: 0,
        }),
    };
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
    let p99_ms = |ok_ns| Samples { ok_ns, ..Samples::default() }.distribution().p99.ms();
    let (late_p99_ms, lag_p99_ms) = (p99_ms(end.client.send_late_ns), p99_ms(end.client.loop_lag_ns));
    let mono = |t_ns: u64| t_ns.saturating_add_signed(offset_ns);
    // What a schedule keeps up after its window is cut, and no failure.
    let cut = records.iter().filter(|r| r.outcome == Outcome::Cancelled).count();
    let good = records.iter().filter(|r| r.outcome.is_ok());
    Ok(Seen {
        attempted: (records.len() - cut) as u64,
        first_error: records
            .iter()
            .find(|r| !r.outcome.is_ok() && r.outcome != Outcome::Cancelled)
            .map(|r| r.error.clone().unwrap_or_default()),
        in_flight_peak: end.in_flight_peak,
        late_p99_ms,
        lag_p99_ms,
        requests: good
            .filter_map(|r| {
                let chunks_ns = r.chunks.iter().map(|c| mono(c.t_ns)).collect();
                Some(SeenRequest { id: r.id, due_ns: mono(r.sched_ns), sent_ns: mono(r.sent_ns?), chunks_ns })
            })
            .collect(),
        ..Seen::default()
    })
}
