//! Owns links that show a run, a study or a comparison to whoever has them: made, listed, revoked.
//! Must not know who may do that, nor how a link is followed.

use super::tokens::{days_within, end_of};
use super::{Fresh, People, PeopleError, Within};
use crate::log::{KeptShare, LogError, SqliteLog};
use crate::orchestrate::unix_ms;
use crate::secret::Secret;
use shared::ids::ShareId;
use shared::people::{MAX_SHARE_DAYS, SHARE_DAYS, ShareRow, Shared, Side, Who};
use shared::wire::RunRow;

/// Shares that open something, at most.
const MAX_SHARES: usize = 1_024;
/// Sides of a comparison that are shared at most: as many as are compared.
const MAX_SIDES: usize = 64;

/// What is there of something to share: its name, and what whoever has the link may see.
async fn look(log: &SqliteLog, side: &Side) -> Result<Option<(String, Within)>, LogError> {
    let mut within = Within::default();
    let name = match side {
        Side::Run(run) => {
            let Some(view) = log.view(run).await? else { return Ok(None) };
            within.runs.insert(run.clone());
            RunRow::of(&view).map_or_else(|| run.to_string(), |row| row.name)
        }
        Side::Study(study) => {
            let Some((of, rows)) = log.study(study).await? else { return Ok(None) };
            within.studies.insert(study.clone());
            within.runs.extend(rows.into_iter().map(|row| row.run));
            of.plan.name
        }
    };
    Ok(Some((name, within)))
}

fn sides(shared: &Shared) -> Vec<Side> {
    match shared {
        Shared::Run(run) => vec![Side::Run(run.clone())],
        Shared::Study(study) => vec![Side::Study(study.clone())],
        Shared::Comparison(sides) => sides.clone(),
    }
}

/// What whoever has the link may see by now: what was deleted is left out. All runs of a study exist from its beginning.
pub(super) async fn within(log: &SqliteLog, shared: &Shared) -> Result<Within, LogError> {
    let mut all = Within { shared: vec![shared.clone()], ..Within::default() };
    for side in sides(shared) {
        if let Some((_, within)) = look(log, &side).await? {
            all.runs.extend(within.runs);
            all.studies.extend(within.studies);
        }
    }
    Ok(all)
}

/// The name of what is shared.
async fn title(log: &SqliteLog, shared: &Shared) -> Result<String, PeopleError> {
    let sides = sides(shared);
    if sides.is_empty() || sides.len() > MAX_SIDES {
        let sentence =
            format!("A comparison of {} is shared, but must be of 1 to {MAX_SIDES} runs or studies.", sides.len());
        return Err(PeopleError::Invalid(sentence));
    }
    let mut names = Vec::new();
    for side in &sides {
        let kind = if matches!(side, Side::Run(_)) { "run" } else { "study" };
        let (name, _) = look(log, side).await?.ok_or_else(|| PeopleError::NothingThere(format!("{kind} {side}")))?;
        names.push(name);
    }
    let more = names.len().saturating_sub(2);
    names.truncate(2);
    let named = names.join(" and ");
    Ok(if more > 0 { format!("{named} and {more} more") } else { named })
}

impl People {
    /// Makes a link that shows something for so many days, [`SHARE_DAYS`] where nobody says. The secret in it is not seen
    /// again.
    ///
    /// # Errors
    /// [`PeopleError`]: nothing there to share, days that cannot be, too many shares, or a failure of the log.
    pub async fn create_share(
        &self,
        shared: Shared,
        days: Option<u32>,
        by: Who,
    ) -> Result<(ShareRow, Secret), PeopleError> {
        let days = days_within(days.unwrap_or(SHARE_DAYS), MAX_SHARE_DAYS)?;
        let title = title(&self.0.log, &shared).await?;
        let now = unix_ms();
        if self.kept().live(now).1 >= MAX_SHARES {
            return Err(PeopleError::TooMany { what: "shares", most: MAX_SHARES });
        }
        let within = within(&self.0.log, &shared).await?;
        let (share, expires_unix_ms) = (ShareId::new(now, rand::random()), end_of(now, days));
        let row = ShareRow { share, shared, title, created_unix_ms: now, by, expires_unix_ms };
        let Fresh { secret, hash } = Fresh::new();
        let kept = KeptShare { row: row.clone(), sha256: hash };
        self.0.log.create_share(kept.clone()).await?;
        self.kept().put_share(kept, within);
        Ok((row, secret))
    }

    /// Shares that were not revoked, oldest first; expired ones for a while.
    #[must_use]
    pub fn shares(&self) -> Vec<ShareRow> {
        self.kept().shares(unix_ms())
    }

    /// Revokes a share: whoever has its link is out at once.
    ///
    /// # Errors
    /// [`PeopleError`] where there is no such share, or a failure of the log.
    pub async fn revoke_share(&self, share: &ShareId, by: Who) -> Result<(), PeopleError> {
        self.0.log.revoke_share(share.clone(), by).await?;
        self.kept().remove_share(share);
        self.tell_revoked();
        Ok(())
    }
}
