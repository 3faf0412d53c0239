//! Owns the proof that schedules, bursts and sessions do on a real connection what their definitions say.
//! Must not know the load generator's inside: small raw TCP servers on loopback play the engine.
// clippy's own exemption covers test functions, not the helpers that they share.

use crate::raw_engine::{HEAD, MS, Trial, one, run, serve, spec, whole};
use shared::outcome::Outcome;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokenprism::load::{Arrivals, Schedule, Stop, TrialSpec, Work};

/// A trial of a schedule.
fn open(port: u16, schedule: Schedule, stop: Stop, max_in_flight: Option<u32>) -> TrialSpec {
    TrialSpec { arrivals: Arrivals::Open { schedule, seed: 1, max_in_flight }, ..spec(port, 1, stop) }
}

/// Due times from the first one on, ns.
fn due(trial: &Trial) -> Vec<u64> {
    let first = trial.records[0].sched_ns;
    trial.records.iter().map(|r| r.sched_ns - first).collect()
}

#[test]
fn each_request_is_due_when_the_schedule_says_whatever_the_server_does() {
    // CASES B37, B38: every answer takes far longer than the time between two requests.
    let (port, seen) = serve(|_, s| whole(s, 4, Duration::from_millis(60)));
    let trial = run(open(port, Schedule::Constant(200.0), Stop::Requests(40), None));
    assert_eq!(trial.records.len(), 40);
    assert_eq!(due(&trial), (0..40).map(|i| i * 5 * MS).collect::<Vec<_>>(), "the schedule is exact");
    assert!(trial.records.iter().all(|r| r.outcome == Outcome::Ok && r.sent_ns.unwrap() >= r.sched_ns));
    assert!(seen.peak.load(Ordering::SeqCst) > 20, "requests wait for no answer");
    assert_eq!(trial.end.window_start_ns, Some(trial.records[0].sched_ns));
}

#[test]
fn a_trace_is_played_once_and_ends() {
    let (port, _) = serve(|_, s| whole(s, 4, Duration::ZERO));
    let offsets = [0, 10 * MS, 10 * MS, 35 * MS];
    let schedule = Schedule::Trace(offsets.into());
    let stop = Stop::DurationNs(schedule.length_ns().unwrap());
    let trial = run(open(port, schedule, stop, None));
    assert_eq!(due(&trial), offsets);
    assert!(trial.records.iter().all(|r| r.outcome == Outcome::Ok));
}

#[test]
fn what_has_no_room_waits_and_its_wait_is_the_clients_queue() {
    // CASES B38, B39: one at a time, each 40 ms, one due every 10 ms: the clock starts when it is due.
    let (port, seen) = serve(|_, s| whole(s, 4, Duration::from_millis(10)));
    let trial = run(open(port, Schedule::Constant(100.0), Stop::Requests(10), Some(1)));
    assert_eq!((trial.records.len(), seen.peak.load(Ordering::SeqCst)), (10, 1));
    let waits: Vec<u64> = trial.records.iter().map(|r| r.sent_ns.unwrap() - r.sched_ns).collect();
    assert!(waits[9] > waits[0] + 150 * MS, "{waits:?}");
    assert!(trial.end.client.send_late_ns.iter().all(|late| *late < 100 * MS), "no room is not the client's lateness");
}

#[test]
fn what_was_due_and_never_sent_is_counted() {
    // CASES B42: the server answers nothing, so that only two of those due are ever sent.
    let (port, seen) = serve(|_, s| {
        s.write_all(HEAD.as_bytes())?;
        std::thread::sleep(Duration::from_secs(3));
        Ok(false)
    });
    let mut spec = open(port, Schedule::Constant(100.0), Stop::DurationNs(200 * MS), Some(2));
    spec.limits.drain_ns = 100 * MS;
    let trial = run(spec);
    let inside = |r: &&tokenprism::record::RequestRecord| r.sched_ns < trial.end.window_end_ns.unwrap();
    let count = |outcome| trial.records.iter().filter(inside).filter(|r| r.outcome == outcome).count();
    assert_eq!((count(Outcome::TimedOut), count(Outcome::Unsent)), (2, 18), "twenty were due");
    assert_eq!((trial.end.unsent, seen.posts.load(Ordering::SeqCst)), (18, 2));
    assert!(trial.records.iter().filter(|r| r.outcome == Outcome::Unsent).all(|r| r.error.is_some()));
}

#[test]
fn a_schedule_goes_on_until_what_was_due_in_the_window_has_ended() {
    let (port, _) = serve(|n, s| whole(s, 4, Duration::from_millis(if n == 3 { 60 } else { 1 })));
    let trial = run(open(port, Schedule::Constant(50.0), Stop::DurationNs(100 * MS), None));
    let end = trial.end.window_end_ns.unwrap();
    let (inside, extra): (Vec<_>, Vec<_>) = trial.records.iter().partition(|r| r.sched_ns < end);
    assert_eq!(inside.len(), 5);
    assert!(inside.iter().all(|r| r.outcome == Outcome::Ok));
    assert!(!extra.is_empty(), "load ended with the window, while one of its requests was in flight");
}

#[test]
fn a_schedule_without_a_server_ends_early() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let trial = run(open(port, Schedule::Poisson(1000.0), Stop::Requests(100_000), None));
    assert!(trial.records.len() < 100, "{}", trial.records.len());
    assert!(trial.records.iter().all(|r| r.outcome == Outcome::ConnectFailed));
}

#[test]
fn a_burst_begins_when_the_one_before_has_ended() {
    let (port, seen) = serve(|n, s| whole(s, 4, Duration::from_millis(10 + u64::from(n % 4))));
    let mut spec = spec(port, 4, Stop::Requests(10));
    spec.arrivals = Arrivals::Burst(4);
    let trial = run(spec);
    // The first burst fills the level, and those sent before it was full are extra.
    let mut ends: Vec<u64> = Vec::new();
    let mut bursts: std::collections::BTreeMap<u64, usize> = std::collections::BTreeMap::new();
    for record in &trial.records {
        *bursts.entry(record.sched_ns).or_default() += 1;
        assert!(ends.iter().all(|end| *end <= record.sched_ns || bursts.contains_key(&record.sched_ns)));
        ends.push(record.end_ns);
    }
    let sizes: Vec<usize> = bursts.values().copied().collect();
    assert_eq!(sizes[..2], [4, 4], "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 13);
    for (due, _) in bursts.iter().skip(1) {
        let before = trial.records.iter().filter(|r| r.sched_ns < *due);
        assert!(before.map(|r| r.end_ns).max().unwrap() <= *due, "a burst began before the last had ended");
    }
    assert_eq!((seen.peak.load(Ordering::SeqCst), trial.end.in_flight_peak), (4, 4));
}

/// Pieces of three requests with a pause.
fn session(think_ns: u64) -> impl Fn(tokenprism::load::Place) -> Work + Send + Sync {
    move |_| Work { requests: (0..3).flat_map(|_| one("{}").requests).collect(), think_ns }
}

#[test]
fn the_turns_of_a_session_follow_one_another_with_a_pause() {
    let (port, seen) = serve(|_, s| whole(s, 4, Duration::from_millis(1)));
    let mut spec = spec(port, 2, Stop::Requests(4));
    spec.work = Arc::new(session(20 * MS));
    let trial = run(spec);
    for turns in trial.records.chunks(3) {
        let [first, second, third] = turns else { panic!("a session lost a turn: {turns:?}") };
        for (before, after) in [(first, second), (second, third)] {
            assert!(after.sched_ns >= before.end_ns + 20 * MS, "thinks too short");
            assert!(after.sent_ns.unwrap() >= after.sched_ns);
        }
    }
    let start = trial.end.window_start_ns.unwrap();
    let sessions = trial.records.chunks(3).filter(|turns| turns[0].sent_ns.unwrap() >= start).count();
    assert_eq!(sessions, 4, "a session counts once");
    assert_eq!(seen.connections.load(Ordering::SeqCst), 2, "a session keeps its connection");
    assert!(trial.end.in_flight_peak <= 2);
}

#[test]
fn a_session_ends_with_its_first_failure() {
    let (port, _) = serve(|n, s| match n {
        1 => s.write_all(b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n").map(|()| true),
        _ => whole(s, 4, Duration::ZERO),
    });
    let mut spec = open(port, Schedule::Trace([0].into()), Stop::DurationNs(MS), None);
    spec.work = Arc::new(session(0));
    let outcomes: Vec<Outcome> = run(spec).records.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Refused]);
}

#[test]
fn work_that_cannot_be_made_ends_a_schedule_with_what_it_has() {
    let (port, _) = serve(|_, s| whole(s, 4, Duration::ZERO));
    let mut spec = open(port, Schedule::Constant(500.0), Stop::Requests(50), None);
    spec.work = Arc::new(|p| if p.id < 103 { one("{}") } else { panic!("no prompt {}", p.id) });
    let outcomes: Vec<Outcome> = run(spec).records.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Ok, Outcome::Ok, Outcome::ClientError]);
}
