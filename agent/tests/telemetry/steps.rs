//! Owns the proof that everything is stamped on one time base: a step that is known happens between the two stamps that
//! lie around it, for requests, for the engine's metrics, and for GPUs.
//! Must not know how fast any of them is.

use crate::fake_nvml::FakeNvml;
use crate::played_engine::{ABLE, Played, play};
use crate::raw_engine::{serve, spec, whole};
use crate::support::attached;
use shared::plan::Plan;
use shared::telemetry::{Field, POWER, RUNNING, Signal};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokenprism::engine::{Engine, Means};
use tokenprism::load::{self, Clock, LoadEvent, Stop};
use tokenprism::process::Host;
use tokenprism::record::RequestRecord;
use tokenprism::telemetry::{Fast, Pace, Paced, Row, Said, Sampler};
use tokio::sync::mpsc;

/// How near a stamp is to its read, ns.
const NEAR_NS: u64 = 5_000_000;

const SCRIPT: &str = r#"
[[device]]
uuid = "GPU-aa11"
name = "NVIDIA L4"
says = { power = 60000 }

[[fault]]
field = "power"
file = "step"
value = 70000
"#;

async fn attach(played: &Played) -> Engine {
    drop(crate::support::client());
    let plan = Plan::from_toml(&attached(&played.url, "")).unwrap();
    let (lines, _received) = mpsc::channel(8);
    let dir = tempfile::tempdir().unwrap();
    let means = Means::of(dir.path(), Host::open(dir.path()).unwrap().0);
    Engine::start(&plan, 0, &plan.configurations()[0], &means, lines).await.unwrap()
}

fn value_of(row: &Row, signal: Signal) -> Option<u64> {
    row.fields.iter().find(|(of, _)| *of == signal).and_then(|(_, field)| field.value())
}

/// The last read before a signal had its new value, and the first with it.
fn around(rows: &[Row], signal: Signal, new: u64) -> Option<(&Row, &Row)> {
    let of: Vec<&Row> = rows.iter().filter(|row| row.fields.iter().any(|(of, _)| *of == signal)).collect();
    let first = of.iter().position(|row| value_of(row, signal) == Some(new))?;
    Some((of.get(first.checked_sub(1)?)?, of[first]))
}

/// The step lies between two stamps where the one before was begun before it was over, and the one after ended after it
/// had begun; a stamp is the middle of its read.
fn check(rows: &[Row], signal: Signal, new: u64, step: (u64, u64)) {
    let (last, first) = around(rows, signal, new).unwrap();
    assert!(last.begun_ns <= step.1, "{}: {last:?} after {step:?}", signal.key);
    assert!(first.ended_ns >= step.0, "{}: {first:?} before {step:?}", signal.key);
    for row in [last, first] {
        assert!((row.begun_ns..=row.ended_ns).contains(&row.at_ns()));
        assert!(
            row.at_ns() - row.begun_ns <= row.took_ns() / 2 + 1 && row.ended_ns - row.at_ns() <= row.took_ns() / 2 + 1
        );
    }
    assert!(last.at_ns() < first.at_ns());
}

/// A stamp is the middle of its read, so that it is as near to it as half of what a read takes. Of a source that answers at
/// once that is what the reading itself takes; the median, since a busy machine holds up single ones.
fn check_near(rows: &[Row], signal: Signal) {
    let of = rows.iter().filter(|row| row.fields.iter().any(|(of, _)| *of == signal));
    let mut took: Vec<u64> = of.map(Row::took_ns).collect();
    took.sort_unstable();
    assert!(took[took.len() / 2] / 2 <= NEAR_NS, "{}: {took:?}", signal.key);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_lies_between_the_stamps_around_it_in_every_source() {
    let clock = Clock::starting_now();
    let (fake, played) = (FakeNvml::playing(SCRIPT), play(ABLE));
    played.shows("vllm:num_requests_running 0\n");
    let engine = attach(&played).await;
    let (scraper, _history) = engine.metrics.source().unwrap();
    let (said, mut heard) = mpsc::channel(10_000);
    let pace = Pace { period: Duration::from_millis(20), rest: 1 };
    let gpus = fake.nvml().gpus(&[]).0;
    let sampler = Sampler::start(
        vec![
            Paced { name: "gpu", pace, source: Box::new(Fast::of(gpus)) },
            Paced { name: "engine", pace, source: Box::new(scraper) },
        ],
        clock,
        &said,
    )
    .unwrap();
    // A request is under way, and its first token comes with the step.
    let gate: Arc<(Mutex<bool>, Condvar)> = Arc::default();
    let waits = Arc::clone(&gate);
    let (port, seen) = serve(move |_, stream| {
        let (open, opened) = &*waits;
        drop(opened.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
        whole(stream, 4, Duration::ZERO)
    });
    let request = tokio::task::spawn_blocking(move || only_record(port, clock));
    let mut rows: Vec<Row> = Vec::new();
    let has = |rows: &[Row], signal: Signal, value: u64| rows.iter().any(|row| value_of(row, signal) == Some(value));
    while !has(&rows, POWER, 60_000) || !has(&rows, RUNNING, 0) {
        rows.extend(row(heard.recv().await));
    }
    while seen.posts.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let begun = clock.now_ns();
    fake.raise("step");
    played.shows("vllm:num_requests_running 1\n");
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    let step = (begun, clock.now_ns());
    while !has(&rows, POWER, 70_000) || !has(&rows, RUNNING, 1) {
        rows.extend(row(heard.recv().await));
    }
    drop(sampler);
    check(&rows, POWER, 70_000, step);
    check(&rows, RUNNING, 1, step);
    check_near(&rows, POWER);
    check_near(&rows, RUNNING);
    let record = request.await.unwrap();
    assert!(record.sent_ns.unwrap() <= step.1 && record.chunks[0].t_ns >= step.0, "{record:?} around {step:?}");
    assert!(rows.iter().all(|row| row.fields.iter().all(|(_, field)| *field != Field::Failed(Field::NO_ANSWER))));
}

fn row(said: Option<Said>) -> Option<Row> {
    match said {
        Some(Said::Row(row)) => Some(row),
        _ => None,
    }
}

/// The record of one request, on a clock that others use, too.
fn only_record(port: u16, clock: Clock) -> RequestRecord {
    let mut handle = load::start(spec(port, 1, Stop::Requests(1)), clock).unwrap();
    let mut records = Vec::new();
    while let Some(event) = handle.events.blocking_recv() {
        if let LoadEvent::Progress(progress) = event {
            records.extend(progress.ended);
        }
    }
    assert_eq!(records.len(), 1);
    records.remove(0)
}
