//! Owns a principal: who asks, what they may do and what they may know of.
//! Must not know how they said who they are.

use shared::ids::{RunId, ShareId, StudyId, TokenId};
use shared::people::{Role, Shared, Who};
use std::collections::BTreeSet;

/// What somebody holds that opens something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A named token.
    Token(TokenId),
    /// The link of a share.
    Share(ShareId),
}

/// Runs and studies that were shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Within {
    /// What was shared.
    pub shared: Vec<Shared>,
    /// Runs that may be seen.
    pub runs: BTreeSet<RunId>,
    /// Studies that may be seen.
    pub studies: BTreeSet<StudyId>,
}

impl Within {
    /// Adds what another share shows.
    fn add(&mut self, other: Self) {
        self.shared.extend(other.shared);
        self.runs.extend(other.runs);
        self.studies.extend(other.studies);
    }
}

/// What a principal may know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Everything,
    /// What was shared, and nothing else.
    Shared(Within),
}

/// Somebody who may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Id and name.
    pub who: Who,
    /// What it may do.
    pub role: Role,
    /// What it may know of.
    pub scope: Scope,
    /// What it holds; nothing for whoever needs no token of ours.
    pub grants: Vec<Grant>,
    /// When the first of its grants ends, Unix ms.
    pub expires_unix_ms: Option<u64>,
}

impl Principal {
    /// Somebody who may know of everything.
    #[must_use]
    pub fn of(who: Who, role: Role) -> Self {
        Self { who, role, scope: Scope::Everything, grants: Vec::new(), expires_unix_ms: None }
    }

    /// True for who may know of everything.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.scope == Scope::Everything
    }

    /// True where it may know of the run.
    #[must_use]
    pub fn may_see(&self, run: &RunId) -> bool {
        match &self.scope {
            Scope::Everything => true,
            Scope::Shared(within) => within.runs.contains(run),
        }
    }

    /// True where it may know of the study.
    #[must_use]
    pub fn may_see_study(&self, study: &StudyId) -> bool {
        match &self.scope {
            Scope::Everything => true,
            Scope::Shared(within) => within.studies.contains(study),
        }
    }

    /// The same with what another share shows, where only shares are held: a browser may have opened several.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        if let (Scope::Shared(within), Scope::Shared(more)) = (&mut self.scope, other.scope) {
            within.add(more);
            self.grants.extend(other.grants);
            self.expires_unix_ms = self.expires_unix_ms.into_iter().chain(other.expires_unix_ms).min();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(share: u32, runs: &[u32], expires_unix_ms: u64) -> Principal {
        let (share, runs) = (ShareId::new(1, share), runs.iter().map(|run| RunId::new(1, *run)));
        Principal {
            who: Who { id: share.to_string(), name: "guest".to_owned() },
            role: Role::Viewer,
            scope: Scope::Shared(Within { runs: runs.collect(), ..Within::default() }),
            grants: vec![Grant::Share(share)],
            expires_unix_ms: Some(expires_unix_ms),
        }
    }

    #[test]
    fn several_links_show_what_each_does_until_the_first_ends() {
        let both = guest(1, &[1, 2], 9).with(guest(2, &[3], 7));
        for (run, expect) in [(1, true), (2, true), (3, true), (4, false)] {
            assert_eq!(both.may_see(&RunId::new(1, run)), expect, "{run}");
        }
        assert!(!both.sees_all() && !both.may_see_study(&StudyId::new(1, 1)));
        assert_eq!((both.grants.len(), both.expires_unix_ms), (2, Some(7)));
    }

    #[test]
    fn who_sees_all_gains_nothing_by_a_link() {
        let admin = Principal::of(Who { id: "admin".to_owned(), name: "admin".to_owned() }, Role::Admin);
        assert_eq!(admin.clone().with(guest(1, &[1], 9)), admin);
    }
}
