//! Owns whose turn it is: where a test needs the machine for itself, none runs beside it.
//! Must not know what is tested.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Tests that may run at once.
const PLACES: u32 = 2;

static MACHINE: Semaphore = Semaphore::const_new(PLACES as usize);

/// A place beside another test, until it is dropped.
pub async fn beside_another() -> SemaphorePermit<'static> {
    MACHINE.acquire().await.unwrap()
}

/// The machine, until it is dropped: for a test of several browsers on a run that goes on, or of what takes long in one.
pub async fn alone() -> SemaphorePermit<'static> {
    MACHINE.acquire_many(PLACES).await.unwrap()
}
