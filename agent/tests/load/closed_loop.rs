//! Owns the proof that the load generator sends what it says and names every way a request can end.
//! Must not know its inside: small raw TCP servers on loopback play the engine.
// clippy's own exemption covers test functions, not the helpers that they share.

use crate::raw_engine::{DONE, HEAD, LAST, MS, S, TEXT, chunk, one, run, serve, spec, whole};
use shared::outcome::Outcome;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokenprism::load::{self, Clock, Limits, LoadEvent, Stop};
use tokenprism::record::RequestRecord;

/// One request against an answer: its outcome, a word of its error, and exactly one POST.
fn check(
    answer: impl Fn(u32, &mut TcpStream) -> std::io::Result<bool> + Send + Sync + 'static,
    limits: impl Fn(&mut Limits),
    expect: Outcome,
    word: &str,
) -> RequestRecord {
    let (port, seen) = serve(answer);
    let mut spec = spec(port, 1, Stop::Requests(1));
    limits(&mut spec.limits);
    let mut trial = run(spec);
    assert_eq!(trial.records.len(), 1);
    let record = trial.records.remove(0);
    assert_eq!(record.outcome, expect, "{record:?}");
    assert_eq!(record.error.is_some(), !expect.is_ok(), "{record:?}");
    assert!(record.error.as_deref().unwrap_or_default().contains(word), "{word:?} in {:?}", record.error);
    assert_eq!(seen.posts.load(Ordering::SeqCst), 1, "no request is ever repeated");
    record
}

#[test]
fn a_normal_stream_is_ok_and_its_times_are_in_order() {
    let record = check(|_, s| whole(s, 4, Duration::from_millis(3)), |_| {}, Outcome::Ok, "");
    let times = [
        record.sched_ns,
        record.sent_ns.unwrap(),
        record.head_ns.unwrap(),
        record.chunks[0].t_ns,
        record.chunks[3].t_ns,
        record.end_ns,
    ];
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!((record.chunks.len(), record.output_tokens, record.prompt_tokens), (4, Some(4), Some(7)));
    assert!(record.connect_ns.is_some() && record.status == Some(200));
    assert_eq!(record.first_visible_ns, Some(record.chunks[0].t_ns));
}

#[test]
fn fewer_tokens_than_asked_is_short() {
    check(|_, s| whole(s, 3, Duration::ZERO), |_| {}, Outcome::OkShort, "");
}

#[test]
fn events_of_one_read_share_its_stamp() {
    let answer = |_, s: &mut TcpStream| {
        s.write_all(HEAD.as_bytes())?;
        chunk(s, &[TEXT, TEXT, TEXT, LAST, DONE].concat())?;
        s.write_all(b"0\r\n\r\n").map(|()| true)
    };
    let record = check(answer, |_| {}, Outcome::Ok, "");
    assert_eq!((record.chunks.len(), record.coalesced), (4, 3));
    assert_eq!(record.tpot_ns(), None, "no span, no time per token");
}

#[test]
fn a_refusal_is_not_tried_again() {
    // B30: 503 first, 200 for a second request that must not come.
    let answer = |n, s: &mut TcpStream| match n {
        0 => {
            let body = "{\"error\":{\"message\":\"no room\"}}";
            let head = format!("HTTP/1.1 503 Service Unavailable\r\ncontent-length: {}\r\n\r\n", body.len());
            s.write_all([&head, body].concat().as_bytes()).map(|()| true)
        }
        _ => whole(s, 4, Duration::ZERO),
    };
    let record = check(answer, |_| {}, Outcome::Refused, "503: no room.");
    assert_eq!(record.status, Some(503));
}

#[test]
fn a_stream_that_is_cut_is_truncated_and_not_asked_again() {
    // B31.
    let answer = |_, s: &mut TcpStream| {
        s.write_all(HEAD.as_bytes())?;
        (0..3).try_for_each(|_| chunk(s, TEXT))?;
        s.shutdown(std::net::Shutdown::Write).map(|()| false)
    };
    let record = check(answer, |_| {}, Outcome::Truncated, "closed");
    assert_eq!(record.chunks.len(), 3);
    // Closed without one byte.
    check(
        |_, s| s.shutdown(std::net::Shutdown::Write).map(|()| false),
        |_| {},
        Outcome::Truncated,
        "without an answer",
    );
}

#[test]
fn silence_is_timed_out_with_the_limit_named() {
    // B32, B46.
    let hold = |before: usize| {
        move |_: u32, s: &mut TcpStream| {
            s.write_all(HEAD.as_bytes())?;
            (0..before).try_for_each(|_| chunk(s, TEXT))?;
            std::thread::sleep(Duration::from_secs(3));
            Ok(false)
        }
    };
    check(hold(0), |l| l.first_token_ns = 50 * MS, Outcome::TimedOut, "0.05 s of sending (first-token limit)");
    let record = check(hold(2), |l| l.idle_ns = 50 * MS, Outcome::TimedOut, "0.05 s (idle limit)");
    assert_eq!(record.chunks.len(), 2);
    assert!(record.end_ns - record.chunks[1].t_ns >= 50 * MS, "a time-out is at least its limit");
    check(hold(2), |l| l.total_ns = 80 * MS, Outcome::TimedOut, "0.08 s of sending (total limit)");
}

#[test]
fn bytes_that_are_no_stream_are_malformed() {
    // B33.
    let answer = |_, s: &mut TcpStream| {
        s.write_all(HEAD.as_bytes())?;
        chunk(s, "data: {oops\n\n")?;
        s.write_all(b"0\r\n\r\n").map(|()| true)
    };
    check(answer, |_| {}, Outcome::Malformed, "oops");
    check(|_, s| s.write_all(b"SSH-2.0-x\r\n\r\n").map(|()| false), |_| {}, Outcome::Malformed, "HTTP");
}

#[test]
fn an_error_inside_the_stream_fails_it() {
    // B28.
    let answer = |_, s: &mut TcpStream| {
        s.write_all(HEAD.as_bytes())?;
        chunk(s, TEXT)?;
        chunk(s, "data: {\"error\":{\"message\":\"out of memory\"}}\n\n")?;
        chunk(s, DONE)?;
        s.write_all(b"0\r\n\r\n").map(|()| true)
    };
    check(answer, |_| {}, Outcome::FailedMidStream, "out of memory");
}

#[test]
fn a_stream_without_output_is_empty() {
    let answer = |_, s: &mut TcpStream| {
        s.write_all(HEAD.as_bytes())?;
        chunk(s, "data: {\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\n")?;
        chunk(s, DONE)?;
        s.write_all(b"0\r\n\r\n").map(|()| true)
    };
    let record = check(answer, |_| {}, Outcome::Empty, "without any output");
    assert!(record.chunks.is_empty() && record.ttft_ns().is_none());
}

#[test]
fn a_server_that_is_not_there_ends_the_trial_early() {
    // B35: the port was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let trial = run(spec(port, 4, Stop::Requests(1_000)));
    assert!((8..=16).contains(&trial.records.len()), "{}", trial.records.len());
    assert!(trial.records.iter().all(|r| r.outcome == Outcome::ConnectFailed && r.sent_ns.is_none()));
    assert_eq!((trial.end.window_start_ns, trial.opened), (None, None));
}

#[test]
fn three_hundred_at_once_are_three_hundred_in_flight() {
    // B40: the server holds each answer until all have come.
    let gate = Arc::new(std::sync::Barrier::new(300));
    let (port, seen) = serve(move |n, s| {
        if n < 300 {
            gate.wait();
        }
        whole(s, 4, Duration::ZERO)
    });
    let mut spec = spec(port, 300, Stop::Requests(300));
    spec.limits.first_token_ns = 60 * S;
    spec.limits.total_ns = 60 * S;
    let trial = run(spec);
    assert_eq!(seen.peak.load(Ordering::SeqCst), 300);
    assert_eq!(trial.end.in_flight_peak, 300);
    assert_eq!(trial.records.len(), 299 + 300);
    assert!(trial.records.iter().all(|r| r.outcome == Outcome::Ok));
}

#[test]
fn slots_are_refilled_one_by_one() {
    // B44: 10 requests at 4, one of them held until the last of the others has come.
    let (release, held) = std::sync::mpsc::channel();
    let (release, held) = (std::sync::Mutex::new(release), std::sync::Mutex::new(held));
    let (port, seen) = serve(move |n, s| {
        if n == 3 {
            held.lock().unwrap().recv_timeout(Duration::from_secs(20)).unwrap();
        }
        if n == 12 {
            release.lock().unwrap().send(()).unwrap();
        }
        whole(s, 4, Duration::from_millis(2))
    });
    let trial = run(spec(port, 4, Stop::Requests(10)));
    let start = trial.end.window_start_ns.unwrap();
    let inside = trial.records.iter().filter(|r| r.sent_ns.unwrap() >= start).count();
    // The three sent while the level was being reached are extra.
    assert_eq!((inside, trial.records.len(), seen.posts.load(Ordering::SeqCst)), (10, 13, 13));
    assert_eq!(trial.opened, Some(start));
    assert_eq!(seen.connections.load(Ordering::SeqCst), 4, "one connection a slot, kept");
    let end = trial.end.window_end_ns.unwrap();
    let mean = trial.end.in_flight_ns_in_window as f64 / (end - start) as f64;
    assert!(mean >= 3.5, "mean in flight while work remains: {mean}");
    assert_eq!(trial.millitokens, 13 * 4_000);
    let by_record: u64 = trial.records.iter().map(|r| r.end_ns - r.sent_ns.unwrap()).sum();
    assert!(trial.in_flight_ns.abs_diff(by_record) <= by_record / 10, "{} {by_record}", trial.in_flight_ns);
}

#[test]
fn by_duration_the_requests_of_the_window_end_and_the_extra_ones_are_cut() {
    let (port, _) = serve(|n, s| whole(s, 4, Duration::from_millis(if n == 1 { 150 } else { 5 })));
    let trial = run(spec(port, 2, Stop::DurationNs(200 * MS)));
    let (start, end) = (trial.end.window_start_ns.unwrap(), trial.end.window_end_ns.unwrap());
    assert_eq!(end, start + 200 * MS);
    for record in &trial.records {
        let inside = (start..end).contains(&record.sent_ns.unwrap());
        assert!(record.outcome == Outcome::Ok || (!inside && record.outcome == Outcome::Cancelled), "{record:?}");
    }
    assert!(trial.end.load_end_ns >= end && !trial.end.cancelled);
}

#[test]
fn the_drain_limit_cuts_a_stream_that_never_ends() {
    // B48: what it produced by then counts, so it is cut and not failed.
    let (port, _) = serve(|_, s| {
        s.write_all(HEAD.as_bytes())?;
        loop {
            chunk(s, TEXT)?;
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let mut spec = spec(port, 2, Stop::DurationNs(100 * MS));
    spec.limits.drain_ns = 50 * MS;
    let trial = run(spec);
    assert_eq!(trial.records.len(), 2);
    let start = trial.end.window_start_ns.unwrap();
    for record in &trial.records {
        assert_eq!(record.outcome, Outcome::Cancelled);
        // The window opened with the second one, so the first was sent before it.
        let why = if record.sent_ns.unwrap() < start { "Outside the window" } else { "drain limit" };
        assert!(record.error.as_deref().unwrap().contains(why) && record.chunks.len() > 1, "{record:?}");
    }
}

#[test]
fn warm_up_requests_are_extra() {
    let (port, _) = serve(|_, s| whole(s, 4, Duration::from_millis(2)));
    let mut spec = spec(port, 2, Stop::Requests(5));
    spec.warmup_ns = 60 * MS;
    let trial = run(spec);
    let start = trial.end.window_start_ns.unwrap();
    let inside = trial.records.iter().filter(|r| r.sent_ns.unwrap() >= start).count();
    assert_eq!(inside, 5);
    assert!(trial.records.len() > 5, "warm-up sent nothing");
}

#[test]
fn a_connection_that_the_server_closed_is_opened_again_without_a_failure() {
    // It says nothing of it in the head, and closes after each answer.
    let (port, seen) = serve(|_, s| whole(s, 4, Duration::ZERO).and_then(|_| close(s)));
    let (other, kept) = serve(|_, s| whole(s, 4, Duration::ZERO));
    let trial = run(spec(port, 1, Stop::Requests(1)));
    assert_eq!(trial.records[0].outcome, Outcome::Ok);
    assert_eq!(seen.connections.load(Ordering::SeqCst), 1);
    run(spec(other, 1, Stop::Requests(20)));
    assert_eq!(kept.connections.load(Ordering::SeqCst), 1, "a sound connection is kept");
    // The close is there when the next request is due: the slot pauses after a failure.
    let (port, seen) = serve(|n, s| match n {
        0 => {
            s.write_all(b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n")?;
            close(s)
        }
        _ => whole(s, 4, Duration::ZERO),
    });
    let trial = run(spec(port, 1, Stop::Requests(2)));
    let outcomes: Vec<Outcome> = trial.records.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [Outcome::Refused, Outcome::Ok], "{:?}", trial.records);
    assert!(trial.records[1].connect_ns.is_some(), "opened for it");
    assert_eq!(seen.connections.load(Ordering::SeqCst), 2);
}

fn close(stream: &mut TcpStream) -> std::io::Result<bool> {
    stream.shutdown(std::net::Shutdown::Both).map(|()| false)
}

#[test]
fn cancelling_ends_everything_in_flight() {
    let (port, _) = serve(|_, _| {
        std::thread::sleep(Duration::from_secs(3));
        Ok(false)
    });
    let mut handle = load::start(spec(port, 3, Stop::Requests(50)), Clock::starting_now()).unwrap();
    let (mut records, mut end) = (Vec::new(), None);
    while let Some(event) = handle.events.blocking_recv() {
        match event {
            LoadEvent::WindowOpened { .. } => handle.cancel(),
            LoadEvent::Progress(progress) => records.extend(progress.ended),
            LoadEvent::Done(done) => end = Some(done),
        }
    }
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|r| r.outcome == Outcome::Cancelled && r.sent_ns.is_some()), "{records:?}");
    assert!(end.unwrap().cancelled);
}

#[test]
fn a_body_that_cannot_be_made_ends_the_trial_with_what_it_has() {
    // B46: a task that panics.
    let (port, _) = serve(|_, s| whole(s, 4, Duration::ZERO));
    let mut spec = spec(port, 1, Stop::Requests(50));
    spec.work = Arc::new(|p| if p.id < 103 { one("{}") } else { panic!("no prompt {}", p.id) });
    let outcomes: Vec<Outcome> = run(spec).records.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Ok, Outcome::Ok, Outcome::ClientError]);
}

#[test]
fn a_request_that_could_not_be_made_has_a_number_of_its_own() {
    // Whichever of the two in flight is the slow one, its number is taken when the builder dies.
    for slow in 0..3 {
        let (port, _) = serve(move |n, s| whole(s, 4, Duration::from_millis(if n == slow { 40 } else { 0 })));
        let mut spec = spec(port, 2, Stop::Requests(50));
        spec.work = Arc::new(|p| if p.id < 102 { one("{}") } else { panic!("no prompt {}", p.id) });
        let ids: Vec<u64> = run(spec).records.iter().map(|r| r.id).collect();
        let distinct: std::collections::BTreeSet<u64> = ids.iter().copied().collect();
        assert_eq!(distinct.len(), ids.len(), "{ids:?}");
        assert!(distinct.contains(&102), "{ids:?}");
    }
}

const CHILD_PORT: &str = "TOKENPRISM_TEST_LOW_LIMIT_PORT";

/// What the child does: a process of its own, whose limit may be lowered.
fn load_with_few_descriptors(port: u16) {
    use nix::sys::resource::{Resource, setrlimit};
    setrlimit(Resource::RLIMIT_NOFILE, 64, 64).unwrap();
    let trial = run(spec(port, 128, Stop::Requests(300)));
    let count = |outcome| trial.records.iter().filter(|r| r.outcome == outcome).count();
    assert!(count(Outcome::Ok) > 0 && count(Outcome::ClientError) > 0);
    assert_eq!(count(Outcome::Ok) + count(Outcome::ClientError), trial.records.len());
    assert!(trial.end.window_start_ns.is_none() && trial.end.in_flight_peak < 64);
}

#[test]
fn too_few_descriptors_are_the_clients_own_error() {
    // B45. The test runs itself again as its own child.
    if let Ok(port) = std::env::var(CHILD_PORT) {
        return load_with_few_descriptors(port.parse().unwrap());
    }
    let (port, seen) = serve(|_, s| whole(s, 4, Duration::ZERO));
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "closed_loop::too_few_descriptors_are_the_clients_own_error", "--test-threads", "1"])
        .env(CHILD_PORT, port.to_string())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert!(seen.posts.load(Ordering::SeqCst) > 0, "the child sent nothing");
}
