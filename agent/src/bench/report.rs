//! Owns what every bench's page has in common: when, on which machine, by which version and command; and its writing.
//! Must not know what was measured.

use super::host;
use crate::cores;
use anyhow::Context;
use shared::calendar;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Title and facts of a page; `cores` says how they were shared, `command` repeats the bench.
pub(super) fn head(title: &str, cores: &str, command: &str) -> String {
    let unknown = || "unknown".to_owned();
    format!(
        "# {title}\n\n\
         - Date: {} (UTC)\n- Machine: {}, {} cores, Linux {}; {cores}\n- Version: tokenprism {}{}\n\
         - Command: `cargo xtask bench {command}`\n",
        date(SystemTime::now()).unwrap_or_else(unknown),
        host::cpu_model().unwrap_or_else(unknown),
        cores::allowed().map_or_else(|_| unknown(), |cores| cores.len().to_string()),
        host::kernel().unwrap_or_else(unknown),
        env!("CARGO_PKG_VERSION"),
        if cfg!(debug_assertions) { " (debug build: CPU figures are not those of a release)" } else { "" },
    )
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
