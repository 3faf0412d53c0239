//! Owns what the agent knows of its own host.
//! Must not know what runs do.

use shared::event::{Body, Host};
use shared::ids::RunId;
use shared::plan::Plan;

pub use crate::wall_clock::unix_ms;

/// The host as the system describes it; what it does not tell is absent.
#[must_use]
pub fn host() -> Host {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let cpu = read("/proc/cpuinfo").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    Host {
        name: read("/proc/sys/kernel/hostname").map_or_else(|| "unnamed".to_owned(), |name| name.trim().to_owned()),
        cores: std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        cpu,
    }
}

/// The first event of a run that this agent makes on this host; the anchor is the wall clock at run time 0, Unix ms.
#[must_use]
pub fn created(run: &RunId, plan: &Plan, anchor_unix_ms: u64) -> Body {
    let agent_version = env!("CARGO_PKG_VERSION").to_owned();
    Body::Created { run: run.clone(), plan: Box::new(plan.clone()), anchor_unix_ms, host: host(), agent_version }
}

/// Offset of the host's local time from UTC at a time, minutes, where the system tells: by the C library's rules, which
/// SQLite asks; the standard library has no local time.
#[must_use]
pub fn utc_offset_minutes(unix_ms: u64) -> Option<i32> {
    let database = rusqlite::Connection::open_in_memory().ok()?;
    let sql = "SELECT (strftime('%s', ?1, 'unixepoch', 'localtime') - ?1) / 60";
    database.query_row(sql, [i64::try_from(unix_ms / 1000).ok()?], |row| row.get(0)).ok()
}

/// Name of the host's time zone, `Europe/Berlin`, where the system tells: what its clock file is a link to.
#[must_use]
pub fn time_zone() -> Option<String> {
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
        let offset = utc_offset_minutes(unix_ms()).unwrap();
        assert!((-12 * 60..=14 * 60).contains(&offset) && offset % 15 == 0, "{offset}");
    }
}
