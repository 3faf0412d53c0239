//! Owns a look at this host with nothing else going on: what sampling costs by itself.
//! Must not know engines.

use super::WAITING;
use crate::load::Clock;
use crate::telemetry::{Gathered, Machine, Sampler};
use shared::telemetry::Observer;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval_at, sleep_until};

/// Looks at this host, all its GPUs included, at a rate for a while; says what that cost.
///
/// # Errors
/// Where the host has no threads for it.
pub async fn look_alone(hz: f64, time: Duration) -> std::io::Result<Observer> {
    let machine = spawn_blocking(|| Machine::look(&[])).await?;
    let (said, mut heard) = mpsc::channel(WAITING);
    let sampler = Sampler::start(machine.sources(hz), Clock::starting_now(), &said)?;
    let (begun, mut gathered) = (Instant::now(), Gathered::default());
    let mut ticks = interval_at(begun + super::logger::EVERY, super::logger::EVERY);
    loop {
        tokio::select! {
            () = sleep_until(begun + time) => return Ok(sampler.effort().take()),
            Some(said) = heard.recv() => gathered.add(said),
            // As in a run, but that nobody wants it.
            _ = ticks.tick() => drop(gathered.take(sampler.dropped().take())),
        }
    }
}
