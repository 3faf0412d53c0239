//! Owns one trial: load on, reports into events, records into the blob, and exact figures at the end.
//! Must not know how load or storage work inside.

use super::barren::why_none_ended_well;
use super::batch::batch_of;
use super::cache;
use super::run::{Failure, Turn, Writer};
use super::telemetry::Watch;
use crate::blob::{BlobStore, BlobWriter};
use crate::engine::{Ask, Engine};
use crate::load::{self, Arrivals, Limits, LoadEvent, Request, Schedule, Stop, TrialEnd, TrialSpec, Work};
use crate::record::{KvTerms, RequestRecord, Span, Tally, Terms, Window, kv_figures};
use crate::secret::Redactor;
use crate::workload::Workload;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::event::Body;
use shared::ids::{PointIndex, TrialIndex};
use shared::plan::{Arrival, Level, Plan};
use shared::units::{NS_PER_S, s_to_ns};
use std::borrow::Cow;
use std::sync::Arc;

/// Which repeat of which point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TrialPlace {
    /// The point.
    pub point: PointIndex,
    /// Which repeat, from 0.
    pub repeat: u32,
    /// Its load level.
    pub level: Level,
}

/// What a trial works with.
pub(super) struct Context<'a> {
    pub turn: &'a Turn,
    pub writer: &'a Writer,
    pub blobs: &'a BlobStore,
    pub engine: &'a mut Engine,
    pub workload: &'a Workload,
    pub watch: &'a Watch,
    pub terms: &'a Terms,
}

/// What a trial came to.
pub(super) struct Done {
    /// Its figures, to be pooled.
    pub tally: Tally,
    /// The first request number that is free.
    pub next_request: u64,
    /// Where not one request ended well: why, as sentences.
    pub barren: Option<String>,
}

/// Runs one trial.
pub(super) async fn run(at: Context<'_>, trial: TrialIndex, place: TrialPlace, first_id: u64) -> Result<Done, Failure> {
    let TrialPlace { point, repeat, .. } = place;
    at.writer.write([Body::TrialStarted { trial, point, repeat }]).await?;
    at.watch.forget_before(at.turn.clock.now_ns());
    let cache_before = cache::reading(at.engine).await;
    let mut handle = load::start(spec(&at, place, first_id), at.turn.clock)?;
    let mut blob = at.blobs.create(&at.turn.run, trial).map_or_else(|error| given_up(&error), Some);
    let mut records: Vec<RequestRecord> = Vec::new();
    let mut stopped: Option<Failure> = None;
    let mut end = loop {
        let event = tokio::select! {
            () = at.turn.cancel.cancelled(), if stopped.is_none() => {
                stopped = Some(Failure::Cancelled);
                handle.cancel();
                continue;
            }
            event = handle.events.recv() => event,
        };
        match event {
            Some(LoadEvent::WindowOpened { t_ns }) => {
                at.watch.read_now();
                at.writer.write_at(t_ns, [Body::WindowOpened { trial }]).await?;
            }
            Some(LoadEvent::Progress(mut progress)) => {
                redact(&at.engine.redactor, &mut progress.ended);
                at.writer.write_at(progress.t_ns, [Body::Batch(batch_of(trial, &progress))]).await?;
                blob = keep(blob, &progress.ended);
                records.extend(progress.ended);
                if stopped.is_none()
                    && let Some(death) = at.engine.death()
                {
                    stopped = Some(Failure::EngineDied(death));
                    handle.cancel();
                }
            }
            Some(LoadEvent::Done(end)) => break end,
            None => return Err(load::LoadError::Ended.into()),
        }
    };
    let name = finish(blob);
    if let Some(failure) = stopped {
        return Err(failure);
    }
    end.client.prefix_cache = cache::during(cache_before, cache::reading(at.engine).await, &records);
    let window = window(&at, &end);
    let span = Span::of(&records, window);
    let seen = at.watch.during(&span, at.turn.clock).await;
    (end.client.server, end.client.energy) = (seen.server.map(Box::new), seen.energy);
    end.client.kv = kv_figures(&records, &seen.kv, &KvTerms::of(&at.engine.info)).map(Box::new);
    let tally = Tally::of(&records, window, &end.client);
    let summary = tally.summary(at.terms);
    at.writer.write([Body::TrialDone { trial, summary: Box::new(summary), blob: name }]).await?;
    let barren = why_none_ended_well(&records, &span, &at.turn.plan.load);
    Ok(Done { tally, next_request: end.next_id, barren })
}

/// Takes secrets out of errors, in which servers quote what they were sent.
fn redact(redactor: &Redactor, records: &mut [RequestRecord]) {
    for error in records.iter_mut().filter_map(|record| record.error.as_mut()) {
        if let Cow::Owned(redacted) = redactor.redact(error) {
            *error = redacted;
        }
    }
}

/// Writes records to the blob; a blob that fails is given up, the run goes on and says that there is none.
fn keep(blob: Option<BlobWriter>, records: &[RequestRecord]) -> Option<BlobWriter> {
    let mut writer = blob?;
    for record in records {
        if let Err(error) = writer.push(record) {
            return given_up(&error);
        }
    }
    Some(writer)
}

fn given_up<T>(error: &crate::blob::BlobError) -> Option<T> {
    tracing::error!(%error, "records could not be written; the trial goes on without them");
    None
}

fn finish(blob: Option<BlobWriter>) -> Option<String> {
    match blob?.finish() {
        Ok(name) => Some(name),
        Err(error) => given_up(&error),
    }
}

fn window(at: &Context<'_>, end: &TrialEnd) -> Window {
    Window {
        start_ns: end.window_start_ns,
        end_ns: end.window_end_ns,
        load_end_ns: end.load_end_ns,
        by_count: at.turn.plan.load.requests.is_some(),
        arrival: at.turn.plan.load.arrival,
    }
}

fn spec(at: &Context<'_>, place: TrialPlace, first_id: u64) -> TrialSpec {
    let plan = &at.turn.plan;
    let load = &plan.load;
    let total_ns = s_to_ns(load.timeout_s);
    let arrivals = arrivals(plan, place, at.workload);
    let stop = match (load.requests_at(place.level), &arrivals) {
        (Some(n), _) => Stop::Requests(n),
        (None, Arrivals::Open { schedule, .. }) if schedule.length_ns().is_some() => {
            Stop::DurationNs(schedule.length_ns().unwrap_or_default())
        }
        // A validated plan has one of the two.
        (None, _) => Stop::DurationNs(s_to_ns(load.duration_s.unwrap_or_default())),
    };
    let (workload, shape) = (at.workload.clone(), at.engine.shape.clone());
    TrialSpec {
        target: at.engine.target.clone(),
        arrivals,
        stop,
        warmup_ns: s_to_ns(load.warmup_s),
        limits: Limits {
            connect_ns: total_ns.min(10 * NS_PER_S),
            first_token_ns: total_ns,
            idle_ns: total_ns,
            total_ns,
            drain_ns: s_to_ns(load.drain_s),
        },
        first_id,
        work: Arc::new(move |at| {
            let piece = workload.piece(at.index, at.id);
            let request = |ask: &Ask| Request { body: shape.body(ask), expect_output_tokens: ask.output_tokens };
            Work { requests: piece.asks.iter().map(request).collect(), think_ns: piece.think_ns }
        }),
    }
}

/// How requests come at a point. Repeats of a random schedule differ, so that each is a sample of its own.
fn arrivals(plan: &Plan, place: TrialPlace, workload: &Workload) -> Arrivals {
    let load = &plan.load;
    let schedule = match place.level {
        Level::Concurrency(slots) => return Arrivals::Closed(slots),
        Level::Burst(slots) => return Arrivals::Burst(slots),
        Level::Rate(rate) => match (load.arrival, load.burstiness) {
            (Arrival::Poisson, _) => Schedule::Poisson(rate),
            (Arrival::Gamma, Some(shape)) => Schedule::Gamma { rate, shape },
            _ => Schedule::Constant(rate),
        },
        Level::Ramp { from, to } => Schedule::Ramp {
            from,
            to,
            curve: load.ramp.as_ref().map(|ramp| ramp.curve).unwrap_or_default(),
            length_ns: s_to_ns(load.duration_s.unwrap_or_default()),
        },
        Level::Trace { .. } => Schedule::Trace(workload.offsets()),
    };
    let sample = (u64::from(place.point) << 32) | u64::from(place.repeat);
    let mut random = ChaCha8Rng::seed_from_u64(plan.workload.seed);
    random.set_stream(sample);
    Arrivals::Open { schedule, seed: random.next_u64(), max_in_flight: load.max_in_flight }
}
