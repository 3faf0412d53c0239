//! Owns a look at this host with nothing else going on: what sampling costs by itself.
//! Must not know engines.

use crate::load::Clock;
use crate::telemetry::{Found, Nvml, Told};
use shared::telemetry::Observer;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

/// Looks at this host, all its GPUs included, at a rate for a while; says what that cost.
///
/// # Errors
/// Where the host has no threads for it.
pub async fn look_alone(hz: f64, time: Duration) -> std::io::Result<Observer> {
    let found = spawn_blocking(|| Found::of(Nvml::open(), &[])).await?;
    let (sampler, mut told) = Told::begin(found.sources(hz), Clock::starting_now())?;
    let over = Instant::now() + time;
    // As in a run, but that nobody wants it.
    while timeout_at(over, told.next(|_| {})).await.is_ok_and(|bodies| bodies.is_some()) {}
    Ok(sampler.effort().take())
}
