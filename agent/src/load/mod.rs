//! Owns the load generator: arrivals, workers, connections, and the stamps of each read.
//! Must not know viewers, storage or statistics.

mod arrival;
mod busy;
mod clock;
mod control;
mod core;
mod dial;
mod dispatch;
mod engine;
mod exchange;
mod http1;
mod io;
mod lane;
mod limits;
mod live;
mod opening;
mod outcome;
mod policy;
mod reservoir;
mod socket;
mod thread;
mod timers;
mod window;
mod work;

pub use arrival::{Offsets, Schedule};
pub use clock::Clock;
pub use thread::start;

use crate::record::{ClientSide, RequestRecord};
use crate::secret::Secret;
use crate::stream::Protocol;
use bytes::Bytes;
use shared::event::TokenBin;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// True for https.
    pub tls: bool,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path and query of the request, from `/`.
    pub path: String,
    /// Headers beyond host, content type, accept and content length; they win over these.
    pub headers: Vec<(String, Secret)>,
    /// How the answer is spelled.
    pub protocol: Protocol,
}

/// Limits of one request, ns, and of the end of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// To open a connection, TLS included.
    pub connect_ns: u64,
    /// From sent to the first output.
    pub first_token_ns: u64,
    /// Between two chunks of output.
    pub idle_ns: u64,
    /// From sent to the end of the stream.
    pub total_ns: u64,
    /// From the end of a duration's window to the end of the requests sent in it.
    pub drain_ns: u64,
}

/// What ends a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// This many requests sent in the window; those sent before it opens are extra.
    Requests(u32),
    /// A window this long, ns; load stays on until the requests sent in it have ended.
    DurationNs(u64),
}

/// How requests come.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// This many slots, each refilled as soon as it is free.
    Closed(u32),
    /// This many at once, and the next ones when all have ended.
    Burst(u32),
    /// By a schedule, whatever the server does.
    Open {
        /// When they are due.
        schedule: Schedule,
        /// Seed of what is random in it.
        seed: u64,
        /// What is due beyond this many in flight waits.
        max_in_flight: Option<u32>,
    },
}

/// Which piece of work is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number within the trial, from 0.
    pub index: u64,
    /// Number of its first request within the run.
    pub id: u64,
}

/// A piece of work: one request, or several that follow one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The requests, at least one.
    pub requests: Vec<Request>,
    /// Pause between the end of one and the next, ns.
    pub think_ns: u64,
}

/// One request of a piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its body.
    pub body: Bytes,
    /// Output tokens that it asks for; fewer is `ok-short`. 0 where nothing is known.
    pub expect_output_tokens: u32,
}

/// Makes pieces of work in their order; called on a thread of its own, ahead of need.
pub type WorkFn = Arc<dyn Fn(Place) -> Work + Send + Sync>;

/// One trial.
#[derive(Clone)]
pub struct TrialSpec {
    /// Where requests go.
    pub target: Target,
    /// How they come.
    pub arrivals: Arrivals,
    /// What ends it.
    pub stop: Stop,
    /// Load before the window may open, ns.
    pub warmup_ns: u64,
    /// Limits.
    pub limits: Limits,
    /// Number of the first request; the others follow.
    pub first_id: u64,
    /// Makes pieces of work.
    pub work: WorkFn,
}

/// A trial under way. Dropping it cancels the trial.
#[derive(Debug)]
pub struct TrialHandle {
    /// What happens, up to and including [`LoadEvent::Done`]; closed without it where the load generator died.
    pub events: mpsc::Receiver<LoadEvent>,
    cancel: CancellationToken,
    _on_drop: DropGuard,
}

impl TrialHandle {
    /// Ends the trial at once; requests in flight end as cancelled and [`LoadEvent::Done`] still comes.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

/// What a trial reports.
#[derive(Clone, Debug, PartialEq)]
pub enum LoadEvent {
    /// Warm-up is over and the load level was reached.
    WindowOpened {
        /// When, ns of run time.
        t_ns: u64,
    },
    /// What happened since the last report.
    Progress(Progress),
    /// The trial is over; nothing follows.
    Done(TrialEnd),
}

/// About 100 ms of load. Reports add up: each token, record and ns in flight is in exactly one of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// When it was made, ns of run time.
    pub t_ns: u64,
    /// Tokens and time in flight by 100 ms of run time.
    pub bins: Vec<TokenBin>,
    /// Requests in flight.
    pub in_flight: u32,
    /// Requests that are due by a schedule and have no room yet.
    pub waiting: u32,
    /// Requests that ended.
    pub ended: Vec<RequestRecord>,
}

/// What a trial came to. Times are ns of run time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrialEnd {
    /// When the window opened; absent where the load level was never reached.
    pub window_start_ns: Option<u64>,
    /// By duration: start plus duration. By count: end of the saturated part, when a slot first found nothing more
    /// to send. Absent where the trial ended before that.
    pub window_end_ns: Option<u64>,
    /// When the last request ended.
    pub load_end_ns: u64,
    /// Most requests in flight at once, warm-up included.
    pub in_flight_peak: u32,
    /// Sum over requests of the time in flight within the window, ns.
    pub in_flight_ns_in_window: u64,
    /// What the load generator says of itself.
    pub client: ClientSide,
    /// The first request number that is free.
    pub next_id: u64,
    /// Requests that were due and never sent because the trial ended.
    pub unsent: u64,
    /// Reports that had to wait for a later one because the reader was behind; nothing in them is lost.
    pub dropped_progress: u64,
    /// True where somebody ended it.
    pub cancelled: bool,
}

/// Why a trial cannot be started, or ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A figure that makes no load.
    #[error("The trial asks for no load: {0} must be at least 1. Correct the plan.")]
    NoLoad(&'static str),
    /// The target's path is no request target.
    #[error("The path {0:?} cannot be requested; it must begin with / and have no spaces. Correct the engine's URL.")]
    Path(String),
    /// A header that HTTP does not allow.
    #[error("The request header {0:?} has a name or value that HTTP does not allow. Correct it in the plan.")]
    Header(String),
    /// TLS could not be set up.
    #[error("TLS could not be set up for {host}: {reason}. Check the host name, or use http.")]
    Tls {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
    /// A thread, or what it waits with, could not be had.
    #[error("The load generator could not be started: {0}. Free memory, threads or file descriptors on this host.")]
    System(#[from] std::io::Error),
    /// The measuring thread is gone and left no result.
    #[error("The load generator ended without a result; its reports up to then are kept. Run the trial again.")]
    Ended,
}
