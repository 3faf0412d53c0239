//! Owns the words of comparisons and ladders: values with intervals, changes, factors, how sure, what is unlike.
//! Must not know how two are compared, nor who says it.

use crate::caveat::Verdict;
use crate::compare::{Comparison, Figure, Side, Trait};
use crate::format;
use crate::statistics::Bounds;
use crate::summary::Interval;
use std::collections::BTreeSet;

/// A share as percent with its sign: "+3.2 %".
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:+.1} %", share * 100.0)
}

/// A ratio's change and its interval: "+3.2 % [+1.1 %, +5.4 %]".
#[must_use]
pub fn change(ratio: Option<Bounds>) -> String {
    let words = |r: Bounds| format!("{} [{}, {}]", percent(r.value - 1.0), percent(r.low - 1.0), percent(r.high - 1.0));
    format::or_absent(ratio, words)
}

/// A factor and its interval: "× 4.02 [3.90, 4.10]".
#[must_use]
pub fn factor(ratio: Option<Bounds>) -> String {
    let bare = |value| format::bare(Some(value));
    format::or_absent(ratio, |r| format!("× {} [{}, {}]", bare(r.value), bare(r.low), bare(r.high)))
}

/// "± 0.4"; empty where repeats do not tell.
#[must_use]
pub fn interval(of: Option<Interval>) -> String {
    of.map(|interval| format!("± {}", format::bare(Some(interval.half_width)))).unwrap_or_default()
}

/// p as it counts among all comparisons that are read together.
#[must_use]
pub fn p(comparison: &Comparison) -> String {
    format::or_absent(comparison.adjusted_p, |p| if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") })
}

/// Hedges' g.
#[must_use]
pub fn effect(comparison: &Comparison) -> String {
    format::or_absent(comparison.effect, |g| format!("{g:+.1}"))
}

/// The least true difference that so many repeats find with a probability of 0.8.
#[must_use]
pub fn finds(comparison: &Comparison) -> String {
    let share = comparison.detectable.and_then(|detectable| detectable.share);
    format::or_absent(share, |share| format!("≥ {:.1} %", share * 100.0))
}

/// Trials of each of the two.
#[must_use]
pub fn trials(of: &Side) -> String {
    format::count(of.trials.len() as u64)
}

/// A figure's name with its unit: "TTFT mean, ms".
#[must_use]
pub fn figure(key: &str) -> String {
    match Figure::parse(key) {
        Ok(figure) if figure.unit().is_empty() => figure.name(),
        Ok(figure) => format!("{}, {}", figure.name(), figure.unit()),
        Err(_) => key.to_owned(),
    }
}

/// What is said where a value is the mean of rounds' own, though elsewhere a percentile is over all samples.
#[must_use]
pub fn averaged(of: &Comparison) -> Option<&'static str> {
    (of.base.averaged || of.other.averaged).then_some(
        "medians and other percentiles are means over rounds: each round is a run, and samples of several runs are not put \
         together",
    )
}

/// What must be said beside comparisons, once each: what is unlike, of how many the verdict is not valid, and why nothing
/// could be told.
#[must_use]
pub fn notes<'a>(comparisons: impl Iterator<Item = &'a Comparison>) -> Vec<String> {
    let (mut said, mut verdicts) = (BTreeSet::new(), BTreeSet::new());
    let (mut all, mut doubted, mut means) = (0, 0, None);
    for comparison in comparisons {
        all += 1;
        means = means.or_else(|| averaged(comparison).map(str::to_owned));
        for unlike in &comparison.unlike {
            if unlike.what == Trait::Verdict {
                doubted += 1;
                let sides = [&unlike.base, &unlike.other];
                verdicts.extend(sides.into_iter().filter(|of| **of != Verdict::Valid.label()).map(String::as_str));
            } else {
                said.insert(unlike.words());
            }
        }
        said.extend(comparison.judgement.detail().map(|why| format!("{}: {why}", comparison.judgement.label())));
    }
    let verdicts = verdicts.into_iter().collect::<Vec<_>>().join(" or ");
    let doubts =
        (doubted > 0).then(|| format!("in {doubted} of {all} comparisons a side is {verdicts} by its verdict"));
    said.into_iter().chain(means).chain(doubts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_and_factors_have_their_intervals() {
        let ratio = Some(Bounds { value: 4.02, low: 3.9, high: 4.1 });
        assert_eq!(change(ratio), "+302.0 % [+290.0 %, +310.0 %]");
        assert_eq!(factor(ratio), "× 4.02 [3.90, 4.10]");
        assert_eq!((change(None), factor(None)), (format::ABSENT.to_owned(), format::ABSENT.to_owned()));
        assert_eq!(figure("ttft.mean"), "TTFT mean, ms");
        assert_eq!(figure("of another version"), "of another version");
    }
}
