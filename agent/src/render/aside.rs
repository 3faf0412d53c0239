//! Owns the thread that draws: one at a time in this process, and after everything else that wants the processor.
//! Must not know what is drawn, nor who asks.

use super::RenderError;
use crate::cores;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// How long somebody waits for what is drawn before.
const WAIT: Duration = Duration::from_secs(30);
/// How much nicer the thread that draws is than others: load, engine and viewers go first.
const NICENESS: i32 = 19;
/// The processor is the process's, so the turn to use it is, too.
static TURN: Semaphore = Semaphore::const_new(1);

/// Draws on a thread of its own, one at a time: off the runtime's threads, off the load generator's core, and after
/// everybody else, since a run may be measured beside it.
///
/// # Errors
/// [`RenderError::Busy`] where others draw for too long, [`RenderError::NoThread`], or what the work says.
pub async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RenderError> + Send + 'static,
) -> Result<T, RenderError> {
    let Ok(Ok(turn)) = tokio::time::timeout(WAIT, TURN.acquire()).await else { return Err(RenderError::Busy) };
    let (tell, told) = oneshot::channel();
    let thread = std::thread::Builder::new().name("pictures".to_owned()).stack_size(8 << 20).spawn(move || {
        if let Err(error) = cores::keep_off_load() {
            tracing::debug!(%error, "pictures may be drawn on the load generator's core");
        }
        if let Err(error) = rustix::process::nice(NICENESS) {
            tracing::debug!(%error, "pictures are drawn with the same priority as everything else");
        }
        let done = work();
        drop(turn);
        // Who asked may be gone.
        drop(tell.send(done));
    });
    thread.map_err(|error| RenderError::NoThread(error.to_string()))?;
    told.await.map_err(|_| RenderError::Broken)?
}
