//! Owns what a Python environment has and lacks for the baseline, and the command that brings what it lacks.
//! Must not know who asks.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Oldest Python that runs the program.
const OLDEST_PYTHON: (u32, u32) = (3, 10);
/// Oldest major version of Transformers that it works with.
const OLDEST_TRANSFORMERS: u32 = 5;
/// What pip is told to bring.
const PACKAGES: &str = "torch 'transformers>=5'";
/// Prints versions without importing the packages, which takes seconds.
const QUESTION: &str = "
import importlib.metadata, json, sys
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
names = ('torch', 'transformers')
print(json.dumps({'python': sys.version.split()[0]} | {name: version(name) for name in names}))
";

/// The Python of an environment; the one on PATH where none is named.
#[must_use]
pub fn python_of(venv: Option<&Path>) -> PathBuf {
    venv.map_or_else(|| "python3".into(), |venv| venv.join("bin/python"))
}

/// What a Python says of its environment.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Environment {
    python: String,
    torch: Option<String>,
    transformers: Option<String>,
}

impl Environment {
    /// Asks a Python; absent where there is none that answers.
    #[must_use]
    pub fn of(python: &Path) -> Option<Self> {
        // Isolated: packages of the folder that we happen to be in are not those of the environment.
        let mut command = Command::new(python);
        let output = command.args(["-I", "-c", QUESTION]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Every version on one line, with what is wrong with it.
    #[must_use]
    pub fn summary(&self) -> String {
        let (major, minor) = OLDEST_PYTHON;
        let python = if self.has_python() { String::new() } else { format!(" (needs {major}.{minor})") };
        let torch = self.torch.as_deref().unwrap_or("missing");
        let transformers = match &self.transformers {
            None => "missing".to_owned(),
            Some(version) if self.has_transformers() => version.clone(),
            Some(version) => format!("{version} (needs {OLDEST_TRANSFORMERS})"),
        };
        format!("Python {}{python}, torch {torch}, transformers {transformers}", self.python)
    }

    /// Whether the baseline can run there.
    #[must_use]
    pub fn suffices(&self) -> bool {
        self.has_python() && self.torch.is_some() && self.has_transformers()
    }

    fn has_python(&self) -> bool {
        let mut numbers = self.python.split('.').map(|number| number.parse().ok());
        matches!((numbers.next().flatten(), numbers.next().flatten()), (Some(major), Some(minor)) if (major, minor) >= OLDEST_PYTHON)
    }

    fn has_transformers(&self) -> bool {
        let major = self.transformers.as_deref().and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        major.is_some_and(|major| major >= OLDEST_TRANSFORMERS)
    }

    /// The command that makes an environment sufficient that is so now, or is not there at all.
    #[must_use]
    pub fn remedy(found: Option<&Self>, venv: &Path) -> String {
        let folder = venv.display().to_string();
        let folder = if folder.contains(' ') { format!("'{folder}'") } else { folder };
        let install = format!("{folder}/bin/python -m pip install {PACKAGES}");
        match found {
            Some(environment) if environment.has_python() => install,
            // Its Python is too old: one on PATH may be newer.
            Some(_) => format!("python3 -m venv --clear {folder} && {install}"),
            None => format!("python3 -m venv {folder} && {install}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(python: &str, torch: Option<&str>, transformers: Option<&str>) -> Environment {
        Environment { python: python.into(), torch: torch.map(Into::into), transformers: transformers.map(Into::into) }
    }

    #[test]
    fn what_suffices_and_what_brings_the_rest() {
        let check = |found: Option<Environment>, suffices: bool, remedy: &str| {
            let got = found.as_ref().is_some_and(Environment::suffices);
            assert_eq!(got, suffices, "{found:?}");
            assert_eq!(Environment::remedy(found.as_ref(), Path::new("/srv/venv")), remedy, "{found:?}");
        };
        let pip = "/srv/venv/bin/python -m pip install torch 'transformers>=5'";
        check(Some(environment("3.12.3", Some("2.11.0"), Some("5.17.0"))), true, pip);
        check(Some(environment("3.12.3", None, Some("5.17.0"))), false, pip);
        check(Some(environment("3.12.3", Some("2.11.0"), None)), false, pip);
        check(Some(environment("3.12.3", Some("2.11.0"), Some("4.57.1"))), false, pip);
        check(Some(environment("3.10.0rc1", Some("2.11.0"), Some("10.0.0"))), true, pip);
        let old = format!("python3 -m venv --clear /srv/venv && {pip}");
        check(Some(environment("3.9.2", Some("2.8.0"), Some("5.1.0"))), false, &old);
        check(None, false, &format!("python3 -m venv /srv/venv && {pip}"));
    }

    #[test]
    fn the_summary_names_what_is_missing_or_too_old() {
        let check = |python, torch, transformers, expect: &str| {
            assert_eq!(environment(python, torch, transformers).summary(), expect);
        };
        check("3.12.3", Some("2.11.0"), Some("5.17.0"), "Python 3.12.3, torch 2.11.0, transformers 5.17.0");
        check("3.12.3", None, Some("4.1"), "Python 3.12.3, torch missing, transformers 4.1 (needs 5)");
        check("3.9.2", Some("2.8.0"), None, "Python 3.9.2 (needs 3.10), torch 2.8.0, transformers missing");
    }

    #[test]
    fn a_python_that_is_not_there_says_nothing() {
        assert_eq!(Environment::of(Path::new("/nonexistent/bin/python")), None);
        assert_eq!(Environment::of(Path::new("/bin/true")), None);
    }
}
