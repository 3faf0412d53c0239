//! Owns how an event's body becomes bytes and back: MessagePack with named fields.
//! Must not know where the bytes are kept.

use super::error::LogError;
use shared::event::Body;

/// Greatest body, bytes: a plan with a long list of prompts fits, a mistake does not.
pub(super) const MAX_BODY_BYTES: usize = 4 << 20;

/// The kind of the event that names a file of records.
pub(super) const TRIAL_DONE: &str = "trial_done";

/// The bytes of a body.
pub(super) fn encode(body: &Body) -> Result<Vec<u8>, LogError> {
    let bytes = rmp_serde::to_vec_named(body).map_err(|e| LogError::Encode { detail: e.to_string() })?;
    if bytes.len() > MAX_BODY_BYTES {
        return Err(LogError::TooLarge { kind: kind(body), bytes: bytes.len(), limit: MAX_BODY_BYTES });
    }
    Ok(bytes)
}

/// Whether a body that was encoded elsewhere is one that this log would have taken.
///
/// # Errors
/// Why not, as the end of a sentence.
pub(super) fn fits(body: &[u8]) -> Result<(), String> {
    match body.len() {
        bytes if bytes > MAX_BODY_BYTES => Err(format!("an event has {bytes} bytes, more than {MAX_BODY_BYTES}")),
        _ => Ok(()),
    }
}

/// The body of bytes. One that this version cannot read becomes [`Body::Unknown`], which the fold counts: an event
/// of a later version must not hide the run.
pub(super) fn decode(bytes: &[u8]) -> Body {
    rmp_serde::from_slice(bytes).unwrap_or(Body::Unknown)
}

/// The word in the `kind` column: for people and queries, never for decoding.
pub(super) fn kind(body: &Body) -> &'static str {
    match body {
        Body::Created { .. } => "created",
        Body::Imported(_) => "imported",
        Body::OfStudy(_) => "of_study",
        Body::Resumed { .. } => "resumed",
        Body::State { .. } => "state",
        Body::EngineStarting(_) => "engine_starting",
        Body::EngineReady(_) => "engine_ready",
        Body::Priced(_) => "priced",
        Body::EngineFailed { .. } => "engine_failed",
        Body::EngineLog { .. } => "engine_log",
        Body::TrialStarted { .. } => "trial_started",
        Body::WindowOpened { .. } => "window_opened",
        Body::Batch(_) => "batch",
        Body::TrialDone { .. } => TRIAL_DONE,
        Body::PointDone { .. } => "point_done",
        Body::PointAdded { .. } => "point_added",
        Body::SearchDone(_) => "search_done",
        Body::Judged { .. } => "judged",
        Body::TelemetryBegan(_) => "telemetry_began",
        Body::Samples(_) => "samples",
        Body::Look(_) => "look",
        Body::Trouble(_) => "trouble",
        Body::Observer(_) => "observer",
        Body::Unknown => "unknown",
    }
}
