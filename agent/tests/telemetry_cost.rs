//! Owns what sampling costs: CPU time of this process, in which nothing else happens, over wall time.
//! Must not know what the figures are used for. The only test of its file, so that it is alone in its process.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "support/fake_nvml.rs"]
mod fake_nvml;

use fake_nvml::FakeNvml;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::time::{Duration, Instant};
use tokenprism::load::Clock;
use tokenprism::telemetry::host::{Host, HostProcesses};
use tokenprism::telemetry::{Fast, Gathered, Pace, Paced, Said, Sampler, Slow};
use tokio::sync::mpsc;

const GPUS: usize = 8;
const HZ: f64 = 10.0;
/// A share of one core: what is asked for is 2 %, of the program as it is shipped. A build that is not optimised may take
/// more, and what would hold up a load generator takes far more.
const MOST: f64 = if cfg!(debug_assertions) { 0.1 } else { 0.02 };

fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.try_into().unwrap())
}

#[test]
fn eight_gpus_at_ten_reads_a_second_cost_little() {
    let fake = FakeNvml::playing(include_str!("../fixtures/eight_gpus.toml"));
    let nvml = fake.nvml();
    let gpus = || nvml.gpus(&[]).0;
    let (said, mut heard) = mpsc::channel(4096);
    let paced = |name, hz, source| Paced { name, pace: Pace::of_hz(hz, 2), source };
    let sources = vec![
        paced("gpu", HZ, Box::new(Fast::of(gpus()))),
        paced("gpu-slow", 1.0, Box::new(Slow::of(nvml, gpus()))),
        paced("host", 5.0, Box::<Host>::default()),
        paced("host-processes", 1.0, Box::<HostProcesses>::default()),
    ];
    let (begun, before) = (Instant::now(), cpu());
    let sampler = Sampler::start(sources, Clock::starting_now(), &said).unwrap();
    let (mut gathered, mut rows, mut bytes) = (Gathered::default(), 0, 0);
    while begun.elapsed() < Duration::from_secs(3) {
        std::thread::sleep(Duration::from_millis(500));
        while let Ok(said) = heard.try_recv() {
            rows += usize::from(matches!(said, Said::Row(_)));
            gathered.add(said);
        }
        bytes += gathered.take(0).iter().map(|body| rmp_serde::to_vec_named(body).unwrap().len()).sum::<usize>();
    }
    let (used, wall) = (cpu() - before, begun.elapsed());
    let dropped = sampler.dropped().take();
    drop(sampler);
    let share = used.as_secs_f64() / wall.as_secs_f64();
    println!(
        "{GPUS} GPUs at {HZ} Hz: {:.2} % of one core, {:.0} rows/s, {:.0} bytes/s of events",
        share * 100.0,
        rows as f64 / wall.as_secs_f64(),
        bytes as f64 / wall.as_secs_f64()
    );
    assert!(rows as f64 >= wall.as_secs_f64() * HZ * 3.0 && dropped == 0, "{rows} rows, {dropped} dropped");
    assert!(share < MOST, "{share} of one core");
}
