//! Owns what a difference between two tools is called: small, by definition, true of both, or not explained.
//! Must not know which figure it is or which tool said it.

use shared::units::finite;

/// The share that two figures may differ by and count as the same.
pub(super) const SAME: f64 = 0.01;

/// One figure from all sides. Absent where a side does not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sides {
    /// Ours, by our definition.
    pub ours: Option<f64>,
    /// What the server did in our trials, by our definition.
    pub ours_true: Option<f64>,
    /// Ours by their definition, computed from the same requests.
    pub alike: Option<f64>,
    /// What the server did in our trials, by their definition.
    pub alike_true: Option<f64>,
    /// Theirs.
    pub theirs: Option<f64>,
    /// What the server did in their trials, by their definition.
    pub theirs_true: Option<f64>,
}

/// What a difference is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// One of the two does not say it.
    Unsaid,
    /// Within [`SAME`].
    Same,
    /// Ours computed by their definition is within [`SAME`] of theirs, which closes at least half of the difference.
    ByDefinition,
    /// Both are within [`SAME`] of what the server did for them, which was not the same.
    BothTrue,
    /// None of these, with what is known of it as a sentence.
    Differs(String),
}

impl Sides {
    /// Theirs over ours less 1.
    pub fn apart(&self) -> Option<f64> {
        apart(self.theirs, self.ours)
    }

    /// Theirs over ours by their definition, less 1.
    pub fn apart_alike(&self) -> Option<f64> {
        apart(self.theirs, self.alike)
    }

    /// Judges the difference.
    pub fn verdict(&self) -> Verdict {
        let Some(raw) = self.apart() else { return Verdict::Unsaid };
        if is_same(Some(raw)) {
            return Verdict::Same;
        }
        let closes = self.apart_alike().is_some_and(|alike| alike.abs() * 2.0 <= raw.abs());
        if is_same(self.apart_alike()) && closes {
            return Verdict::ByDefinition;
        }
        let (mine, yours) = (apart(self.alike, self.alike_true), apart(self.theirs, self.theirs_true));
        if is_same(mine) && is_same(yours) {
            return Verdict::BothTrue;
        }
        Verdict::Differs(self.why(mine, yours))
    }

    fn why(&self, mine: Option<f64>, yours: Option<f64>) -> String {
        if let Some((mine, yours)) = Option::zip(mine, yours) {
            return format!(
                "by its own definition theirs is {} from what the server did, ours {}",
                percent(yours),
                percent(mine)
            );
        }
        match self.apart_alike() {
            Some(alike) => format!("not explained: by their definition it is still {}", percent(alike)),
            None => "not explained: ours cannot be computed by their definition".to_owned(),
        }
    }
}

/// A share as a signed percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{:+.2} %", share * 100.0)
}

fn apart(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one?, other?) {
        (one, other) if one == other => Some(0.0),
        (one, other) => finite(one / other - 1.0),
    }
}

fn is_same(apart: Option<f64>) -> bool {
    apart.is_some_and(|apart| apart.abs() <= SAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ours and its truth, ours by their definition and its truth, theirs and its truth; 0 is absent.
    fn check(sides: [f64; 6], expect: Verdict) {
        let [ours, ours_true, alike, alike_true, theirs, theirs_true] = sides.map(|n| (n != 0.0).then_some(n));
        let got = Sides { ours, ours_true, alike, alike_true, theirs, theirs_true }.verdict();
        assert_eq!(got, expect, "{sides:?}");
    }

    fn differs(words: &str) -> Verdict {
        Verdict::Differs(words.to_owned())
    }

    #[test]
    fn small_differences_are_none() {
        check([100.0, 0.0, 0.0, 0.0, 100.0, 0.0], Verdict::Same);
        check([100.0, 0.0, 0.0, 0.0, 99.01, 0.0], Verdict::Same);
        check([100.0, 100.0, 90.0, 90.0, 100.9, 100.0], Verdict::Same);
    }

    #[test]
    fn what_one_does_not_say_is_not_compared() {
        check([0.0, 1.0, 1.0, 1.0, 1.0, 1.0], Verdict::Unsaid);
        check([1.0, 1.0, 1.0, 1.0, 0.0, 1.0], Verdict::Unsaid);
    }

    #[test]
    fn a_definition_explains_what_it_closes_and_no_more() {
        check([100.0, 0.0, 92.0, 0.0, 91.5, 0.0], Verdict::ByDefinition);
        // It comes within the bound by chance: what is left is most of the difference.
        check([100.0, 0.0, 100.1, 0.0, 101.05, 0.0], differs("not explained: by their definition it is still +0.95 %"));
        check([100.0, 0.0, 100.0, 0.0, 110.0, 0.0], differs("not explained: by their definition it is still +10.00 %"));
        check(
            [100.0, 0.0, 0.0, 0.0, 110.0, 0.0],
            differs("not explained: ours cannot be computed by their definition"),
        );
    }

    #[test]
    fn a_server_that_did_otherwise_is_told_from_a_tool_that_errs() {
        check([100.0, 100.0, 100.0, 100.0, 110.0, 110.0], Verdict::BothTrue);
        check(
            [100.0, 100.0, 100.0, 100.0, 110.0, 104.0],
            differs("by its own definition theirs is +5.77 % from what the server did, ours +0.00 %"),
        );
        check(
            [103.0, 100.0, 103.0, 100.0, 100.0, 100.0],
            differs("by its own definition theirs is +0.00 % from what the server did, ours +3.00 %"),
        );
    }
}
