//! Owns the sentences with which a plan is refused.
//! Must not know how plans are executed.

use super::MAX_PLAN_BYTES;

/// Why a plan was refused.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum PlanError {
    /// Longer than the limit.
    #[error("The plan has {0} bytes, more than the {MAX_PLAN_BYTES} that are read: shorten it.")]
    TooLarge(usize),
    /// Not TOML or JSON of the plan's form; the parser's own words follow.
    #[error("The plan could not be read: {0}")]
    Syntax(String),
    /// A field's value is refused.
    #[error("{field} in the plan {problem}")]
    Field {
        /// The field's path, `load.concurrency`.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
}

/// A refusal of one field.
pub(super) fn refuse(field: &'static str, problem: impl Into<String>) -> PlanError {
    PlanError::Field { field, problem: problem.into() }
}

/// Refuses a text that is too long before it is parsed.
pub(super) fn check_size(text: &str) -> Result<(), PlanError> {
    if text.len() > MAX_PLAN_BYTES { Err(PlanError::TooLarge(text.len())) } else { Ok(()) }
}
