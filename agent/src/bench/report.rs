//! Owns what every bench's page has in common: when, on which machine, by which version and command; and its writing.
//! Must not know what was measured.

use super::host;
use crate::cores;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use shared::calendar;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// When, on which machine and by which version something was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Circumstances {
    /// The day in UTC.
    pub date: String,
    /// Processor, cores and kernel.
    pub machine: String,
    /// This program's version, and whether it is a debug build.
    pub version: String,
}

impl Circumstances {
    /// Here and now.
    pub fn now() -> Self {
        let unknown = || "unknown".to_owned();
        let debug = if cfg!(debug_assertions) { " (debug build: CPU figures are not those of a release)" } else { "" };
        Self {
            date: date(SystemTime::now()).unwrap_or_else(unknown),
            machine: format!(
                "{}, {} cores, Linux {}",
                host::cpu_model().unwrap_or_else(unknown),
                cores::allowed().map_or_else(|_| unknown(), |cores| cores.len().to_string()),
                host::kernel().unwrap_or_else(unknown),
            ),
            version: format!("tokenprism {}{debug}", env!("CARGO_PKG_VERSION")),
        }
    }

    /// Title and facts of a page; `cores` says how they were shared, `task` of `cargo xtask` repeats it.
    pub fn head(&self, title: &str, cores: &str, task: &str) -> String {
        let Self { date, machine, version } = self;
        format!(
            "# {title}\n\n- Date: {date} (UTC)\n- Machine: {machine}; {cores}\n- Version: {version}\n\
             - Command: `cargo xtask {task}`\n"
        )
    }
}

/// Title and facts of a page that is written where it is measured; `command` repeats the bench.
pub(super) fn head(title: &str, cores: &str, command: &str) -> String {
    Circumstances::now().head(title, cores, &format!("bench {command}"))
}

/// Prints the page, and writes it to a file where one is named.
///
/// # Errors
/// Where the file or its folder cannot be written.
pub(super) fn write(text: &str, out: Option<&Path>) -> anyhow::Result<()> {
    print!("{text}");
    let Some(path) = out else { return Ok(()) };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// The day in UTC.
fn date(at: SystemTime) -> Option<String> {
    let days = i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_secs() / 86_400).ok()?;
    let (year, month, day) = calendar::date(days);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates() {
        let of = |s: u64| date(UNIX_EPOCH + Duration::from_secs(s)).unwrap();
        assert_eq!(
            [of(0), of(951_782_400), of(1_709_164_800), of(1_735_689_599)],
            ["1970-01-01", "2000-02-29", "2024-02-29", "2024-12-31"]
        );
    }
}
