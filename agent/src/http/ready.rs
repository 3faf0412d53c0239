//! Owns whether the agent can do its work now: it is not about to end, and its log takes what is written.
//! Must not know runs.

use super::App;
use crate::log::SqliteLog;
use axum::extract;
use axum::http::StatusCode;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long an answer of the log is believed: anybody may ask, and each question costs the disk a write.
const BELIEVED: Duration = Duration::from_secs(2);
/// Longest time for the log to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the log said last.
#[derive(Default)]
pub(super) struct Asked(Mutex<Option<(Instant, bool)>>);

impl Asked {
    /// True where the log took a write within the last moments. One asks at a time; the others hear the same.
    async fn log_takes(&self, log: &SqliteLog) -> bool {
        let mut last = self.0.lock().await;
        if let Some((at, takes)) = *last
            && at.elapsed() < BELIEVED
        {
            return takes;
        }
        let takes = match tokio::time::timeout(PATIENCE, log.probe()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!("not ready: {error}");
                false
            }
            Err(_) => {
                tracing::warn!("not ready: the log did not take a write within {} s", PATIENCE.as_secs());
                false
            }
        };
        *last = Some((Instant::now(), takes));
        takes
    }
}

/// Says whether runs can be started; nothing else, as anybody may ask.
#[utoipa::path(get, path = "/readyz", tag = "agent", security(()), responses(
    (status = 200, description = "The agent takes runs", body = String, content_type = "text/plain"),
    (status = 503, description = "It is about to end, or its log takes nothing", body = String, content_type = "text/plain")))]
pub(super) async fn ready(extract::State(app): extract::State<App>) -> (StatusCode, &'static str) {
    if app.draining.is_cancelled() || app.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping: no run is taken any more");
    }
    if !app.ready.log_takes(&app.state.log).await {
        return (StatusCode::SERVICE_UNAVAILABLE, "the log takes nothing: the agent's own output says why");
    }
    (StatusCode::OK, "ready")
}
