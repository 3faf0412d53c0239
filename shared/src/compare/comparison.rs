//! Owns the comparison of two arms by one figure: how far apart, how sure, and the word for it.
//! Must not know what the arms are, nor who reads it.

use super::arm::{Arm, Missing};
use super::figure::Figure;
use super::unlike::{Unlike, unlike, unlike_figure};
use crate::metric::Direction;
use crate::statistics::{
    ALPHA, Block, Bounds, Design, POWER, Permutation, attained, difference, hedges_g, holm, least_p, least_repeats,
    mean, permutation_test, ratio, rounds_difference, rounds_ratio, student_interval, variance,
};
use crate::summary::Interval;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Repeats of each below which nothing is told (METRICS.md, "Repeats").
const LEAST_REPEATS: u32 = 4;

/// What a comparison is asked.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The figure.
    pub figure: Figure,
    /// Repeats of each that are needed at least, whatever the test could do with fewer.
    pub least_repeats: u32,
}

impl Terms {
    /// Repeats of each that an A/B, a ladder and a gate need (METRICS.md, "Repeats").
    pub const STRICT: u32 = 5;

    /// A figure with as few repeats as may be.
    #[must_use]
    pub fn of(figure: Figure) -> Self {
        Self { figure, least_repeats: LEAST_REPEATS }
    }

    /// A figure of an A/B, a ladder or a gate.
    #[must_use]
    pub fn strict(figure: Figure) -> Self {
        Self { figure, least_repeats: Self::STRICT }
    }
}

/// A figure of one arm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Side {
    /// Over all trials: of latencies over all their samples.
    pub value: Option<f64>,
    /// The value is the mean of the trials' own: a percentile of rounds, each a run, whose samples nobody put together.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub averaged: bool,
    /// Its interval over trials, where there are several.
    pub interval: Option<Interval>,
    /// Each trial's own value, in order of repeats.
    pub trials: Vec<f64>,
}

/// The least true difference that so many repeats of such a spread find with a probability of 0.8.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Detectable {
    /// In the figure's unit.
    pub difference: f64,
    /// As a share of what is compared with.
    pub share: Option<f64>,
}

/// What is said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Significantly better.
    Better,
    /// Significantly worse.
    Worse,
    /// Significantly other, of a figure that has no better.
    Other,
    /// What lies between them is not more than chance makes of equal things.
    WithinNoise,
    /// So few repeats cannot tell.
    NotEnoughRepeats {
        /// Of the arm with fewer.
        have: u32,
        /// Of each.
        needed: u32,
    },
    /// One of the two has no such figure.
    NoFigure(Missing),
}

impl Judgement {
    /// The words that pages and tables show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Judgement::Better => "better",
            Judgement::Worse => "worse",
            Judgement::Other => "other",
            Judgement::WithinNoise => "within noise",
            Judgement::NotEnoughRepeats { .. } => "not enough repeats",
            Judgement::NoFigure(_) => "no figure",
        }
    }

    /// More of it, where there is more to say.
    #[must_use]
    pub fn detail(self) -> Option<String> {
        match self {
            Judgement::NotEnoughRepeats { have, needed } => {
                Some(format!("{have} repeats of the one with fewer, {needed} of each are needed."))
            }
            Judgement::NoFigure(missing) => Some(missing.sentence()),
            _ => None,
        }
    }
}

/// Two arms by one figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Comparison {
    /// The figure's key.
    pub figure: String,
    /// What is compared with.
    pub base: Side,
    /// What is compared.
    pub other: Side,
    /// `other − base` over trials.
    pub difference: Option<Bounds>,
    /// `other / base` over trials.
    pub ratio: Option<Bounds>,
    /// The permutation test.
    pub test: Option<Permutation>,
    /// p as it counts among all comparisons that are read together (Holm).
    pub adjusted_p: Option<f64>,
    /// How many are read together.
    pub family: u32,
    /// Each repeat was a block of its own: the two were measured in turns.
    pub in_turns: bool,
    /// Hedges' g.
    pub effect: Option<f64>,
    /// What so many repeats can find.
    pub detectable: Option<Detectable>,
    /// The word for it.
    pub judgement: Judgement,
    /// What is unlike besides.
    pub unlike: Vec<Unlike>,
}

/// Compares pairs `(base, other)` by one figure; they are read together.
#[must_use]
pub fn compare(pairs: &[(Arm, Arm)], terms: Terms) -> Vec<Comparison> {
    let asked: Vec<_> = pairs.iter().map(|(base, other)| (*base, *other, terms.figure)).collect();
    compare_each(&asked, terms.least_repeats)
}

/// Compares pairs `(base, other)`, each by its figure, that are read together: α is shared among them.
#[must_use]
pub fn compare_each(asked: &[(Arm, Arm, Figure)], least_repeats: u32) -> Vec<Comparison> {
    let mut compared: Vec<Comparison> = asked.iter().map(|(base, other, figure)| one(base, other, *figure)).collect();
    let tested: Vec<Option<f64>> = compared.iter().map(|c| Some(c.test?.p)).collect();
    let family = tested.iter().flatten().count() as u32;
    for ((comparison, adjusted), (.., figure)) in compared.iter_mut().zip(holm(&tested)).zip(asked) {
        comparison.family = family;
        comparison.adjusted_p = adjusted;
        comparison.judge(Terms { figure: *figure, least_repeats });
    }
    compared
}

fn one(base: &Arm, other: &Arm, figure: Figure) -> Comparison {
    let mut comparison = Comparison {
        figure: figure.key(),
        base: Side::of(base, figure),
        other: Side::of(other, figure),
        difference: None,
        ratio: None,
        test: None,
        adjusted_p: None,
        family: 0,
        in_turns: base.interleaves_with(other),
        effect: None,
        detectable: None,
        judgement: Judgement::WithinNoise,
        unlike: unlike(base, other).into_iter().chain(unlike_figure(base, other, figure)).collect(),
    };
    match (base.values(figure), other.values(figure)) {
        (Ok(base), Ok(other)) => comparison.test(&base, &other),
        (Err(missing), _) | (_, Err(missing)) => comparison.judgement = Judgement::NoFigure(missing),
    }
    comparison
}

impl Side {
    /// A figure of an arm.
    #[must_use]
    pub fn of(arm: &Arm, figure: Figure) -> Self {
        let point = arm.point();
        let trials: Vec<f64> =
            arm.values(figure).map(|values| values.into_iter().map(|(_, value)| value).collect()).unwrap_or_default();
        let interval = point.and_then(|point| point.intervals.get(&figure.key()).copied());
        let pooled = point.and_then(|point| figure.read(point.summary.as_ref()?));
        let averaged = mean(&trials).filter(|_| pooled.is_none() && arm.run.rounds_of.is_some());
        Self {
            value: pooled.or(averaged),
            averaged: averaged.is_some(),
            interval: interval.or_else(|| student_interval(&trials)),
            trials,
        }
    }
}

impl Comparison {
    fn test(&mut self, base: &[(u32, f64)], other: &[(u32, f64)]) {
        let values = |arm: &[(u32, f64)]| arm.iter().map(|(_, value)| *value).collect::<Vec<f64>>();
        let (of_base, of_other) = (values(base), values(other));
        self.effect = hedges_g(&of_base, &of_other);
        let base_mean = mean(&of_base).filter(|mean| *mean > 0.0);
        if let Some(rounds) = self.in_turns.then(|| rounds(base, other)).flatten() {
            self.difference = rounds_difference(&rounds);
            self.ratio = rounds_ratio(&rounds);
            let blocks: Vec<Block> =
                rounds.iter().map(|(base, other)| Block { base: vec![*base], other: vec![*other] }).collect();
            self.test = permutation_test(&blocks);
        } else {
            self.in_turns = false;
            self.difference = difference(&of_base, &of_other);
            self.ratio = ratio(&of_base, &of_other);
            self.test = permutation_test(&[Block { base: of_base.clone(), other: of_other.clone() }]);
        }
        let deviation = self.deviation(&of_base, &of_other);
        let found = deviation.zip(self.design().and_then(|design| design.detectable(POWER)));
        self.detectable = found.map(|(deviation, effect)| Detectable {
            difference: deviation * effect,
            share: base_mean.map(|mean| deviation * effect / mean),
        });
    }

    /// The deviation that an effect is measured in: of the differences round by round, or of repeats within their arm.
    fn deviation(&self, base: &[f64], other: &[f64]) -> Option<f64> {
        if self.in_turns {
            let differences: Vec<f64> = base.iter().zip(other).map(|(base, other)| other - base).collect();
            return Some(variance(&differences)?.sqrt());
        }
        let (n, m) = (base.len() as f64 - 1.0, other.len() as f64 - 1.0);
        Some(((variance(base)? * n + variance(other)? * m) / (n + m)).sqrt())
    }

    fn design(&self) -> Option<Design> {
        let alpha = attained(ALPHA, self.test?.least_p);
        let (base, other) = (self.base.trials.len() as u32, self.other.trials.len() as u32);
        if self.in_turns { Design::rounds(base, alpha) } else { Design::apart(base, other, alpha) }
    }

    fn judge(&mut self, terms: Terms) {
        let Some(test) = self.test else {
            // Whoever has no figure has been told so.
            return;
        };
        let have = self.base.trials.len().min(self.other.trials.len()) as u32;
        let needed = needed(self.family, self.in_turns).max(terms.least_repeats);
        let cannot_tell = test.least_p * f64::from(self.family) > ALPHA;
        self.judgement = if have < terms.least_repeats || cannot_tell {
            Judgement::NotEnoughRepeats { have, needed }
        } else if self.adjusted_p.is_none_or(|p| p > ALPHA) {
            Judgement::WithinNoise
        } else {
            let rises = self.difference.is_some_and(|difference| difference.value > 0.0);
            match (terms.figure.direction(), rises) {
                (Direction::Neutral, _) => Judgement::Other,
                (Direction::Higher, true) | (Direction::Lower, false) => Judgement::Better,
                (Direction::Higher, false) | (Direction::Lower, true) => Judgement::Worse,
            }
        };
    }

    /// Repeats of each that would find a difference of `share` of what is compared with, at the spread that was seen;
    /// nothing where a thousand would not, or where the two were measured in turns.
    #[must_use]
    pub fn repeats_for(&self, share: f64) -> Option<u32> {
        let effect = self.design().filter(|_| !self.in_turns)?.detectable(POWER)?;
        least_repeats(self.detectable?.share? / effect, share, 1000)
    }
}

/// Values of the same repeat side by side; nothing where they do not match one to one.
fn rounds(base: &[(u32, f64)], other: &[(u32, f64)]) -> Option<Vec<(f64, f64)>> {
    let other: BTreeMap<u32, f64> = other.iter().copied().collect();
    (base.len() == other.len())
        .then(|| base.iter().map(|(repeat, value)| Some((*value, *other.get(repeat)?))).collect())
        .flatten()
}

/// Repeats of each that two wholly separate sets need to be told apart among a family of comparisons. Exact tests have
/// no p below the share of one labelling.
#[must_use]
pub fn needed(family: u32, in_turns: bool) -> u32 {
    (1..1000).find(|n| least_p(*n, in_turns) * f64::from(family.max(1)) <= ALPHA).unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{interleaved, run};
    use super::*;
    use crate::source::{Definition, Source};

    fn figure(key: &str) -> Figure {
        Figure::parse(key).unwrap()
    }

    fn check(base: &[f64], other: &[f64], key: &str, expect: Judgement) {
        let (base, other) = (run(base), run(other));
        let pair = [(Arm::of(&base, 0).unwrap(), Arm::of(&other, 0).unwrap())];
        let found = &compare(&pair, Terms::of(figure(key)))[0];
        assert_eq!(found.judgement, expect, "{found:?}");
    }

    #[test]
    fn the_word_follows_direction_and_noise() {
        let (low, high) = ([10.0, 10.1, 9.9, 10.2, 9.8], [20.0, 20.1, 19.9, 20.2, 19.8]);
        check(&low, &high, "output_throughput", Judgement::Better);
        check(&high, &low, "output_throughput", Judgement::Worse);
        check(&low, &high, "ttft.mean", Judgement::Worse);
        check(&high, &low, "ttft.mean", Judgement::Better);
        check(&low, &[10.05, 9.95, 10.0, 10.15, 9.85], "output_throughput", Judgement::WithinNoise);
        check(&low[..3], &high[..3], "ttft.mean", Judgement::NotEnoughRepeats { have: 3, needed: 4 });
        check(&low, &high[..1], "ttft.mean", Judgement::NotEnoughRepeats { have: 1, needed: 4 });
        check(&low, &high, "goodput", Judgement::NoFigure(Missing::Values { have: 0, of: 5 }));
        check(&[], &high, "ttft.mean", Judgement::NoFigure(Missing::NoTrials));
    }

    #[test]
    fn a_family_shares_alpha_and_says_when_it_has_too_few_repeats() {
        let (base, other) = (run(&[1.0, 1.1, 1.2, 1.3, 1.4]), run(&[2.0, 2.1, 2.2, 2.3, 2.4]));
        let pair = (Arm::of(&base, 0).unwrap(), Arm::of(&other, 0).unwrap());
        let judgements = |n: usize| compare(&vec![pair; n], Terms::strict(figure("ttft.mean")));
        assert!(judgements(6).iter().all(|c| c.judgement == Judgement::Worse && c.family == 6));
        // Five against five have 252 labellings: two wholly separate sets come to 2 / 252, and seven of them to 0.056.
        let too_many = judgements(7);
        assert!(too_many.iter().all(|c| c.judgement == Judgement::NotEnoughRepeats { have: 5, needed: 6 }));
    }

    #[test]
    fn measured_in_turns_drift_is_taken_out() {
        let drift = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0];
        let shifted = drift.map(|v| v + 101.0 + v / 100.0);
        let run = interleaved(&drift.map(|v| v + 100.0), &shifted);
        let pair = [(Arm::of(&run, 0).unwrap(), Arm::of(&run, 1).unwrap())];
        let found = &compare(&pair, Terms::strict(figure("ttft.mean")))[0];
        assert!(found.in_turns);
        assert_eq!((found.test.unwrap().p, found.judgement), (2.0 / 64.0, Judgement::Worse));
        let difference = found.difference.unwrap();
        assert!(difference.low > 0.9 && difference.high < 1.4, "{difference:?}");
        assert!(found.detectable.unwrap().difference < 0.3);
        let apart = compare(&pair, Terms::strict(figure("tpot.mean")));
        assert_eq!(apart[0].judgement, Judgement::NoFigure(Missing::Values { have: 0, of: 6 }));
    }

    #[test]
    fn what_another_tool_does_not_say_is_unlike_and_its_definitions_are_told() {
        let own = run(&[1.0, 1.1]);
        let mut told = run(&[1.0, 1.1]);
        let define = |metric: &str| Definition { metric: metric.to_owned(), says: "Another.".to_owned() };
        let definitions = vec![define("ttft"), define("percentiles")];
        told.source = Some(Source { tool: "bench".to_owned(), definitions, ..Source::default() });
        let arms = [(Arm::of(&own, 0).unwrap(), Arm::of(&told, 0).unwrap())];
        let words = |key: &str| -> Vec<String> {
            compare(&arms, Terms::of(figure(key)))[0].unlike.iter().map(Unlike::words).collect()
        };
        let mean = words("ttft.mean");
        assert!(mean.contains(&"unlike version of the definitions: 1 against bench of unknown version".to_owned()));
        assert!(mean.iter().any(|words| words.starts_with("unlike host: ") && words.ends_with(" against unknown")));
        assert!(mean.contains(&"unlike definition: as here against \"Another.\"".to_owned()));
        assert!(words("tpot.p50").contains(&"unlike definition: as here against \"Another.\"".to_owned()));
        assert!(!words("tpot.mean").iter().any(|words| words.starts_with("unlike definition:")));
    }

    #[test]
    fn repeats_that_are_needed() {
        let check = |family, in_turns, expect| assert_eq!(needed(family, in_turns), expect, "{family} {in_turns}");
        check(1, false, 4);
        check(2, false, 5);
        check(6, false, 5);
        check(7, false, 6);
        check(1, true, 6);
        check(2, true, 7);
    }
}
