//! Owns running other programs: what is run is printed, its output streams through, a failure is a sentence.
//! Must not know which programs those are.

use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program to run.
pub struct Sh {
    command: Command,
}

impl Sh {
    /// In the repository's top folder unless `dir` says otherwise.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.current_dir(crate::paths::root());
        Self { command }
    }

    /// Adds arguments.
    pub fn args<I: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = I>) -> Self {
        self.command.args(args);
        self
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds an option whose value is a path.
    pub fn arg_path(mut self, option: &str, path: &Path) -> Self {
        self.command.arg(option).arg(path);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets several environment variables.
    pub fn envs(mut self, vars: &[(&'static str, OsString)]) -> Self {
        for (name, value) in vars {
            self.command.env(name, value);
        }
        self
    }

    /// Unsets an environment variable.
    pub fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs in that folder.
    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// The words as a person would type them.
    fn shown(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        let words: Vec<String> = words
            .map(|word| word.to_string_lossy().into_owned())
            .map(|word| if word.contains(' ') { format!("'{word}'") } else { word })
            .collect();
        words.join(" ")
    }

    /// Runs it with its output on ours.
    ///
    /// # Errors
    /// When it cannot be started or ends with a failure.
    pub fn run(mut self) -> Result<()> {
        let shown = self.shown();
        println!("  $ {shown}");
        let status = self.command.status().with_context(|| format!("`{shown}` could not be started"))?;
        if !status.success() {
            bail!("`{shown}` failed ({status}); its output is above");
        }
        Ok(())
    }

    /// Runs it silently for what it prints; None when it is absent or fails.
    pub fn output(mut self) -> Option<String> {
        let output = self.command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Becomes that program; returns only when it cannot be started.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn exec(mut self) -> Result<()> {
        use std::os::unix::process::CommandExt;
        let shown = self.shown();
        println!("  $ {shown}");
        Err(self.command.exec()).with_context(|| format!("`{shown}` could not be started"))
    }
}

/// PATH with these folders in front.
///
/// # Errors
/// When a folder's name holds a colon, which PATH cannot carry.
pub fn path_with(front: &[PathBuf]) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = front.iter().cloned().chain(std::env::split_paths(&path));
    std::env::join_paths(all).context("a folder with a colon in its name cannot be put on PATH; move the repository")
}
