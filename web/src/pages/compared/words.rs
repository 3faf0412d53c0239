//! Owns the words for what a comparison came to: values with intervals, changes, p, effects, and what repeats could find.
//! Must not know tables.

use crate::format;
use shared::compare::{Comparison, Detectable, Figure, Judgement, Side};
use shared::statistics::Bounds;

/// A figure's value in a table whose heading has the unit; money as money.
pub fn value(figure: Option<Figure>, value: Option<f64>) -> String {
    match figure {
        Some(figure) if is_money(figure) => format::or_absent(value, format::usd),
        _ => format::bare(value),
    }
}

fn is_money(figure: Figure) -> bool {
    figure.key().starts_with("cost")
}

/// Half of an interval, to stand behind its value; empty where repeats give none.
pub fn half(half_width: Option<f64>) -> String {
    half_width.map(|half| format!(" ±{}", format::significant(half))).unwrap_or_default()
}

/// What stands behind a side on hover: each trial's own value.
pub fn trials(side: &Side) -> String {
    if side.trials.is_empty() {
        return "No trial has this figure.".to_owned();
    }
    let values: Vec<String> = side.trials.iter().map(|value| format::significant(*value)).collect();
    format!("{} trials: {}", side.trials.len(), values.join(", "))
}

fn signed(value: f64, text: impl Fn(f64) -> String) -> String {
    let sign = match value {
        v if v > 0.0 => "+",
        v if v < 0.0 => "−",
        _ => "",
    };
    format!("{sign}{}", text(value.abs()))
}

fn bounds(of: Option<Bounds>, text: impl Fn(f64) -> String) -> (String, String) {
    match of {
        None => (format::ABSENT.to_owned(), String::new()),
        Some(of) => (text(of.value), format!(" [{}, {}]", text(of.low), text(of.high))),
    }
}

/// A difference in the figure's unit, and its interval: "+12.0", " [+9.00, +15.0]".
pub fn difference(of: Option<Bounds>) -> (String, String) {
    bounds(of, |value| signed(value, format::significant))
}

/// A ratio as a change in per cent, and its interval: "+3.2 %", " [+1.1 %, +5.4 %]".
pub fn change(ratio: Option<Bounds>) -> (String, String) {
    bounds(ratio, |ratio| signed(ratio - 1.0, |share| format!("{:.1} %", share * 100.0)))
}

/// A ratio as a factor, and its interval: "× 4.02", " [3.90, 4.10]".
pub fn factor(ratio: Option<Bounds>) -> (String, String) {
    let (value, interval) = bounds(ratio, format::significant);
    (if ratio.is_some() { format!("× {value}") } else { value }, interval)
}

/// p as it counts among all that is read together.
pub fn p(comparison: &Comparison) -> String {
    match comparison.adjusted_p {
        None => format::ABSENT.to_owned(),
        Some(p) if p < 0.0001 => "< 0.0001".to_owned(),
        Some(p) => format!("{p:.4}"),
    }
}

/// Hedges' g.
pub fn effect(comparison: &Comparison) -> String {
    format::or_absent(comparison.effect, |g| signed(g, |g| format!("{g:.1}")))
}

/// The least true difference that so many repeats find.
pub fn finds(detectable: Option<Detectable>) -> String {
    format::or_absent(detectable, |of| match of.share {
        Some(share) => format!("≥ {:.1} %", share * 100.0),
        None => format!("≥ {}", format::significant(of.difference)),
    })
}

/// The shape that says a judgement without a colour.
pub fn shape(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Better => "✓",
        Judgement::Worse => "✕",
        Judgement::Other => "◆",
        Judgement::WithinNoise => "≈",
        Judgement::NotEnoughRepeats { .. } => "○",
        Judgement::NoFigure(_) => "–",
    }
}

/// Everything that a comparison has to say on hover of its word.
pub fn judged(comparison: &Comparison) -> String {
    let family = match comparison.family {
        0 | 1 => String::new(),
        n => format!("p is Holm's among {n} comparisons. "),
    };
    let turns = if comparison.in_turns { "Measured in turns. " } else { "" };
    format!("{turns}{family}{}", comparison.judgement.detail().unwrap_or_default()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(value: f64, low: f64, high: f64) -> Option<Bounds> {
        Some(Bounds { value, low, high })
    }

    #[test]
    fn changes_have_signs_and_intervals() {
        let check =
            |got: (String, String), value: &str, interval: &str| assert_eq!(got, (value.into(), interval.into()));
        check(difference(around(12.0, -0.5, 24.5)), "+12.0", " [−0.500, +24.5]");
        check(difference(around(0.0, 0.0, 0.0)), "0", " [0, 0]");
        check(change(around(1.032, 0.989, 1.054)), "+3.2 %", " [−1.1 %, +5.4 %]");
        check(factor(around(4.02, 3.9, 4.1)), "× 4.02", " [3.90, 4.10]");
        check(factor(None), format::ABSENT, "");
    }

    #[test]
    fn what_is_absent_is_no_number() {
        assert_eq!(value(None, None), format::ABSENT);
        assert_eq!(value(Figure::parse("cost_per_mtok").ok(), Some(0.5)), "$0.500");
        assert_eq!(half(None), "");
        assert_eq!(trials(&Side::default()), "No trial has this figure.");
        let found = |difference, share| finds(Some(Detectable { difference, share }));
        assert_eq!((found(2.0, Some(0.031)), found(2.0, None)), ("≥ 3.1 %".to_owned(), "≥ 2.00".to_owned()));
        assert_eq!(finds(None), format::ABSENT);
    }
}
