//! Owns what the API tells of the agent and its host; never where its data lies.
//! Must not know runs.

use super::error::Refusal;
use super::{App, off_the_loop};
use crate::orchestrate::{host, time_zone, unix_ms, utc_offset_minutes};
use axum::Json;
use axum::extract;
use serde::Serialize;
use shared::wire::PROTOCOL_VERSION;
use utoipa::ToSchema;

/// The agent and its host.
#[derive(Serialize, ToSchema)]
pub(super) struct About {
    /// The agent's version.
    version: String,
    /// Version of the socket's messages.
    protocol: u32,
    /// Host name.
    host: String,
    /// Cores that the agent may use.
    cores: u32,
    /// Processor model, where the system tells.
    cpu: Option<String>,
    /// The host's wall clock, Unix ms.
    now_unix_ms: u64,
    /// Offset of the host's local time from UTC now, minutes, where the system tells.
    utc_offset_minutes: Option<i32>,
    /// Name of the host's time zone, `Europe/Berlin`, where the system tells.
    time_zone: Option<String>,
    /// What is to be known of logs that were damaged and set aside, the last first, for as long as they lie there.
    damaged_logs: Vec<String>,
}

/// The agent and its host.
#[utoipa::path(get, path = "/api/v1/agent", tag = "agent", responses(
    (status = 200, description = "The agent and its host", body = About)))]
pub(super) async fn about(extract::State(app): extract::State<App>) -> Result<Json<About>, Refusal> {
    let (version, log) = (app.state.agent_version, app.state.log);
    let about = off_the_loop("the host's facts", move || {
        let (host, now_unix_ms) = (host(), unix_ms());
        Ok(About {
            version,
            protocol: PROTOCOL_VERSION,
            host: host.name,
            cores: host.cores,
            cpu: host.cpu,
            now_unix_ms,
            utc_offset_minutes: utc_offset_minutes(now_unix_ms),
            time_zone: time_zone(),
            damaged_logs: log.damages().iter().map(ToString::to_string).collect(),
        })
    });
    about.await.map(Json)
}

/// Offset of the host's local time from UTC now, minutes, and the name of its time zone, where the system tells.
pub(super) async fn local_time() -> (Option<i32>, Option<String>) {
    let told = off_the_loop("the host's time zone", || Ok((utc_offset_minutes(unix_ms()), time_zone()))).await;
    told.unwrap_or_default()
}
