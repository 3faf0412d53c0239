//! Owns the identifiers of runs, studies, tokens, shares, schedules, points, trials and requests.
//! Must not know how they are stored or drawn.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Makes the type of an id: a letter and 20 lower-case hexadecimal digits, the first 12 of them the creation time in Unix ms, so
/// that ids sort by age and two made in one millisecond still differ; and the error of a text that is none.
macro_rules! stamped {
    ($id:ident, $invalid:ident, $letter:literal, $what:literal, $whose:literal) => {
        #[doc = concat!("The id of a ", $what, ": `", $letter, "` and 20 lower-case hexadecimal digits, the first 12 of them the creation time in Unix ms.")]
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(try_from = "String", into = "String")]
        pub struct $id(String);

        #[doc = concat!("A text that is not the id of a ", $what, ".")]
        #[derive(Debug, thiserror::Error, PartialEq, Eq)]
        #[error(
            "\"{0}\" is not a {what} id: expected {letter} and 20 hexadecimal digits, as the list of {whose} shows them",
            what = $what, letter = $letter, whose = $whose
        )]
        pub struct $invalid(String);

        impl $id {
            /// Makes an id from the creation time (Unix ms) and 32 random bits.
            #[must_use]
            pub fn new(created_unix_ms: u64, random: u32) -> Self {
                Self(format!("{}{:012x}{random:08x}", $letter, created_unix_ms & 0xffff_ffff_ffff))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $id {
            type Error = $invalid;

            fn try_from(text: String) -> Result<Self, $invalid> {
                if is_stamped($letter, &text) { Ok(Self(text)) } else { Err($invalid(text.chars().take(40).collect())) }
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.0
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

stamped!(RunId, InvalidRunId, 'r', "run", "runs");
stamped!(StudyId, InvalidStudyId, 's', "study", "studies");
stamped!(TokenId, InvalidTokenId, 't', "token", "tokens");
stamped!(ShareId, InvalidShareId, 'l', "share", "shares");
stamped!(ScheduleId, InvalidScheduleId, 'p', "schedule", "schedules");

/// True for this letter and 20 lower-case hexadecimal digits.
fn is_stamped(letter: char, text: &str) -> bool {
    let digits = text.strip_prefix(letter).unwrap_or("");
    digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Index of an engine configuration within its plan.
pub type ConfigurationIndex = u32;
/// Index of a point within its run, in plan order.
pub type PointIndex = u32;
/// Index of a trial within its run, in execution order.
pub type TrialIndex = u32;
/// Number of a request within its run.
pub type RequestId = u64;
