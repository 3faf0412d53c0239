//! Owns what is unlike in what two points were really asked and really answered: tokens of a request, as counted.
//! Must not know what a plan asks for.

use super::arm::Arm;
use super::unlike::{Trait, Unlike};
use crate::format::significant;
use crate::summary::Summary;

/// Means that lie further apart than this share of the greater are unlike.
const APART: f64 = 0.01;

/// Outputs and prompts that differ. Where one side does not know its own, nothing is said of them: whether they differ is
/// unknown, and how tokens were counted is told elsewhere.
pub(super) fn unlike_lengths(base: &Arm, other: &Arm) -> Vec<Unlike> {
    let outputs = |arm: &Arm| PerRequest::of(arm, |s| s.output_tokens_mean, |s| s.output_tokens);
    let prompts = |arm: &Arm| PerRequest::of(arm, |s| s.prompt_tokens_mean, |s| s.prompt_tokens);
    let pairs =
        [(Trait::MeasuredOutput, outputs(base), outputs(other)), (Trait::MeasuredInput, prompts(base), prompts(other))];
    let differ = |(what, base, other): (Trait, Option<PerRequest>, Option<PerRequest>)| {
        let (base, other) = (base?, other?);
        let words = |of: &PerRequest| significant(of.tokens);
        base.differs_from(&other).then(|| Unlike { what, base: words(&base), other: words(&other) })
    };
    pairs.into_iter().filter_map(differ).collect()
}

/// Tokens of a request on average, and the share by which that may be off.
struct PerRequest {
    tokens: f64,
    off: f64,
}

impl PerRequest {
    fn of(arm: &Arm, mean: fn(&Summary) -> Option<f64>, sum: fn(&Summary) -> Option<u64>) -> Option<Self> {
        let summary = arm.point()?.summary.as_ref()?;
        if let Some(tokens) = mean(summary) {
            return Some(Self { tokens, off: 0.0 });
        }
        let sum = sum(summary)? as f64;
        // Other tools write sums over all requests.
        if arm.run.is_others() {
            return (summary.ok > 0).then(|| Self { tokens: sum / summary.ok as f64, off: 0.0 });
        }
        // A recording without means has tokens and ends by their time: each edge of a trial's window cuts through as many
        // requests as are in flight.
        let ended = Some(summary.request_throughput? * summary.window_s).filter(|ended| *ended > 0.0)?;
        let trials = arm.run.trials_of(arm.index).count().max(1) as f64;
        let off = trials * f64::from(summary.in_flight_peak?) / ended;
        Some(Self { tokens: sum / ended, off })
    }

    fn differs_from(&self, other: &Self) -> bool {
        (self.tokens - other.tokens).abs() > (APART + self.off + other.off) * self.tokens.max(other.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::super::recorded::Recorded;
    use super::super::sample::run;
    use super::super::unlike::unlike;
    use super::*;
    use crate::source::Source;

    fn of(fill: impl Fn(&mut Summary)) -> Recorded {
        let mut run = run(&[1.0, 1.1]);
        run.points[0].summary.iter_mut().for_each(fill);
        run
    }

    fn others(ok: u64, output: Option<u64>, prompt: Option<u64>) -> Recorded {
        let mut run = of(|s| (s.ok, s.output_tokens, s.prompt_tokens) = (ok, output, prompt));
        run.source = Some(Source { tool: "bench".to_owned(), ..Source::default() });
        run
    }

    fn means(output: Option<f64>, prompt: Option<f64>) -> Recorded {
        of(|s| (s.output_tokens_mean, s.prompt_tokens_mean) = (output, prompt))
    }

    fn check(base: &Recorded, other: &Recorded, expect: &[&str]) {
        let (base, other) = (Arm::of(base, 0).unwrap(), Arm::of(other, 0).unwrap());
        let measured = |unlike: &Unlike| matches!(unlike.what, Trait::MeasuredOutput | Trait::MeasuredInput);
        let words: Vec<String> = unlike(&base, &other).iter().filter(|u| measured(u)).map(Unlike::words).collect();
        assert_eq!(words, expect);
    }

    #[test]
    fn measured_lengths_that_differ_are_told() {
        let outputs = "outputs differ: 64.0 and 51.3 tokens a request";
        check(&means(Some(64.0), Some(100.0)), &means(Some(51.3), Some(100.9)), &[outputs]);
        check(
            &means(Some(64.0), Some(100.0)),
            &means(Some(63.5), Some(102.0)),
            &["prompts differ: 100 and 102 tokens a request"],
        );
        // Sums of another tool, and means of our own.
        check(&means(Some(64.0), None), &others(100, Some(5130), Some(700)), &[outputs]);
        check(&others(100, Some(6400), None), &others(10, Some(513), None), &[outputs]);
        // What one does not know is neither equal nor zero.
        check(&means(Some(64.0), None), &means(None, Some(64.0)), &[]);
        check(&means(Some(64.0), None), &others(0, Some(0), None), &[]);
        check(&run(&[1.0]), &run(&[1.0]), &[]);
    }

    #[test]
    fn a_recording_without_means_tells_only_what_its_windows_edges_cannot_hide() {
        // Two trials of 25 requests, four in flight: 8 of 50 requests may be cut off.
        let old = |tokens: u64| {
            of(|s| {
                (s.output_tokens, s.request_throughput, s.window_s) = (Some(tokens), Some(5.0), 10.0);
                s.in_flight_peak = Some(4);
            })
        };
        check(&old(3200), &old(2400), &[]);
        check(&old(3200), &old(1600), &["outputs differ: 64.0 and 32.0 tokens a request"]);
        check(&old(3200), &means(Some(51.3), None), &["outputs differ: 64.0 and 51.3 tokens a request"]);
    }
}
