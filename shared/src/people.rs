//! Owns the words of a team on one agent: roles, named tokens, what a link shares, who asks, and what was done.
//! Must not know how tokens are kept or checked, nor what a route does.

use crate::ids::{RunId, ShareId, StudyId, TokenId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Days that a link lasts where nobody says otherwise.
pub const SHARE_DAYS: u32 = 7;
/// Days that a link lasts at most.
pub const MAX_SHARE_DAYS: u32 = 90;
/// Days that a token lasts at most, where it ends at all.
pub const MAX_TOKEN_DAYS: u32 = 3650;

/// What the agent says, and the page knows, where a link that was opened shows nothing any more.
pub const LINK_ENDED: &str =
    "The link that was opened here was revoked or has expired: ask whoever sent it for a new one.";

/// What somebody may do; each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Starts, cancels and deletes runs, starts engines, imports, shares.
    Operator,
    /// Everything: tokens and the audit log, too.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// Its word.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A text that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no role: use viewer, operator or admin")]
pub struct InvalidRole(String);

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        let role = Self::ALL.into_iter().find(|role| role.label() == text);
        role.ok_or_else(|| InvalidRole(text.chars().take(40).collect()))
    }
}

/// A run or a study: what is compared, tagged or deleted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Side {
    /// A run.
    Run(RunId),
    /// All runs of a study.
    Study(StudyId),
}

/// A text that is the id of neither a run nor a study.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is the id of neither a run nor a study")]
pub struct InvalidSide(String);

impl TryFrom<String> for Side {
    type Error = InvalidSide;

    fn try_from(text: String) -> Result<Self, InvalidSide> {
        let run = RunId::try_from(text.clone()).map(Side::Run).ok();
        let side = run.or_else(|| StudyId::try_from(text.clone()).map(Side::Study).ok());
        side.ok_or_else(|| InvalidSide(text.chars().take(40).collect()))
    }
}

impl From<Side> for String {
    fn from(side: Side) -> Self {
        side.to_string()
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Side::Run(run) => run.fmt(f),
            Side::Study(study) => study.fmt(f),
        }
    }
}

/// What a link shows to whoever has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shared {
    /// A run.
    Run(RunId),
    /// A study and its runs.
    Study(StudyId),
    /// A comparison, and the runs and studies that it compares; the first is what the others are compared with.
    Comparison(Vec<Side>),
}

impl Shared {
    /// The page that shows it.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Shared::Run(run) => format!("/runs/{run}"),
            Shared::Study(study) => format!("/studies/{study}"),
            Shared::Comparison(sides) => {
                let sides: Vec<String> = sides.iter().map(ToString::to_string).collect();
                format!("/compare?runs={}", sides.join(","))
            }
        }
    }

    /// What kind of thing it is, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Shared::Run(_) => "run",
            Shared::Study(_) => "study",
            Shared::Comparison(_) => "comparison",
        }
    }
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// `admin` for the token that the agent printed, the id of a named token or of a share, `command line`, or the user that a
    /// proxy named.
    pub id: String,
    /// The name that goes with it.
    pub name: String,
}

/// A named token as it is listed; never the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Its id.
    pub token: TokenId,
    /// Whose or what for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Creation, Unix ms of the host.
    pub created_unix_ms: u64,
    /// Who made it.
    pub by: Who,
    /// When it was used last, Unix ms of the host; absent where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_unix_ms: Option<u64>,
    /// When it ends, Unix ms of the host; absent where it does not by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_unix_ms: Option<u64>,
}

/// A token that was just made: the only time that it is seen.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// How it is listed.
    pub row: TokenRow,
    /// The token.
    pub secret: String,
}

/// A link as it is listed; never the link itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRow {
    /// Its id.
    pub share: ShareId,
    /// What it shows.
    pub shared: Shared,
    /// The name of what it shows, as of its creation.
    pub title: String,
    /// Creation, Unix ms of the host.
    pub created_unix_ms: u64,
    /// Who made it.
    pub by: Who,
    /// When it ends, Unix ms of the host.
    pub expires_unix_ms: u64,
}

/// A link that was just made: the only time that it is seen.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewShare {
    /// How it is listed.
    pub row: ShareRow,
    /// The link, relative to the agent.
    pub path: String,
}

/// Who asks, as the agent knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// Id and name.
    pub who: Who,
    /// What they may do.
    pub role: Role,
    /// What was shared with them, where that is all that they may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<Vec<Shared>>,
    /// When that ends, Unix ms of the host; absent where it does not by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_unix_ms: Option<u64>,
    /// Offset of the host's local time from UTC now, minutes, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utc_offset_minutes: Option<i32>,
    /// Name of the host's time zone, `Europe/Berlin`, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Its number; later ones are greater.
    pub seq: u64,
    /// When, Unix ms of the host.
    pub at_unix_ms: u64,
    /// Who; absent where nobody was signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Who>,
    /// What was done, in words: `run cancelled`.
    pub action: String,
    /// What to: an id, the words of a GPU, an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_role_may_what_the_ones_before_it_may() {
        assert!(Role::ALL.is_sorted());
        for role in Role::ALL {
            assert_eq!(role.label().parse(), Ok(role));
            assert_eq!(json!(role), Value::from(role.label()));
        }
        assert!("root".parse::<Role>().unwrap_err().to_string().contains("\"root\" is no role"));
    }

    #[test]
    fn what_is_shared_has_one_form_and_one_page() {
        let (run, study) = (RunId::new(1, 2), StudyId::new(1, 2));
        let check = |shared: Shared, form: Value, path: &str| {
            assert_eq!(json!(shared), form);
            assert_eq!(serde_json::from_value::<Shared>(form).unwrap(), shared);
            let packed = rmp_serde::to_vec_named(&shared).unwrap();
            assert_eq!(rmp_serde::from_slice::<Shared>(&packed).unwrap(), shared);
            assert_eq!(shared.path(), path);
        };
        check(Shared::Run(run.clone()), json!({ "run": run.as_str() }), &format!("/runs/{run}"));
        check(Shared::Study(study.clone()), json!({ "study": study.as_str() }), &format!("/studies/{study}"));
        let sides = vec![Side::Study(study.clone()), Side::Run(run.clone())];
        let form = json!({ "comparison": [study.as_str(), run.as_str()] });
        check(Shared::Comparison(sides), form, &format!("/compare?runs={study},{run}"));
    }
}
