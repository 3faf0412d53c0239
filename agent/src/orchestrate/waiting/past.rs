//! Owns how long runs take: by earlier ones of the same plan, else by the plan and what like runs came to, else unknown.
//! Must not know what waits.

use crate::log::{LogError, SqliteLog};
use shared::compare::Recorded;
use shared::event::RunState;
use shared::plan::Plan;
use shared::study::Estimate;
use shared::wire::RunRow;

/// Runs that are looked back at.
const LOOK_BACK: usize = 100;
/// Earlier runs of one plan that count: what took how long a year ago says little.
const LIKE: usize = 5;
const NS_PER_S: f64 = 1e9;

/// The last runs that were done here, oldest first.
#[derive(Default)]
pub struct Past {
    recorded: Vec<Recorded>,
    /// Of each how long its turn took, s; absent where it was not measured in one go.
    took_s: Vec<Option<f64>>,
}

/// How long a run takes, s, and what that is by, as a sentence.
pub type Length = (Option<f64>, String);

impl Past {
    /// What the log has.
    ///
    /// # Errors
    /// [`LogError`] where it cannot be read.
    pub async fn of(log: &SqliteLog) -> Result<Self, LogError> {
        let mut past = Self::default();
        for row in log.rows(LOOK_BACK, None).await?.iter().rev().filter(|row| row.state == RunState::Done) {
            let Some(view) = log.view(&row.run).await? else { continue };
            let Some(recorded) = Recorded::of(&view) else { continue };
            past.recorded.push(recorded);
            past.took_s.push(took_s(row).filter(|_| view.resumptions.is_empty() && view.source.is_none()));
        }
        Ok(past)
    }

    /// How long a run of a plan takes.
    pub fn length(&self, plan: &Plan) -> Length {
        let same = |other: &Plan| Plan { name: plan.name.clone(), ..other.clone() } == *plan;
        let like = self.recorded.iter().zip(&self.took_s).rev().filter(|(recorded, _)| same(&recorded.plan));
        let mut took: Vec<f64> = like.filter_map(|(_, took_s)| *took_s).take(LIKE).collect();
        took.sort_by(f64::total_cmp);
        match took.as_slice() {
            [] => {
                let estimate = Estimate::of_a_run(plan, &self.recorded);
                (estimate.seconds, estimate.sentence())
            }
            [only] => (Some(*only), "As long as the last run of this plan took.".to_owned()),
            several => {
                let sentence = format!("As long as the median of the last {} runs of this plan.", several.len());
                (Some(several[several.len() / 2]), sentence)
            }
        }
    }
}

fn took_s(row: &RunRow) -> Option<f64> {
    Some(row.elapsed_ns.checked_sub(row.begun_ns?)? as f64 / NS_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::event::Host;
    use shared::ids::RunId;

    fn recorded(plan: &Plan) -> Recorded {
        Recorded {
            run: RunId::new(1, 1),
            rounds_of: None,
            plan: plan.clone(),
            host: Host::default(),
            agent_version: String::new(),
            source: None,
            state: None,
            reason: None,
            engines: vec![],
            failures: vec![],
            points: vec![],
            trials: vec![],
            verdict: None,
            findings: None,
            caveats: vec![],
        }
    }

    #[test]
    fn a_run_takes_as_long_as_its_like_or_nobody_knows() {
        let plan = shared::preset::find("first").unwrap();
        let renamed = Plan { name: "Another name".into(), ..plan.clone() };
        let mut longer = plan.clone();
        longer.load.trials += 1;
        let check = |took: &[(&Plan, Option<f64>)], expect: Option<f64>, words: &str| {
            let past = Past {
                recorded: took.iter().map(|(plan, _)| recorded(plan)).collect(),
                took_s: took.iter().map(|(_, took_s)| *took_s).collect(),
            };
            let (seconds, by) = past.length(&plan);
            assert_eq!(seconds, expect);
            assert!(by.contains(words), "{by}");
        };
        check(&[], None, "Time unknown");
        check(&[(&longer, Some(9.0)), (&plan, None)], None, "Time unknown");
        check(&[(&plan, Some(7.0)), (&renamed, Some(5.0))], Some(7.0), "the last 2 runs");
        check(&[(&renamed, Some(5.0))], Some(5.0), "the last run of this plan");
        let old = (&plan, Some(1000.0));
        let of = |s| (&plan, Some(s));
        check(&[old, old, of(1.0), of(5.0), of(2.0), of(4.0), of(3.0)], Some(3.0), "median of the last 5");
    }
}
