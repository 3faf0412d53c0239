//! Owns which of the runs that somebody asks for stand beside one another: those of studies by their work.
//! Must not know how two are compared.

use super::curve::{Compared, compare_runs, compare_within};
use super::figure::Figure;
use super::recorded::Recorded;

/// Compares what was asked for: each item is a run by itself, or the runs of a study. Runs alone are compared with the
/// first of them. Where a study is among them, each run is compared with the first that did like work: one of a study that
/// no other is like is compared with nothing, and one that was asked for by itself with the first of all.
#[must_use]
pub fn compare_asked(asked: Vec<Vec<(String, Recorded)>>, figures: &[Figure], strict: bool) -> Compared {
    let alone = asked.iter().all(|runs| runs.len() <= 1);
    let groups = groups(&asked);
    let runs: Vec<(String, Recorded)> = asked.into_iter().flatten().collect();
    if alone { compare_runs(&runs, figures, strict) } else { compare_within(&runs, &groups, figures, strict) }
}

/// The group of each run in their order, by its first member's place.
fn groups(asked: &[Vec<(String, Recorded)>]) -> Vec<u32> {
    let by_itself = asked.iter().flat_map(|runs| runs.iter().map(|_| runs.len() == 1));
    let runs: Vec<(bool, Option<String>)> =
        by_itself.zip(asked.iter().flatten()).map(|(alone, (_, run))| (alone, work(run))).collect();
    let group = |(place, (alone, work)): (usize, &(bool, Option<String>))| {
        let like = |other: &(bool, Option<String>)| work.is_some() && other.1 == *work;
        let has_like = runs.iter().filter(|other| like(other)).count() > 1;
        let own = runs.iter().position(like).unwrap_or(place);
        // The first of all is the first of its own group, too.
        if *alone && !has_like { 0 } else { own as u32 }
    };
    runs.iter().enumerate().map(group).collect()
}

/// What tells one work from another: where prompts come from and what they share. Seeds and lengths of outputs do not:
/// where they differ, the comparison says so. What another tool measured is like nothing that is known.
fn work(run: &Recorded) -> Option<String> {
    let workload = &run.plan.workload;
    let of = (
        &workload.input_tokens,
        &workload.prompts,
        &workload.file,
        &workload.prefix,
        &workload.sessions,
        &run.plan.load.trace,
    );
    if run.is_others() { None } else { serde_json::to_string(&of).ok() }
}

#[cfg(test)]
mod tests {
    use super::super::sample::levels;
    use super::*;
    use crate::source::Source;

    /// A study is its label and tasks; "-" is a task that another tool measured.
    fn check(asked: &[(&str, &[&str])], expect: &[(&str, &str)]) {
        let run = |label: &str, task: &str| {
            let mut run = levels(&[(1, &[1.0, 1.1, 1.2, 1.3, 1.4])]);
            (run.plan.workload.input_tokens, run.plan.workload.prompts) = (None, Some(task.to_owned()));
            run.source = (task == "-").then(|| Source { tool: "bench".to_owned(), ..Source::default() });
            (format!("{label} {task}"), run)
        };
        let runs = asked.iter().map(|(label, tasks)| tasks.iter().map(|task| run(label, task)).collect()).collect();
        let found = compare_asked(runs, &[Figure::parse("output_throughput").unwrap()], false);
        let pairs: Vec<_> = found.rows.iter().map(|row| (found.label(row.base), found.label(row.curve))).collect();
        assert_eq!(pairs, expect, "{asked:?}");
        let runs = asked.iter().map(|(_, tasks)| tasks.len()).sum::<usize>();
        assert_eq!(found.curves.len(), runs, "every curve is shown");
    }

    #[test]
    fn runs_of_studies_stand_beside_their_like() {
        let (two, other) = (["qa", "sums"], ["sums", "qa"]);
        check(&[("a", &two), ("b", &other)], &[("a sums", "b sums"), ("a qa", "b qa")]);
        check(&[("a", &two)], &[]);
        check(&[("a", &two), ("b", &["qa", "code"])], &[("a qa", "b qa")]);
        check(
            &[("a", &two), ("b", &two), ("c", &["sums"])],
            &[("a qa", "b qa"), ("a sums", "b sums"), ("a sums", "c sums")],
        );
        // What was asked for by name is compared with something, and what is unlike is said beside it.
        check(&[("a", &two), ("b", &["code"])], &[("a qa", "b code")]);
        check(&[("a", &two), ("b", &["-"])], &[("a qa", "b -")]);
        check(&[("a", &["qa"]), ("b", &["code"]), ("c", &["code"])], &[("a qa", "b code"), ("a qa", "c code")]);
        // A study that another tool measured does not tell its tasks.
        check(&[("a", &["-", "-"])], &[]);
    }
}
