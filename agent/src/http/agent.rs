//! Owns what the API tells of the agent and its host; never where its data lies.
//! Must not know runs.

use super::error::Refusal;
use super::{App, off_the_loop};
use crate::orchestrate::{host, unix_ms};
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
}

/// The agent and its host.
#[utoipa::path(get, path = "/api/v1/agent", tag = "agent", responses(
    (status = 200, description = "The agent and its host", body = About)))]
pub(super) async fn about(extract::State(app): extract::State<App>) -> Result<Json<About>, Refusal> {
    let version = app.state.agent_version;
    let about = off_the_loop("the host's facts", move || {
        let host = host();
        Ok(About {
            version,
            protocol: PROTOCOL_VERSION,
            host: host.name,
            cores: host.cores,
            cpu: host.cpu,
            now_unix_ms: unix_ms(),
            utc_offset_minutes: utc_offset_minutes(),
            time_zone: time_zone(),
        })
    });
    about.await.map(Json)
}

/// Offset of the host's local time from UTC now, minutes, and the name of its time zone, where the system tells.
pub(super) async fn local_time() -> (Option<i32>, Option<String>) {
    let told = off_the_loop("the host's time zone", || Ok((utc_offset_minutes(), time_zone()))).await;
    told.unwrap_or_default()
}

/// The offset by the C library's rules, which SQLite asks; the standard library has no local time.
fn utc_offset_minutes() -> Option<i32> {
    let database = rusqlite::Connection::open_in_memory().ok()?;
    let sql = "SELECT (strftime('%s', 'now', 'localtime') - strftime('%s', 'now')) / 60";
    database.query_row(sql, [], |row| row.get(0)).ok()
}

/// The name that the system's clock file is a link to.
fn time_zone() -> Option<String> {
    let named =
        std::env::var("TZ").ok().map(|name| name.trim_start_matches(':').to_owned()).filter(|n| n.contains('/'));
    named.or_else(|| {
        let link = std::fs::read_link("/etc/localtime").ok()?;
        Some(link.to_str()?.split_once("zoneinfo/")?.1.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_one_that_exists() {
        let offset = utc_offset_minutes().unwrap();
        assert!((-12 * 60..=14 * 60).contains(&offset) && offset % 15 == 0, "{offset}");
    }
}
