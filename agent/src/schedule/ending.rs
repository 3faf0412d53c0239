//! Owns what came of what a schedule began: whether it has ended, and what changed since the time before.
//! Must not know who is told.

use crate::history;
use crate::log::{LogError, SqliteLog};
use crate::orchestrate::unix_ms;
use shared::compare::Recorded;
use shared::ids::RunId;
use shared::people::Side;
use shared::schedule::{Changed, Outcome, changed, markdown};
use shared::study::StudyPlan;
use shared::wire::RunRow;
use tokio::task::spawn_blocking;

/// What was begun; nothing is left of it where it was deleted.
struct Begun {
    /// The plan of a study.
    plan: Option<StudyPlan>,
    /// Its runs, in order of their places.
    rows: Vec<RunRow>,
}

impl Begun {
    async fn of(log: &SqliteLog, side: &Side) -> Result<Self, LogError> {
        let (plan, mut rows) = match side {
            Side::Run(run) => (None, run_row(log, run).await?.into_iter().collect()),
            Side::Study(study) => {
                log.study(study).await?.map_or_else(Default::default, |(of, rows)| (Some(of.plan), rows))
            }
        };
        rows.sort_by_key(|row| row.study.as_ref().map_or(0, |place| place.index));
        Ok(Self { plan, rows })
    }

    fn is_over(&self) -> bool {
        self.rows.iter().all(|row| row.state.is_final())
    }

    /// What its runs came to, by the labels of what a study compares; a run by itself has none.
    async fn recorded(&self, log: &SqliteLog, side: &Side) -> Result<Vec<(String, Recorded)>, LogError> {
        let recorded = history::of_study(log, &self.rows).await?;
        Ok(match (side, &self.plan) {
            (Side::Study(study), Some(plan)) => plan.labelled(study, recorded),
            _ => recorded.into_iter().map(|(_, run)| (String::new(), run)).collect(),
        })
    }
}

/// True where no run of it waits or runs.
pub async fn is_over(log: &SqliteLog, side: &Side) -> Result<bool, LogError> {
    Ok(Begun::of(log, side).await?.is_over())
}

async fn run_row(log: &SqliteLog, run: &RunId) -> Result<Option<RunRow>, LogError> {
    Ok(log.view(run).await?.and_then(|view| RunRow::of(&view)))
}

/// What came of a run or study that has ended, beside the one before it; nothing while it is under way.
pub async fn outcome(
    log: &SqliteLog,
    name: &str,
    of: &Side,
    against: Option<&Side>,
) -> Result<Option<Outcome>, LogError> {
    let begun = Begun::of(log, of).await?;
    if !begun.is_over() {
        return Ok(None);
    }
    let new = begun.recorded(log, of).await?;
    let mut base = None;
    if let Some(side) = against {
        let before = Begun::of(log, side).await?;
        // One that was deleted is nothing to compare with.
        if before.is_over() && !before.rows.is_empty() {
            base = Some((side.clone(), before.recorded(log, side).await?));
        }
    }
    let rows = begun.rows;
    let (name, of) = (name.to_owned(), of.clone());
    let ended_unix_ms = unix_ms();
    let told = spawn_blocking(move || {
        let word = changed(base.as_ref().map(|(_, runs)| runs.as_slice()), &new, &rows);
        let words = base.as_ref().map(|(side, runs)| (words(side), runs));
        let text =
            markdown(&name, word, &rows, words.as_ref().map(|(words, runs)| (words.as_str(), runs.as_slice())), &new);
        Outcome {
            of,
            against: base.map(|(side, _)| side),
            ended_unix_ms,
            changed: word,
            has_figures: word != Changed::Failed && !new.is_empty(),
            markdown: text,
        }
    });
    Ok(told.await.inspect_err(|error| tracing::error!(%error, "a comparison did not end well")).ok())
}

fn words(side: &Side) -> String {
    match side {
        Side::Run(run) => format!("the run {run}"),
        Side::Study(study) => format!("the study {study}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::event::{Body, RunState};
    use shared::ids::StudyId;
    use shared::summary::Summary;

    /// A run whose one point has a trial for each of these, tokens/s.
    async fn run(log: &SqliteLog, n: u32, throughputs: &[f64], state: RunState) -> Side {
        let run = RunId::new(1_000, n);
        let plan = shared::preset::find("first").unwrap();
        let mut bodies = vec![crate::orchestrate::created(&run, &plan, 1_000)];
        let summary = |value: f64| Box::new(Summary { output_throughput: Some(value), ..Summary::default() });
        for (trial, value) in (0..).zip(throughputs) {
            bodies.push(Body::TrialStarted { trial, point: 0, repeat: trial });
            bodies.push(Body::TrialDone { trial, summary: summary(*value), blob: None });
        }
        if let Some(first) = throughputs.first() {
            bodies.push(Body::PointDone { point: 0, summary: summary(*first), intervals: Default::default() });
        }
        bodies.push(Body::State { state, reason: None });
        let items = (0..).zip(bodies).collect();
        log.append(&run, items).await.unwrap();
        Side::Run(run)
    }

    #[tokio::test]
    async fn what_ended_is_compared_with_the_time_before() {
        let dir = tempfile::tempdir().unwrap();
        let log = SqliteLog::open(&dir.path().join("log.sqlite")).unwrap();
        let usual = [100.0, 100.1, 99.9, 100.2, 99.8, 100.05];
        let first = run(&log, 1, &usual, RunState::Done).await;
        let same = run(&log, 2, &usual.map(|v| v + 0.01), RunState::Done).await;
        let slower = run(&log, 3, &usual.map(|v| v * 0.8), RunState::Done).await;
        let failed = run(&log, 4, &[], RunState::Failed).await;
        let waits = run(&log, 5, &[], RunState::Queued).await;
        let gone = Side::Study(StudyId::new(1, 1));
        let check = async |of: &Side, against: Option<&Side>, expect: Changed, has_figures: bool, says: &str| {
            let outcome = outcome(&log, "Nightly", of, against).await.unwrap().unwrap();
            assert_eq!((outcome.changed, outcome.has_figures), (expect, has_figures), "{}", outcome.markdown);
            assert!(outcome.markdown.contains(says), "{}", outcome.markdown);
            outcome
        };
        check(&first, None, Changed::First, true, "## Nightly: first result").await;
        let outcome_of = check(&same, Some(&first), Changed::Nothing, true, "within noise").await;
        assert_eq!(outcome_of.against, Some(first.clone()));
        check(
            &slower,
            Some(&first),
            Changed::Worse,
            true,
            &format!("Compared with the {}", words(&first).trim_start_matches("the ")),
        )
        .await;
        check(&failed, Some(&first), Changed::Failed, false, "failed, not judged").await;
        // What was deleted is nothing to compare with, and nothing that has figures.
        check(&same, Some(&gone), Changed::First, true, "first result").await;
        check(&gone, Some(&first), Changed::Failed, false, "failed").await;
        assert!(outcome(&log, "Nightly", &waits, None).await.unwrap().is_none());
    }
}
