//! Owns what is asked of the agent's own stream: studies, tokens, shares, and what people did.
//! Must not know runs beyond the rows of a study's.

use super::audit::{self, Did};
use super::error::LogError;
use super::people::{self, KeptShare, KeptToken};
use super::project::AgentBody;
use super::sqlite::{MAX_READ, SqliteLog};
use super::studies::{self, Study};
use super::writer::Job;
use shared::ids::{ShareId, StudyId, TokenId};
use shared::people::{AuditRow, Who};
use shared::wire::RunRow;

impl SqliteLog {
    /// Puts a study into the list; its runs name it.
    ///
    /// # Errors
    /// Where nothing was stored: disk full, log closed.
    pub async fn begin_study(&self, study: Study) -> Result<(), LogError> {
        self.own(AgentBody::StudyBegun(Box::new(study))).await
    }

    /// Takes a study out of the list into the bin; its runs stay.
    ///
    /// # Errors
    /// [`LogError::NoSuchStudy`], or a failure of the disk.
    pub async fn delete_study(&self, study: &StudyId, by: Option<Who>) -> Result<(), LogError> {
        self.own(AgentBody::StudyDeleted { study: study.clone(), by }).await
    }

    /// A study and the rows of its runs; nothing for one that is not there or was deleted.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn study(&self, study: &StudyId) -> Result<Option<(Study, Vec<RunRow>)>, LogError> {
        let id = study.clone();
        self.read(move |conn| {
            let tx = conn.unchecked_transaction()?;
            let Some(study) = studies::find(&tx, &id)? else { return Ok(None) };
            Ok(Some((study, studies::rows(&tx, &id)?)))
        })
        .await
    }

    /// Keeps a token.
    ///
    /// # Errors
    /// Where nothing was stored: disk full, log closed.
    pub async fn create_token(&self, token: KeptToken) -> Result<(), LogError> {
        self.own(AgentBody::TokenCreated(Box::new(token))).await
    }

    /// Forgets a token.
    ///
    /// # Errors
    /// [`LogError::NoSuchToken`], or a failure of the disk.
    pub async fn revoke_token(&self, token: TokenId, by: Who) -> Result<(), LogError> {
        self.own(AgentBody::TokenRevoked { token, by }).await
    }

    /// Tokens that were not revoked, oldest first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn tokens(&self) -> Result<Vec<KeptToken>, LogError> {
        self.read(people::tokens).await
    }

    /// Notes when tokens were used last, Unix ms; of one that was revoked meanwhile nothing.
    ///
    /// # Errors
    /// Where nothing was stored: disk full, log closed.
    pub async fn note_uses(&self, uses: Vec<(TokenId, u64)>) -> Result<(), LogError> {
        self.job(|reply| Job::Used { uses, reply }).await
    }

    /// Keeps a share.
    ///
    /// # Errors
    /// Where nothing was stored: disk full, log closed.
    pub async fn create_share(&self, share: KeptShare) -> Result<(), LogError> {
        self.own(AgentBody::ShareCreated(Box::new(share))).await
    }

    /// Forgets a share.
    ///
    /// # Errors
    /// [`LogError::NoSuchShare`], or a failure of the disk.
    pub async fn revoke_share(&self, share: ShareId, by: Who) -> Result<(), LogError> {
        self.own(AgentBody::ShareRevoked { share, by }).await
    }

    /// Shares that were not revoked, oldest first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn shares(&self) -> Result<Vec<KeptShare>, LogError> {
        self.read(people::shares).await
    }

    /// Notes what somebody did.
    ///
    /// # Errors
    /// Where nothing was stored: disk full, log closed.
    pub async fn note(&self, did: Did) -> Result<(), LogError> {
        self.own(AgentBody::Did(did)).await
    }

    /// What was done, the last first, at most `limit` (and 10,000) before the row of this number.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn audit(&self, limit: usize, before: Option<u64>) -> Result<Vec<AuditRow>, LogError> {
        self.read(move |conn| audit::rows(conn, limit.min(MAX_READ), before)).await
    }

    pub(super) async fn own(&self, body: AgentBody) -> Result<(), LogError> {
        self.job(|reply| Job::Own { body, reply }).await
    }
}
