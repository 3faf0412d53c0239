//! Owns the comparison of runs: what of them is compared, how far two lie apart, and what is unlike beside the number.
//! Must not know where runs come from or who reads the comparison.

mod arm;
mod asked;
mod comparison;
mod curve;
#[cfg(test)]
mod false_alarms;
mod figure;
mod gate;
mod lengths;
mod recorded;
mod rounds;
#[cfg(test)]
pub(crate) mod sample;
mod unlike;

pub use arm::{Arm, Missing};
pub use asked::compare_asked;
pub use comparison::{Comparison, Detectable, Judgement, Side, Terms, compare, compare_each, needed};
pub use curve::{Compared, ComparedRow, Curve, CurvePoint, compare_within};
pub use figure::{Figure, What};
pub use gate::{GateError, GateRow, Gated, Limit, Passage, gate};
pub use recorded::{Recorded, RecordedPoint, RecordedTrial};
pub use rounds::join;
pub use unlike::{Trait, Unlike, unlike};
