//! Owns the file that secrets are kept in, beside the log: for its owner only, written whole or not at all.
//! Must not know what a secret is for.

use super::Secret;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Name of the file within the data directory.
const FILE: &str = "secrets.json";
/// Longest value, bytes.
const MAX_VALUE_BYTES: usize = 8 << 10;

/// Why a secret was not found or not kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Neither the environment nor the store has it.
    #[error(
        "The plan names the secret {0}, which the agent does not have: set the variable for the agent, or keep it with \
         `tokenprism secret set {0}`."
    )]
    Missing(String),
    /// Not a name.
    #[error("\"{0}\" is no name of a secret: use capital letters, digits and underscores, at most 64.")]
    Name(String),
    /// Not a value.
    #[error("The value of {name} {problem}")]
    Value {
        /// The secret's name.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Others can read the file.
    #[error(
        "{path} can be read by other users of this host (mode {mode:o}): chmod 600 {path}, and change what is in it."
    )]
    Readable {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// The system refused, or the file holds something else.
    #[error("{path} could not be {what}: {reason}.")]
    File {
        /// The file.
        path: String,
        /// What was tried.
        what: &'static str,
        /// Why not.
        reason: String,
    },
}

/// The store of one data directory. It is read anew each time, so that a secret set meanwhile is found.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// The store of this data directory.
    #[must_use]
    pub fn of(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE) }
    }

    /// The secret of a name, where it is kept.
    ///
    /// # Errors
    /// Where the file cannot be read, or others can read it.
    pub fn find(&self, name: &str) -> Result<Option<Secret>, SecretError> {
        Ok(self.read()?.remove(name).map(Secret::new))
    }

    /// Names of all that is kept.
    ///
    /// # Errors
    /// Where the file cannot be read, or others can read it.
    pub fn names(&self) -> Result<Vec<String>, SecretError> {
        Ok(self.read()?.into_keys().collect())
    }

    /// Keeps a secret, in place of one of the same name.
    ///
    /// # Errors
    /// Where name or value cannot be those of a secret, or the file cannot be written.
    pub fn set(&self, name: &str, value: &str) -> Result<(), SecretError> {
        let is_name = !name.is_empty()
            && name.len() <= 64
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if !is_name {
            return Err(SecretError::Name(name.chars().take(64).collect()));
        }
        let problem = match value {
            "" => Some("is empty."),
            value if value.len() > MAX_VALUE_BYTES => Some("is longer than 8 KiB."),
            value if value.contains(char::is_control) => {
                Some("has a line's end or another control character, which no header or variable can have.")
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(SecretError::Value { name: name.to_owned(), problem });
        }
        let mut kept = self.read()?;
        kept.insert(name.to_owned(), value.to_owned());
        self.write(&kept)
    }

    /// Forgets a secret; true where it was kept.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn remove(&self, name: &str) -> Result<bool, SecretError> {
        let mut kept = self.read()?;
        let was_kept = kept.remove(name).is_some();
        if was_kept {
            self.write(&kept)?;
        }
        Ok(was_kept)
    }

    fn read(&self) -> Result<BTreeMap<String, String>, SecretError> {
        let failed = |reason: String| self.failed("read", reason);
        let metadata = match std::fs::metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            metadata => metadata.map_err(|e| failed(e.to_string()))?,
        };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretError::Readable { path: self.path.display().to_string(), mode });
        }
        let text = std::fs::read_to_string(&self.path).map_err(|e| failed(e.to_string()))?;
        // A parser's own words could quote a value.
        serde_json::from_str(&text).map_err(|e| failed(format!("line {} of it is no JSON of secrets", e.line())))
    }

    fn write(&self, kept: &BTreeMap<String, String>) -> Result<(), SecretError> {
        let failed = |reason: String| self.failed("written", reason);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let text = serde_json::to_vec_pretty(kept).map_err(|e| failed(e.to_string()))?;
        // Made for its owner only, and in place only once all of it is on the disk.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|e| failed(e.to_string()))?;
        file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(|e| failed(e.to_string()))?;
        file.persist(&self.path).map_err(|e| failed(e.error.to_string()))?;
        Ok(())
    }

    fn failed(&self, what: &'static str, reason: String) -> SecretError {
        SecretError::File { path: self.path.display().to_string(), what, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_reads_what_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of(dir.path());
        assert_eq!(store.find("HF_TOKEN").unwrap(), None);
        store.set("HF_TOKEN", "hf_1").unwrap();
        store.set("BOX_KEY", "sk-2").unwrap();
        store.set("HF_TOKEN", "hf_3").unwrap();
        let path = dir.path().join(FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(store.find("HF_TOKEN").unwrap(), Some(Secret::new("hf_3")));
        assert_eq!(store.names().unwrap(), ["BOX_KEY", "HF_TOKEN"]);
        assert!(store.remove("HF_TOKEN").unwrap() && !store.remove("HF_TOKEN").unwrap());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let said = store.find("BOX_KEY").unwrap_err().to_string();
        assert!(said.contains("mode 640") && said.contains("chmod 600"), "{said}");
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused_without_its_value() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of(dir.path());
        let check = |name: &str, value: &str, words: &str| {
            let said = store.set(name, value).unwrap_err().to_string();
            assert!(said.contains(words) && !said.contains("s3cret"), "{said}");
        };
        check("hf token", "s3cret", "is no name");
        check("1A", "s3cret", "is no name");
        check("", "s3cret", "is no name");
        check("A", "", "is empty");
        check("A", "s3cret\nB=1", "line's end");
        check("A", &"s3cret".repeat(2000), "8 KiB");
        std::fs::write(dir.path().join(FILE), "{\"A\": s3cret}").unwrap();
        std::fs::set_permissions(dir.path().join(FILE), std::fs::Permissions::from_mode(0o600)).unwrap();
        check("A", "x", "line 1 of it is no JSON");
    }
}
