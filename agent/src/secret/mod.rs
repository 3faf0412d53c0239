//! Owns secrets: a value that no print shows, where it is looked up by name, and its removal from what others say.
//! Must not know what a secret opens.

mod environment;
mod redactor;
mod store;

pub use environment::withheld;
pub use redactor::Redactor;
pub use store::{SecretError, Store};

use std::fmt;
use std::path::Path;

/// Stands where a secret was.
const HIDDEN: &str = "[secret]";

/// A value that must not be seen. It has no form that can be printed or stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a value.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one who must have it: a header on the wire, a child's environment.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// Where secrets are looked up: the environment first, then the store.
#[derive(Clone, Debug)]
pub struct Secrets {
    store: Store,
}

impl Secrets {
    /// The secrets of an agent with this data directory.
    #[must_use]
    pub fn of(data_dir: &Path) -> Self {
        Self { store: Store::of(data_dir) }
    }

    /// The secret of a name; absent where neither the environment nor the store has it.
    ///
    /// # Errors
    /// [`SecretError`] where the store cannot be read, or others can read it.
    pub fn find(&self, name: &str) -> Result<Option<Secret>, SecretError> {
        match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok(Some(Secret::new(value))),
            _ => self.store.find(name),
        }
    }

    /// The secret of a name that a plan relies on.
    ///
    /// # Errors
    /// [`SecretError::Missing`] where nobody has it; the store's own errors.
    pub fn require(&self, name: &str) -> Result<Secret, SecretError> {
        self.find(name)?.ok_or_else(|| SecretError::Missing(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_a_secret() {
        let secret = Secret::new("hf_abcdef");
        let shown = format!("{secret} {secret:?} {:?} {:#?}", Some(&secret), Redactor::of([secret.clone()]));
        assert!(!shown.contains("abcdef") && shown.contains(HIDDEN), "{shown}");
    }
}
