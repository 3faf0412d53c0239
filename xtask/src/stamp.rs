//! Owns "nothing changed since": a fingerprint of inputs and outputs, kept after a step has succeeded.
//! Must not know what the step makes.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// 64-bit FNV-1a: stable across compilers, so that a new toolchain alone invalidates nothing; guards against forgetting a
/// rebuild, not against an adversary.
#[derive(Clone, Copy)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds bytes, and their length, so that two fields cannot run into each other.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&(bytes.len() as u64).to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Adds a file, or all files below a folder, by relative name and content. What is absent counts as absent.
    ///
    /// # Errors
    /// When something that exists cannot be read.
    pub fn add_path(&mut self, path: &Path, skip: &[&str]) -> Result<()> {
        let mut files = Vec::new();
        walk(path, skip, &mut files).with_context(|| format!("cannot read {}", path.display()))?;
        files.sort();
        for file in files {
            self.add(file.strip_prefix(path).unwrap_or(&file).to_string_lossy().as_bytes());
            self.add(&std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
        }
        Ok(())
    }

    /// As text.
    pub fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}

fn walk(path: &Path, skip: &[&str], files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if !skip.iter().any(|name| entry.file_name() == *name) {
                walk(&entry.path(), skip, files)?;
            }
        }
    } else if path.is_file() {
        files.push(path.to_path_buf());
    }
    Ok(())
}

/// The stamp of one step: what it was made from, and what it made.
pub struct Stamp {
    file: PathBuf,
    inputs: Fingerprint,
    output: PathBuf,
}

impl Stamp {
    /// A step called `name` that makes `output` (a file or folder) from `inputs`.
    pub fn new(name: &str, inputs: Fingerprint, output: PathBuf) -> Self {
        Self { file: crate::paths::target().join("xtask").join(format!("{name}.stamp")), inputs, output }
    }

    fn text(&self) -> Result<String> {
        let mut output = Fingerprint::new();
        output.add_path(&self.output, &[])?;
        Ok(format!("{} {}", self.inputs.hex(), output.hex()))
    }

    /// Whether the output is there, unchanged, and made from these inputs.
    ///
    /// # Errors
    /// When the output cannot be read.
    pub fn is_fresh(&self) -> Result<bool> {
        let Ok(kept) = std::fs::read_to_string(&self.file) else { return Ok(false) };
        Ok(self.output.exists() && kept == self.text()?)
    }

    /// Keeps the stamp; called after the step has succeeded.
    ///
    /// # Errors
    /// When the stamp cannot be written.
    pub fn keep(&self) -> Result<()> {
        if let Some(dir) = self.file.parent() {
            std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        std::fs::write(&self.file, self.text()?).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dir: &Path, skip: &[&str]) -> String {
        let mut fingerprint = Fingerprint::new();
        fingerprint.add_path(dir, skip).unwrap();
        fingerprint.hex()
    }

    #[test]
    fn names_and_contents_count_and_skipped_folders_do_not() {
        let dir = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("dist")).unwrap();
        std::fs::write(dir.join("a"), "1").unwrap();
        let first = of(&dir, &["dist"]);
        std::fs::write(dir.join("dist/x"), "built").unwrap();
        assert_eq!(of(&dir, &["dist"]), first);
        assert_ne!(of(&dir, &[]), first);
        std::fs::write(dir.join("a"), "2").unwrap();
        assert_ne!(of(&dir, &["dist"]), first);
        std::fs::write(dir.join("a"), "1").unwrap();
        assert_eq!(of(&dir, &["dist"]), first);
        std::fs::rename(dir.join("a"), dir.join("b")).unwrap();
        assert_ne!(of(&dir, &["dist"]), first);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let mut one = Fingerprint::new();
        one.add(b"ab");
        one.add(b"c");
        let mut two = Fingerprint::new();
        two.add(b"a");
        two.add(b"bc");
        assert_ne!(one.hex(), two.hex());
    }
}
