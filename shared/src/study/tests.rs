//! Owns the cases of studies: what is taken, which runs follow, what is refused with which sentence, and the ladder's fold.
//! Must not know how runs are executed.

use super::*;
use crate::compare::{Judgement, Recorded, sample};
use crate::event::RunState;
use crate::ids::RunId;
use crate::plan::Level;

fn preset(key: &str) -> StudyPlan {
    StudyPlan::from_toml(toml(key).unwrap()).unwrap()
}

#[test]
fn every_preset_is_a_valid_study_and_survives_both_forms() {
    for of in &PRESETS {
        let plan = preset(of.key);
        assert_eq!(StudyPlan::from_toml(&plan.to_toml()).as_ref(), Ok(&plan), "{}", of.key);
        assert_eq!(StudyPlan::from_json(&serde_json::to_string(&plan).unwrap()).as_ref(), Ok(&plan));
        assert!(plan.estimate(&[]).seconds.is_some(), "{}", of.key);
    }
    assert_eq!(find("nonsense"), None);
}

#[test]
fn every_level_of_a_preset_has_requests_enough() {
    for key in ["latency", "throughput", "kv_cache"] {
        let load = preset(key).load;
        for level in load.levels() {
            let least = 32.max(4 * level.in_flight().unwrap());
            assert!(load.requests_at(level).unwrap() >= least, "{key} at {level:?}");
        }
    }
}

fn labels(plan: &StudyPlan) -> Vec<String> {
    plan.expand().into_iter().map(|run| run.label).collect()
}

/// A run's parameters in words.
fn params(plan: &StudyPlan, run: usize) -> String {
    let run = plan.expand().swap_remove(run);
    let words: Vec<String> = run.plan.engine.params.iter().map(|(key, value)| format!("{key} {value}")).collect();
    words.join(", ")
}

#[test]
fn curves_have_a_run_for_each_engine_and_task() {
    let mut plan = preset("kv_cache");
    assert_eq!(labels(&plan), ["With KV cache", "Without KV cache"]);
    plan.workload.input_tokens = None;
    plan.tasks = vec!["Factual recall".to_owned(), "Translation".to_owned()];
    let plan = plan.validated().unwrap();
    assert_eq!(labels(&plan).len(), 4);
    assert_eq!(labels(&plan)[1], "With KV cache, Translation");
    assert_eq!(plan.expand()[1].plan.workload.prompts.as_deref(), Some("Translation"));
}

#[test]
fn a_ladder_changes_one_thing_a_step_and_can_leave_each_out() {
    let plan = preset("decomposition");
    let expect = [
        ("Without KV cache", "batch 1, kv_cache off, preset 1m"),
        ("KV cache", "batch 1, kv_cache on, preset 1m"),
        ("Static batching", "batch 8, kv_cache on, preset 1m"),
        ("All but: KV cache", "batch 8, kv_cache off, preset 1m"),
    ];
    assert_eq!(labels(&plan), expect.map(|(label, _)| label));
    for (run, (_, words)) in expect.into_iter().enumerate() {
        assert_eq!(params(&plan, run), words);
    }
    // Without the last option it is the step before, whose run serves. What the first engine switched on is none of the
    // second one's.
    let on_gpu = preset("decomposition_gpu");
    let all_but: Vec<String> = labels(&on_gpu).into_iter().skip(on_gpu.steps.len()).collect();
    assert_eq!(all_but, ["All but: Continuous batching", "All but: CUDA graphs", "All but: Chunked prefill"]);
}

/// An A/B whose sides are two engines.
const TWO_ENGINES: &str = r#"
schema = 1
name = "A/B"
kind = "ab"
[engines.cache]
kind = "builtin"
params = { kv_cache = true }
[engines.none]
kind = "builtin"
params = { kv_cache = false }
[workload]
input_tokens = 8
output_tokens = 4
[load]
concurrency = [2]
requests = 32
trials = 6
"#;

fn two_engines() -> StudyPlan {
    StudyPlan::from_toml(TWO_ENGINES).unwrap()
}

#[test]
fn an_a_b_of_two_engines_has_both_in_every_round() {
    let plan = two_engines();
    assert_eq!(labels(&plan)[..4], ["cache, round 1", "none, round 1", "none, round 2", "cache, round 2"]);
    let runs = plan.expand();
    assert_eq!(runs.len(), 12);
    // A round asks both the same, and every round something else.
    let asked: Vec<(u64, u32)> = runs.iter().map(|run| (run.plan.workload.seed, run.plan.load.trials)).collect();
    assert_eq!(asked[..4], [(0, 1), (0, 1), (1, 1), (1, 1)]);
    let mut tasks = plan;
    (tasks.tasks, tasks.workload.input_tokens) = (vec!["Translation".to_owned()], None);
    let tasks = tasks.validated().unwrap();
    assert_eq!(labels(&tasks)[1], "none, Translation, round 1");
    assert_eq!(tasks.expand()[1].plan.workload.prompts.as_deref(), Some("Translation"));
}

#[test]
fn what_is_no_a_b_of_two_engines_is_refused() {
    let check = |from: &str, to: &str, expect: &str| {
        let error = StudyPlan::from_toml(&TWO_ENGINES.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(expect), "{error} lacks {expect}");
    };
    let third = "[engines.third]\nkind = \"builtin\"\n[workload]";
    check("[workload]", third, "must be two, or one of which a parameter has two values");
    check("params = { kv_cache = false }", "vary = { kv_cache = [true, false] }", "cannot vary");
    check("params = { kv_cache = false }", "vary = { batch = [1, 2] }\norder = \"interleaved\"", "cannot vary");
    check("trials = 6", "trials = 5", "needs 6");
    check("trials = 6", "trials = 33", "makes 66 runs, more than 64");
    check("trials = 6", "trials = 4294967295", "makes 8589934590 runs");
}

/// A run of a round, that came to its end, whose one trial has this throughput.
fn of_round(plan: &StudyPlan, place: u32, value: f64) -> (u32, Recorded) {
    let mut run = sample::levels(&[(2, &[value])]);
    (run.run, run.plan) = (RunId::new(place.into(), 0), plan.expand().swap_remove(place as usize).plan);
    (place, run)
}

#[test]
fn rounds_that_both_engines_finished_are_read_together() {
    let (plan, study) = (two_engines(), crate::ids::StudyId::new(1, 1));
    let value = |place: u32| {
        let label = labels(&plan).swap_remove(place as usize);
        if label.starts_with("none") { 80.0 + f64::from(place) } else { 100.0 + f64::from(place) }
    };
    let mut recorded: Vec<(u32, Recorded)> = (0..12).map(|place| of_round(&plan, place, value(place))).collect();
    let found = |recorded: &[(u32, Recorded)]| {
        StudyView::of(study.clone(), plan.clone(), 1, &[], recorded.to_vec()).compared.unwrap()
    };
    let told = |compared: &crate::compare::Compared| {
        let row = compared.rows.iter().find(|row| row.comparison.figure == "output_throughput").unwrap();
        (row.comparison.in_turns, row.comparison.judgement, row.comparison.base.trials.len())
    };
    let all = found(&recorded);
    let curves: Vec<&str> = all.curves.iter().map(|curve| curve.label.as_str()).collect();
    assert_eq!((curves, told(&all)), (vec!["cache", "none"], (true, Judgement::Worse, 6)));
    // One that failed takes its partner out, so that the others are still told apart by their rounds.
    recorded[3].1.state = Some(RunState::Failed);
    assert_eq!(told(&found(&recorded)), (true, Judgement::NotEnoughRepeats { have: 5, needed: 6 }, 5));
    recorded.remove(0);
    assert_eq!(told(&found(&recorded)).2, 4);
    // Of the first round the other one has not had its turn yet: nothing is compared, and nothing is drawn alone.
    assert_eq!(found(&recorded[..1]).curves, []);
}

fn check(key: &str, from: &str, to: &str, expect: &str) {
    let text = toml(key).unwrap();
    assert!(text.contains(from), "{from}");
    let error = StudyPlan::from_toml(&text.replace(from, to)).unwrap_err().to_string();
    assert!(error.contains(expect), "{error} lacks {expect}");
}

#[test]
fn what_is_no_study_is_refused_with_a_sentence() {
    check("decomposition", "schema = 1", "schema = 9", "schema in the plan is 9");
    check("decomposition", "[1, 8]", "[8, 1]", "latency-bound one, then the throughput-bound one");
    check("decomposition", "[1, 8]", "[1, 8, 16]", "two levels");
    check("decomposition", "trials = 5", "trials = 4", "needs 5: with fewer no difference could be significant");
    check("decomposition_gpu", "trials = 6", "trials = 5", "needs 6");
    check("decomposition", "set = { batch = 8 }", "set = { batch = 8, seed = 1 }", "one change from the last");
    check("decomposition", "set = { batch = 8 }", "set = { batch = 1 }", "which it is already");
    check("decomposition", "set = { batch = 8 }", "engine = \"builtin\"", "changes nothing");
    check("decomposition", "set = { batch = 8 }", "engine = \"other\"", "there is none of that label");
    check("decomposition", "engine = \"builtin\"", "set = { seed = 1 }", "say its engine");
    check("decomposition", "label = \"KV cache\"", "label = \"Static batching\"", "two of one label");
    check("latency", "kind = \"curves\"", "kind = \"curves\"\nleave_one_out = true", "belong to a decomposition");
    check("latency", "kind = \"curves\"", "kind = \"curves\"\ntasks = [\"Translation\"]", "beside workload.prompts");
    check("latency", "[1, 2, 4]", "[1, 1]", "The run \"Built-in\" of the study is refused: load.concurrency");
    check("ab", "batch = [4, 8]", "batch = [4, 8, 16]", "two values in vary");
    check("ab", "order = \"interleaved\"", "", "interleaved");
    check("ab", "trials = 10", "trials = 5", "needs 6");
    check("ab", "kind = \"ab\"", "kind = \"abc\"", "could not be read");
    let tasks = "kind = \"ab\"\ntasks = [\"Translation\", \"Factual recall\"]";
    let text = toml("ab").unwrap().replace("kind = \"ab\"", tasks).replace("trials = 10", "trials = 6");
    let error = StudyPlan::from_toml(&text).unwrap_err().to_string();
    assert!(error.contains("levels and tasks needs 7"), "{error}");
}

#[test]
fn an_estimate_says_what_it_is_by() {
    let mut plan = preset("decomposition");
    // Four runs of two levels and five trials of 7 s, and a start of 2 s each.
    let estimate = plan.estimate(&[]);
    assert_eq!((estimate.seconds, estimate.by_duration), (Some(4.0 * (2.0 + 2.0 * 5.0 * 7.0)), 40));
    assert_eq!(estimate.sentence(), "About 5 min: 40 trials by the plan's durations.");
    (plan.load.duration_s, plan.load.requests, plan.load.requests_per_slot) = (None, Some(32), Some(8));
    let assumed = plan.estimate(&[]);
    assert_eq!((assumed.by_assumption, assumed.unknown), (40, 0));
    plan.assume = None;
    let unknown = plan.estimate(&[]);
    assert_eq!((unknown.seconds, unknown.unknown), (None, 40));
    assert_eq!(unknown.sentence(), "Time unknown: 40 trials of unknown length.");
    let mut like = recorded(&plan, 1, [8.0, 16.0]);
    like.points[1].summary.as_mut().unwrap().request_throughput = Some(16.0);
    assert_eq!(plan.estimate(&[like]).by_like_runs, 5);
}

/// A finished run of a ladder's place: five trials a level around these.
fn recorded(plan: &StudyPlan, index: usize, around: [f64; 2]) -> Recorded {
    let values = around.map(|centre| [-2.0, -1.0, 0.0, 1.0, 2.0].map(|step| centre * (1.0 + step / 100.0)));
    let levels: Vec<u32> = plan.load.concurrency.clone();
    let mut run = sample::levels(&[(levels[0], &values[0]), (levels[1], &values[1])]);
    run.run = RunId::new(index as u64, 0);
    run.plan = plan.expand().swap_remove(index).plan;
    run
}

#[test]
fn a_ladder_says_what_each_step_is_worth_in_both_cases() {
    let plan = preset("decomposition");
    let measured: Vec<(u32, Recorded)> = [[10.0, 10.0], [40.0, 40.0], [40.2, 200.0], [10.0, 60.0]]
        .into_iter()
        .enumerate()
        .map(|(index, around)| (index as u32, recorded(&plan, index, around)))
        .collect();
    let found = Decomposition::of(&plan, &measured);
    let words: Vec<_> = found.cases.iter().map(|case| (case.name.as_str(), case.level)).collect();
    assert_eq!(words, [("latency-bound", Level::Concurrency(1)), ("throughput-bound", Level::Concurrency(8))]);
    let told = |case: usize, without: bool| -> Vec<Option<Judgement>> {
        let case = &found.cases[case];
        let rungs = if without { &case.without } else { &case.steps };
        rungs.iter().map(|rung| rung.against.get("output_throughput").map(|c| c.judgement)).collect()
    };
    let (better, worse, noise) = (Some(Judgement::Better), Some(Judgement::Worse), Some(Judgement::WithinNoise));
    assert_eq!(told(0, false), [None, better, noise]);
    assert_eq!(told(1, false), [None, better, better]);
    assert_eq!((told(0, true), told(1, true)), (vec![worse, noise], vec![worse, worse]));
    let step = &found.cases[1].steps[2];
    let factor = step.against["output_throughput"].ratio.unwrap();
    assert!((factor.value - 5.0).abs() < 1e-9 && factor.low < 5.0 && factor.high > 5.0, "{factor:?}");
    assert_eq!((step.change.as_str(), step.base), ("batch 8", Some(1)));
    // Of the full configuration without an option it says what stands there instead.
    let instead: Vec<_> = found.cases[1].without.iter().map(|rung| rung.change.as_str()).collect();
    assert_eq!(instead, ["kv_cache off", "batch 1"]);
    // Nothing measures energy here, and no price is known: neither is zero, both are absent.
    assert!(!step.figures.contains_key("energy_per_token") && !step.against.contains_key("cost_per_mtok"));
}

#[test]
fn a_step_that_was_not_measured_is_passed_over() {
    let plan = preset("decomposition");
    let measured: Vec<(u32, Recorded)> =
        [0, 2].map(|index| (index, recorded(&plan, index as usize, [10.0 * f64::from(index + 1); 2]))).into();
    let case = &Decomposition::of(&plan, &measured).cases[0];
    let bases: Vec<_> = case.steps.iter().map(|rung| (rung.run.is_some(), rung.base)).collect();
    assert_eq!(bases, [(true, None), (false, None), (true, Some(0))]);
    // One option's run is that of the step that was not measured, the other's has not been.
    assert!(case.without.iter().all(|rung| rung.run.is_none() && rung.against.is_empty()));
}

#[test]
fn the_state_of_a_study_follows_from_its_runs() {
    let check = |states: &[Option<RunState>], expect| assert_eq!(StudyState::of(states), expect, "{states:?}");
    let (queued, running, done) = (Some(RunState::Queued), Some(RunState::Running), Some(RunState::Done));
    check(&[queued, queued], StudyState::Waiting);
    check(&[done, queued], StudyState::Running);
    check(&[running, queued], StudyState::Running);
    check(&[done, done], StudyState::Done);
    check(&[done, Some(RunState::Failed)], StudyState::Incomplete);
    check(&[done, None], StudyState::Incomplete);
}
