//! Owns who may do what: named tokens, links, what each opens, and that revoked and expired ones end at once.
//! Must not know how a secret travels, nor what a route does.

mod error;
mod kept;
mod principal;
mod secret;
mod shares;
mod tokens;

pub use error::PeopleError;
pub use principal::{Grant, Principal, Scope, Within};
pub use secret::{Fresh, Hash, hash};
pub use tokens::command_line;

use crate::log::{LogError, SqliteLog};
use crate::orchestrate::unix_ms;
use crate::sync::lock;
use kept::Kept;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;
use tokio::sync::watch;

/// Between two times that uses of tokens are written down.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// Longest wait between two looks at the clock: it may be set.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The people of one agent. Clones are one.
#[derive(Clone)]
pub struct People(Arc<Inner>);

struct Inner {
    log: SqliteLog,
    kept: Mutex<Kept>,
    /// Told whenever something was revoked.
    revoked: watch::Sender<()>,
}

impl People {
    /// Reads who there is. Needs a tokio runtime around it: uses of tokens are noted once a minute as long as a clone lives.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    pub async fn open(log: SqliteLog) -> Result<Self, LogError> {
        let mut kept = Kept::new(log.tokens().await?);
        for share in log.shares().await? {
            let within = shares::within(&log, &share.row.shared).await?;
            kept.put_share(share, within);
        }
        let people = Self(Arc::new(Inner { log, kept: Mutex::new(kept), revoked: watch::Sender::new(()) }));
        tokio::spawn(note_uses(Arc::downgrade(&people.0)));
        Ok(people)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        lock(&self.0.kept)
    }

    /// Who has this token or the secret of a link, by its hash; nobody where it was never one, was revoked or has expired.
    #[must_use]
    pub fn principal(&self, hash: &Hash) -> Option<Principal> {
        self.kept().principal(hash, unix_ms())
    }

    /// Resolves once a principal has lost one of its grants: revoked, or expired.
    pub async fn ended(&self, principal: &Principal) {
        let mut revoked = self.0.revoked.subscribe();
        loop {
            let now = unix_ms();
            let Some(left) = self.kept().left_ms(&principal.grants, now) else { return };
            let wait = Duration::from_millis(left).min(LOOK_EVERY);
            // Either way it is looked at again. The sender lives as long as this.
            tokio::time::timeout(wait, revoked.changed()).await.ok();
        }
    }

    /// Writes down when tokens were used last.
    ///
    /// # Errors
    /// [`LogError`] where it could not be stored.
    pub async fn note_uses(&self) -> Result<(), LogError> {
        let uses = self.kept().take_uses();
        if uses.is_empty() { Ok(()) } else { self.0.log.note_uses(uses).await }
    }

    fn tell_revoked(&self) {
        self.0.revoked.send_replace(());
    }
}

async fn note_uses(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(NOTE_EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        if let Err(error) = People(inner).note_uses().await {
            tracing::warn!(%error, "when tokens were used last could not be noted");
        }
    }
}
