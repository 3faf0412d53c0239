//! Owns the way from a counter to what it grew by: a counter that began anew is unknown, not negative.
//! Must not know what is counted.

use shared::telemetry::Field;

/// A counter as it was at the last read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Increment {
    before: Option<u64>,
}

impl Increment {
    /// What was added since the read before. The first read has nothing to compare with, nor has one after a gap.
    pub fn of(&mut self, counter: Field) -> Field {
        let before = std::mem::replace(&mut self.before, counter.value());
        match (before, counter) {
            (Some(before), Field::Value(now)) => {
                now.checked_sub(before).map_or(Field::Failed(Field::BEGAN_ANEW), Field::Value)
            }
            (None, Field::Value(_)) => Field::Failed(Field::BEGAN_ANEW),
            (_, absent) => absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_told_and_a_new_beginning_is_unknown() {
        let check = |reads: &[Field], expect: &[Field]| {
            let mut counter = Increment::default();
            let got: Vec<Field> = reads.iter().map(|read| counter.of(*read)).collect();
            assert_eq!(got, expect, "{reads:?}");
        };
        use Field::{Failed, NotSupported, Value};
        let anew = Failed(Field::BEGAN_ANEW);
        check(&[1000, 4000, 500, 1500].map(Value), &[anew, Value(3000), anew, Value(1000)]);
        check(&[Value(5), Failed(15), Value(9), Value(9)], &[anew, Failed(15), anew, Value(0)]);
        check(&[NotSupported; 2], &[NotSupported; 2]);
    }
}
