//! Owns secrets: a value that no print shows, where it is looked up by name, and its removal from what others say.
//! Must not know what a secret opens.

mod store;

pub use store::{SecretError, Store};

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

/// Stands where a secret was.
const HIDDEN: &str = "[secret]";
/// Shortest secret that is taken out of texts: a shorter one is part of ordinary words.
const SHORTEST: usize = 4;

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

/// Takes secrets out of texts that others wrote: a server's answer, an engine's log.
#[derive(Clone, Debug, Default)]
pub struct Redactor(Vec<Secret>);

impl Redactor {
    /// Takes these out.
    #[must_use]
    pub fn of(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut secrets: Vec<Secret> = secrets.into_iter().filter(|secret| secret.0.len() >= SHORTEST).collect();
        // One that holds another must go first, or the rest of it would stay.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.0.len()));
        Self(secrets)
    }

    /// The text without them.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.0.iter().fold(Cow::Borrowed(text), |text, secret| {
            if text.contains(&secret.0) { Cow::Owned(text.replace(&secret.0, HIDDEN)) } else { text }
        })
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

    #[test]
    fn what_others_say_is_rid_of_secrets() {
        let redactor = Redactor::of(["sk-123", "sk-123-long", "x"].map(Secret::new));
        let check = |text: &str, expect: &str| assert_eq!(redactor.redact(text), expect);
        check("Incorrect API key provided: sk-123-long.", "Incorrect API key provided: [secret].");
        check("sk-123sk-123", "[secret][secret]");
        check("box", "box");
    }
}
