//! Owns finding the browser of the tests, and installing it from the distribution's packages.
//! Must not know what the tests do with it.

use crate::apt;
use crate::paths;
use crate::sh::Sh;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Names the browser; the tests read the same variable.
pub const VARIABLE: &str = "TOKENPRISM_CHROMIUM";

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The browser named by TOKENPRISM_CHROMIUM, else one on PATH, else Debian's package.
///
/// # Errors
/// When none can be had; the sentence says what to do.
pub fn find_or_install() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) {
        let path = PathBuf::from(&named);
        if !works(&path) {
            bail!("{VARIABLE} names {}, which is no working Chromium; unset it or name another", path.display());
        }
        return Ok(path);
    }
    if let Some(path) = find() {
        return Ok(path);
    }
    let advice = format!("install Chromium or Chrome and name it: {VARIABLE}=/path/to/chrome cargo xtask test");
    apt::install(&["chromium"])
        .with_context(|| format!("the browser tests need a Chromium and none is on PATH; {advice}"))?;
    find().with_context(|| {
        format!("the chromium package of this distribution is a snap stub, which cannot be driven by tests; {advice}")
    })
}

fn find() -> Option<PathBuf> {
    NAMES.iter().filter_map(|name| paths::on_path(name)).find(|path| works(path))
}

/// Whether it is a real Chromium: Ubuntu's stub is a script that only talks about snap, and a snap cannot read the
/// profile folder that a test gives it.
fn works(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    if real.starts_with("/snap") || real.ends_with("usr/bin/snap") {
        return false;
    }
    paths::is_executable(path) && Sh::new(path).args(["--version"]).output().is_some_and(|said| is_chromium(&said))
}

/// `--version` of Chromium 120 and of Chrome begin like this.
fn is_chromium(said: &str) -> bool {
    ["Chromium ", "Google Chrome ", "Chrome for Testing "].iter().any(|name| said.contains(name))
        && !said.contains(" snap")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snap_is_not_a_browser_that_tests_can_drive() {
        assert!(is_chromium("Chromium 140.0.7339.80 built on Debian GNU/Linux 12 (bookworm)"));
        assert!(is_chromium("Google Chrome 139.0.7258.66"));
        assert!(!is_chromium("Chromium 139.0.7258.66 snap"));
        assert!(!is_chromium("Command '/usr/bin/chromium-browser' requires the chromium snap to be installed."));
        assert!(!is_chromium(""));
    }

    #[test]
    fn a_program_that_is_absent_or_no_browser_does_not_work() {
        assert!(!works(Path::new("/nonexistent/chromium")));
        assert!(!works(Path::new("/bin/true")));
    }
}
