//! Owns how a search goes from measurement to measurement: the next level, a repeat, or the end.
//! Must not know how a level is measured; takes figures only.

use shared::plan::{Goal, Level, Plan, SearchPlan};
use shared::search::{SearchEnd, SearchStop};
use shared::summary::Summary;

/// Growth of throughput over growth of the level below which throughput no longer grows.
const FLAT: f64 = 0.05;
/// Share of the offered rate below which an open loop's server does not keep up.
const KEEPS_UP: f64 = 0.95;
/// Drift of TTFT over the window, as a share of its median, above which latency is said to grow without bound ...
const UNBOUNDED_DRIFT: f64 = 0.5;
/// ... where a trend as clear has at most this probability by chance.
const UNBOUNDED_P: f64 = 0.01;
/// Factor from one level to the next until one is too high.
const STEP: f64 = 2.0;
/// Answer and the level beyond it are close enough at this ratio.
const CLOSE: f64 = 1.1;
/// Most levels between the last that was fine and the first that was not.
const REFINEMENTS: u32 = 4;
/// Most trials of a level about which noise leaves doubt.
const MOST_TRIALS: u32 = 4;
/// Standard normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.96;

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Measure a new level.
    Measure(Level),
    /// Measure the last level once more.
    Repeat,
    /// It is over.
    Done(SearchEnd),
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Search {
    plan: SearchPlan,
    is_open: bool,
    least_trials: u32,
    /// The highest level that was fine, with its figures.
    fine: Option<(f64, Summary)>,
    /// The lowest level that was not, and why.
    beyond: Option<(f64, SearchStop)>,
    refinements: u32,
    /// Noise left doubt about a level that bounds the answer.
    in_doubt: bool,
    level: f64,
    trials: u32,
}

/// What a level's figures say.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Judgement {
    Fine,
    Beyond(SearchStop),
    /// It seems so, within noise.
    Unclear(bool),
}

impl Search {
    /// The search of a plan, where it has one.
    pub fn of(plan: &Plan) -> Option<Self> {
        let search = plan.load.search.clone()?;
        Some(Self {
            is_open: plan.load.arrival.is_open(),
            least_trials: plan.load.trials,
            level: search.from,
            plan: search,
            fine: None,
            beyond: None,
            refinements: 0,
            in_doubt: false,
            trials: 0,
        })
    }

    /// The first level.
    pub fn first(&self) -> Level {
        self.level_of(self.level)
    }

    fn level_of(&self, value: f64) -> Level {
        if self.is_open { Level::Rate(value) } else { Level::Concurrency(value as u32) }
    }

    /// Takes the figures of the last level, pooled over its trials so far; absent where no request succeeded.
    pub fn next(&mut self, summary: Option<&Summary>) -> Step {
        self.trials += 1;
        if self.trials < self.least_trials {
            return Step::Repeat;
        }
        let is_fine = match summary.map_or(Judgement::Beyond(SearchStop::Bracketed), |s| self.judge(s)) {
            Judgement::Unclear(_) if self.trials < MOST_TRIALS => return Step::Repeat,
            Judgement::Unclear(is_fine) => {
                self.in_doubt = true;
                if !is_fine {
                    self.beyond = Some((self.level, SearchStop::WithinNoise));
                }
                is_fine
            }
            Judgement::Fine => true,
            Judgement::Beyond(stop) => {
                self.beyond = Some((self.level, stop));
                false
            }
        };
        if is_fine && let Some(summary) = summary {
            self.fine = Some((self.level, summary.clone()));
        }
        match self.next_level() {
            Some(level) => {
                (self.level, self.trials) = (level, 0);
                Step::Measure(self.level_of(level))
            }
            None => Step::Done(self.end()),
        }
    }

    fn next_level(&mut self) -> Option<f64> {
        let whole = |level: f64| if self.is_open { three_digits(level) } else { level.round() };
        match (&self.fine, &self.beyond) {
            // Not even the first one: there is nothing to look between.
            (None, _) => None,
            (Some((fine, _)), None) if *fine >= self.plan.to => None,
            (Some((fine, _)), None) => Some(whole(fine * STEP).min(self.plan.to)),
            (Some((fine, _)), Some((beyond, _))) => {
                let middle = whole((fine * beyond).sqrt());
                self.refinements += 1;
                let is_between = middle > *fine && middle < *beyond;
                (beyond / fine > CLOSE && is_between && self.refinements <= REFINEMENTS).then_some(middle)
            }
        }
    }

    fn judge(&self, summary: &Summary) -> Judgement {
        match self.plan.goal {
            Goal::Saturation => self.saturation(summary),
            Goal::Slo => self.limits(summary),
        }
    }

    fn saturation(&self, summary: &Summary) -> Judgement {
        if let Some(steadiness) = summary.steadiness
            && self.is_open
            && steadiness.trend_p <= UNBOUNDED_P
            && steadiness.ttft_drift >= UNBOUNDED_DRIFT
        {
            return Judgement::Beyond(SearchStop::LatencyUnbounded { drift: steadiness.ttft_drift });
        }
        if let Some((achieved, offered)) = summary.request_throughput.zip(summary.offered_rate)
            && achieved < KEEPS_UP * offered
        {
            return Judgement::Beyond(SearchStop::ThroughputFlat { growth: self.growth(summary).unwrap_or(0.0) });
        }
        match (&self.fine, self.growth(summary)) {
            (Some((fine, _)), Some(growth)) if growth / (self.level / fine - 1.0) < FLAT => {
                Judgement::Beyond(SearchStop::ThroughputFlat { growth })
            }
            _ => Judgement::Fine,
        }
    }

    /// Growth of throughput since the highest level that was fine; of requests where tokens are unknown.
    fn growth(&self, summary: &Summary) -> Option<f64> {
        let of = |s: &Summary| s.output_throughput.or(s.request_throughput);
        let (_, fine) = self.fine.as_ref()?;
        Some(of(summary)? / of(fine)? - 1.0)
    }

    /// Whether enough requests met the limits, by Wilson's interval for a share (1927).
    fn limits(&self, summary: &Summary) -> Judgement {
        let attainment = self.plan.attainment.unwrap_or(SearchPlan::ATTAINMENT);
        let Some((met, of)) = summary.goodput.map(|g| (g.met as f64, g.of as f64)).filter(|(_, of)| *of > 0.0) else {
            return Judgement::Beyond(SearchStop::Bracketed);
        };
        let (share, z2) = (met / of, Z * Z);
        let centre = (share + z2 / (2.0 * of)) / (1.0 + z2 / of);
        let half = Z / (1.0 + z2 / of) * (share * (1.0 - share) / of + z2 / (4.0 * of * of)).sqrt();
        if centre - half >= attainment {
            Judgement::Fine
        } else if centre + half < attainment {
            Judgement::Beyond(SearchStop::Bracketed)
        } else {
            Judgement::Unclear(share >= attainment)
        }
    }

    fn end(&self) -> SearchEnd {
        let answer = self.fine.as_ref().map(|(level, _)| self.level_of(*level));
        let beyond = self.beyond.as_ref().map(|(level, _)| self.level_of(*level));
        let stop = match (&self.fine, &self.beyond) {
            (None, _) => SearchStop::NothingHolds,
            (Some(_), None) if self.plan.goal == Goal::Saturation => SearchStop::BoundReached,
            (Some(_), None) => SearchStop::Bracketed,
            (Some(_), Some(_)) if self.in_doubt => SearchStop::WithinNoise,
            (Some(_), Some((_, stop))) => *stop,
        };
        SearchEnd { answer, beyond, stop }
    }
}

/// A level that people can read and type again.
fn three_digits(level: f64) -> f64 {
    let scale = 10f64.powi(2 - level.log10().floor() as i32);
    (level * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::plan::Arrival;
    use shared::summary::{Goodput, Steadiness};

    fn plan(goal: Goal, arrival: Arrival, to: f64) -> Plan {
        let mut plan = shared::preset::find("throughput").unwrap();
        plan.load.concurrency.clear();
        plan.load.arrival = arrival;
        plan.load.search = Some(SearchPlan { goal, from: 1.0, to, attainment: None });
        plan
    }

    /// Searches against a server that is known; the answer is the end and the levels that were measured.
    fn search(plan: &Plan, server: impl Fn(f64) -> Option<Summary>) -> (SearchEnd, Vec<f64>) {
        let mut search = Search::of(plan).unwrap();
        let (mut level, mut measured) = (search.first(), vec![]);
        loop {
            measured.push(level.value());
            assert!(measured.len() < 60, "{measured:?}");
            match search.next(server(level.value()).as_ref()) {
                Step::Measure(next) => level = next,
                Step::Repeat => {}
                Step::Done(end) => return (end, measured),
            }
        }
    }

    fn throughput(tokens_per_s: f64) -> Option<Summary> {
        Some(Summary { output_throughput: Some(tokens_per_s), ..Summary::default() })
    }

    #[test]
    fn a_closed_loop_stops_where_throughput_no_longer_grows() {
        // A server with 24 places.
        let (end, measured) =
            search(&plan(Goal::Saturation, Arrival::Closed, 1024.0), |n| throughput(n.min(24.0) * 50.0));
        assert_eq!(measured[..6], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
        let (Some(Level::Concurrency(answer)), Some(Level::Concurrency(beyond))) = (end.answer, end.beyond) else {
            panic!("{end:?}")
        };
        assert!(answer >= 23 && beyond <= 64 && answer < beyond, "{end:?} after {measured:?}");
        assert!(matches!(end.stop, SearchStop::ThroughputFlat { .. }));
        let (end, measured) = search(&plan(Goal::Saturation, Arrival::Closed, 12.0), |n| throughput(n * 50.0));
        assert_eq!(
            (end.stop, end.answer, measured),
            (SearchStop::BoundReached, Some(Level::Concurrency(12)), vec![1.0, 2.0, 4.0, 8.0, 12.0])
        );
    }

    #[test]
    fn an_open_loop_stops_where_the_server_falls_behind() {
        let server = |rate: f64| {
            let steadiness =
                Steadiness { ttft_drift: if rate > 20.0 { 2.0 } else { 0.0 }, trend_p: 0.001, effective_n: 100 };
            let achieved = rate.min(20.0);
            Some(Summary {
                request_throughput: Some(achieved),
                offered_rate: Some(rate),
                output_throughput: Some(achieved * 64.0),
                steadiness: Some(steadiness),
                ..Summary::default()
            })
        };
        let (end, measured) = search(&plan(Goal::Saturation, Arrival::Poisson, 1000.0), server);
        assert!(matches!(end.stop, SearchStop::LatencyUnbounded { .. }), "{end:?}");
        let (answer, beyond) = (end.answer.unwrap().value(), end.beyond.unwrap().value());
        assert!(answer <= 20.0 && beyond > 20.0 && beyond / answer < 1.1, "{end:?} after {measured:?}");
    }

    #[test]
    fn rates_have_three_digits() {
        let check = |level: f64, expect: f64| assert_eq!(three_digits(level), expect, "{level}");
        check(69.792_494_890_576_49, 69.8);
        check(0.123_456, 0.123);
        check(1131.37, 1130.0);
        check(90.0, 90.0);
    }

    /// Every request meets the limits below `limit`, none above, with `n` of them.
    fn within(limit: f64, n: u64) -> impl Fn(f64) -> Option<Summary> {
        move |level| {
            let met = if level <= limit { n } else { n / 2 };
            let goodput = Goodput { met, of: n, requests_per_s: None, tokens_per_s: None };
            Some(Summary { goodput: Some(goodput), ..Summary::default() })
        }
    }

    #[test]
    fn limits_are_bracketed() {
        let (end, measured) = search(&plan(Goal::Slo, Arrival::Poisson, 1000.0), within(13.0, 5_000));
        let (answer, beyond) = (end.answer.unwrap().value(), end.beyond.unwrap().value());
        assert!(answer <= 13.0 && beyond > 13.0 && beyond / answer < 1.1, "{end:?} after {measured:?}");
        assert_eq!(end.stop, SearchStop::Bracketed);
        let (end, _) = search(&plan(Goal::Slo, Arrival::Closed, 64.0), within(13.0, 5_000));
        assert_eq!((end.answer, end.beyond), (Some(Level::Concurrency(13)), Some(Level::Concurrency(14))));
        let (end, _) = search(&plan(Goal::Slo, Arrival::Closed, 8.0), within(13.0, 5_000));
        assert_eq!((end.answer, end.beyond), (Some(Level::Concurrency(8)), None));
        let (end, measured) = search(&plan(Goal::Slo, Arrival::Closed, 8.0), within(0.5, 5_000));
        assert_eq!((end.stop, end.answer, measured.len()), (SearchStop::NothingHolds, None, 1));
        let (end, _) = search(&plan(Goal::Slo, Arrival::Closed, 8.0), |_| None);
        assert_eq!(end.stop, SearchStop::NothingHolds);
    }

    #[test]
    fn too_few_requests_are_repeated_and_then_said_to_be_within_noise() {
        // 30 of 30 do not show that 99 of 100 would.
        let (end, measured) = search(&plan(Goal::Slo, Arrival::Closed, 4.0), within(2.0, 30));
        let repeats = |level: f64| measured.iter().filter(|m| **m == level).count();
        assert_eq!((repeats(1.0), repeats(2.0), repeats(4.0)), (4, 4, 1), "{measured:?}");
        assert_eq!((end.stop, end.answer), (SearchStop::WithinNoise, Some(Level::Concurrency(2))));
    }
}
