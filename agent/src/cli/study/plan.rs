//! Owns what the command line makes of a study: the preset or file that is named, and everything that is said beside it.
//! Must not know what makes a study valid (its own rules say that), nor how it is executed.

use super::super::run::{read_file, read_plan};
use super::StudyArgs;
use crate::engine;
use crate::workload;
use anyhow::Context;
use shared::engine::{EngineKind, ParamValue};
use shared::plan::{Arrival, EnginePlan, Lengths};
use shared::study::{self, PRESETS, StudyKind, StudyPlan};

/// What every engine is asked, in place of what the study says.
#[derive(clap::Args, Debug, Default)]
pub(super) struct Asked {
    /// Ask this task of the shipped prompts; can be given several times, for a run of each engine and task. A ladder has one.
    #[arg(long, value_name = "NAME")]
    task: Vec<String>,
    /// Ask synthetic prompts of this length, tokens.
    #[arg(long, value_name = "N", conflicts_with = "task")]
    input_tokens: Option<u32>,
    /// Ask for answers of this length, tokens.
    #[arg(long, value_name = "N")]
    output_tokens: Option<u32>,
    /// Levels: requests in flight, such as `1,2,4`. Of a ladder two, the latency-bound one first.
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    concurrency: Vec<u32>,
    /// Length of each trial's window in place of a number of requests, s.
    #[arg(long, value_name = "S")]
    duration: Option<f64>,
    /// The model that every engine serves: an id, or a folder on the agent's host.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

impl Asked {
    fn change(&self, plan: &mut StudyPlan) -> anyhow::Result<()> {
        self.change_work(plan)?;
        if !self.concurrency.is_empty() {
            let (load, holds) = (&mut plan.load, "--concurrency is of a study that holds requests in flight");
            anyhow::ensure!(
                load.search.is_none(),
                "{holds} at levels that it names, and this one finds its levels itself: change [load.search] in its file"
            );
            let is_held = matches!(load.arrival, Arrival::Closed | Arrival::Burst);
            anyhow::ensure!(
                is_held,
                "{holds}, and requests of this one arrive by a schedule: change [load] in its file"
            );
            load.concurrency.clone_from(&self.concurrency);
        }
        if self.duration.is_some() {
            let load = &mut plan.load;
            anyhow::ensure!(
                load.arrival != Arrival::Trace,
                "--duration cannot apply: the study plays a trace to its end"
            );
            (load.duration_s, load.requests, load.requests_per_slot) = (self.duration, None, None);
        }
        for (label, engine) in plan.engines.iter_mut().filter(|_| self.model.is_some()) {
            anyhow::ensure!(
                engine.kind != EngineKind::Builtin,
                "--model cannot apply to the engine \"{label}\": the built-in engine has models of its own, of which its \
                 parameter preset is the choice; name other engines with --engine, or write the model into a study file"
            );
            engine.model.clone_from(&self.model);
        }
        Ok(())
    }

    /// The workload: one of tasks, synthetic prompts and what the study says itself.
    fn change_work(&self, plan: &mut StudyPlan) -> anyhow::Result<()> {
        let mut tasks = self.task.iter().map(|task| workload::task(task)).collect::<Result<Vec<String>, _>>()?;
        let work = &mut plan.workload;
        if !tasks.is_empty() || self.input_tokens.is_some() {
            anyhow::ensure!(
                plan.load.arrival != Arrival::Trace,
                "--task and --input-tokens cannot apply: the study plays a trace, whose own prompts hold"
            );
            plan.tasks.clear();
            (work.prompts, work.file) = (None, None);
            work.input_tokens = self.input_tokens.map(Lengths::Fixed);
        }
        match (plan.kind, tasks.len()) {
            // The steps of a ladder are all asked the same.
            (StudyKind::Decomposition, 1) => work.prompts = tasks.pop(),
            (_, 0) => {}
            _ => plan.tasks = tasks,
        }
        if let Some(output) = self.output_tokens {
            work.output_tokens = Some(Lengths::Fixed(output));
        }
        Ok(())
    }
}

/// The study that the command line asks for: a preset or a file, with everything that is said beside it.
pub(super) fn plan_of(args: &StudyArgs) -> anyhow::Result<StudyPlan> {
    let mut plan = read_study(&args.study)?;
    if !args.engine.is_empty() {
        anyhow::ensure!(
            plan.kind != StudyKind::Decomposition,
            "the steps of a ladder name its engines: write them in a study file instead of --engine"
        );
        let (order, vary) = plan.engines.values().next().map(|e| (e.order, e.vary.clone())).unwrap_or_default();
        plan.engines.clear();
        for name in &args.engine {
            let (label, mut engine) = engine_of(name)?;
            // Two engines are the two sides themselves.
            if plan.kind == StudyKind::Ab && engine.vary.is_empty() && args.engine.len() == 1 {
                (engine.order, engine.vary) = (order, vary.clone());
                engine.params.retain(|key, _| !engine.vary.contains_key(key));
            }
            anyhow::ensure!(plan.engines.insert(label.clone(), engine).is_none(), "two engines are named \"{label}\"");
        }
    }
    if let Some(vary) = &args.vary {
        anyhow::ensure!(
            !plan.is_of_two_engines(),
            "--vary cannot apply: the two engines are what is compared; leave it out, or name one engine"
        );
        let (key, values) = varied(vary)?;
        for engine in plan.engines.values_mut() {
            engine.params.remove(&key);
            engine.vary = [(key.clone(), values.clone())].into();
        }
    }
    args.asked.change(&mut plan)?;
    plan.load.trials = args.trials.unwrap_or(plan.load.trials);
    let plan = plan.validated()?;
    for run in plan.expand() {
        engine::check(&run.plan).map_err(|why| study::StudyError::Run { label: run.label, why })?;
    }
    Ok(plan)
}

fn read_study(name: &str) -> anyhow::Result<StudyPlan> {
    if let Some(plan) = study::find(name) {
        return Ok(plan);
    }
    let presets: Vec<_> = PRESETS.iter().map(|p| p.key).collect();
    let (text, is_json) = read_file(name, || {
        format!("\"{name}\" is neither a study preset ({}) nor a study file that can be read", presets.join(", "))
    })?;
    Ok(if is_json { StudyPlan::from_json(&text) } else { StudyPlan::from_toml(&text) }?)
}

/// An engine with its label.
fn engine_of(name: &str) -> anyhow::Result<(String, EnginePlan)> {
    if name == "builtin" {
        return Ok(("Built-in".to_owned(), EnginePlan::of(EngineKind::Builtin)));
    }
    if name.starts_with("http://") || name.starts_with("https://") {
        let mut engine = EnginePlan::of(EngineKind::OpenaiCompletions);
        engine.url = Some(name.to_owned());
        return Ok((name.to_owned(), engine));
    }
    let plan = read_plan(name)?;
    Ok((plan.name, plan.engine))
}

/// "batch=4,8" as a parameter and its values.
fn varied(text: &str) -> anyhow::Result<(String, Vec<ParamValue>)> {
    let (key, values) = text.split_once('=').context("--vary expects KEY=A,B, such as batch=4,8")?;
    let value = |text: &str| match (text.parse(), text.parse(), text.parse()) {
        (Ok(value), ..) => ParamValue::Bool(value),
        (_, Ok(value), _) => ParamValue::Int(value),
        (.., Ok(value)) => ParamValue::Float(value),
        _ => ParamValue::Text(text.to_owned()),
    };
    Ok((key.trim().to_owned(), values.split(',').map(|text| value(text.trim())).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::super::DataArg;
    use super::*;
    use std::path::PathBuf;

    fn args(study: &str) -> StudyArgs {
        let data = DataArg { data_dir: PathBuf::new() };
        StudyArgs {
            study: study.to_owned(),
            engine: vec![],
            vary: None,
            trials: None,
            asked: Asked::default(),
            check: false,
            print: false,
            json: None,
            report: None,
            data,
        }
    }

    #[test]
    fn presets_can_be_studied_over_any_engines() {
        let mut over = args("throughput");
        over.engine = vec!["builtin".to_owned(), "http://box:8000".to_owned(), "first".to_owned()];
        let plan = plan_of(&over).unwrap();
        let labels: Vec<_> = plan.engines.keys().map(String::as_str).collect();
        assert_eq!(labels, ["Built-in", "First run", "http://box:8000"]);
        over.engine.push("builtin".to_owned());
        assert!(plan_of(&over).unwrap_err().to_string().contains("two engines"));
        let ladder = StudyArgs { engine: vec!["builtin".to_owned()], ..args("decomposition") };
        assert!(plan_of(&ladder).unwrap_err().to_string().contains("study file"));
        assert!(plan_of(&args("nonsense")).unwrap_err().to_string().contains("neither a study preset"));
    }

    #[test]
    fn an_a_b_takes_its_parameter_from_the_command_line() {
        let vary = |text: &str| StudyArgs { vary: Some(text.to_owned()), ..args("ab") };
        let plan = plan_of(&vary("kv_cache=true,false")).unwrap();
        let engine = plan.engines.values().next().unwrap();
        assert_eq!(engine.vary["kv_cache"], [ParamValue::Bool(true), ParamValue::Bool(false)]);
        assert!(plan_of(&vary("batch=1,2,3")).is_err());
        assert!(plan_of(&vary("batch")).is_err());
        assert!(plan_of(&vary("nonsense=1,2")).is_err());
    }

    #[test]
    fn an_a_b_takes_two_engines_as_its_sides() {
        let over = |engines: &[&str]| StudyArgs {
            engine: engines.iter().map(|name| (*name).to_owned()).collect(),
            ..args("ab")
        };
        let plan = plan_of(&over(&["builtin", "http://box:8000"])).unwrap();
        assert!(plan.is_of_two_engines() && plan.engines.values().all(|engine| engine.vary.is_empty()));
        assert_eq!(plan.expand().len() as u32, 2 * plan.load.trials);
        let varied = StudyArgs { vary: Some("batch=4,8".to_owned()), ..over(&["builtin", "http://box:8000"]) };
        assert!(plan_of(&varied).unwrap_err().to_string().contains("--vary cannot apply"));
        let three = plan_of(&over(&["builtin", "http://a:1", "http://b:1"])).unwrap_err().to_string();
        assert!(three.contains("must be two"), "{three}");
    }

    /// The study with these options, or the sentence that refuses them.
    fn asked(study: &str, options: &[&str]) -> Result<StudyPlan, String> {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: StudyArgs,
        }
        let line = ["study", study, "--data", "/nowhere"].into_iter().chain(options.iter().copied());
        let parsed = <Line as clap::Parser>::try_parse_from(line).map_err(|error| error.to_string())?;
        plan_of(&parsed.args).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_asked_can_be_changed() {
        let tasks = asked("throughput", &["--task", "factual recall", "--task", "Summarisation"]).unwrap();
        assert_eq!(
            (tasks.tasks, tasks.workload.prompts),
            (vec!["Factual recall".to_owned(), "Summarisation".to_owned()], None)
        );
        let one = asked("decomposition", &["--task", "Summarisation"]).unwrap();
        assert_eq!((one.tasks.len(), one.workload.prompts.as_deref()), (0, Some("Summarisation")));
        assert_eq!(one.workload.input_tokens, None);
        let lengths = asked("latency", &["--input-tokens", "32", "--output-tokens", "8"]).unwrap().workload;
        assert_eq!((lengths.input_tokens, lengths.output_tokens), (Some(Lengths::Fixed(32)), Some(Lengths::Fixed(8))));
        assert_eq!(lengths.prompts, None);
        let load = asked("throughput", &["--concurrency", "1,2,4", "--duration", "5"]).unwrap().load;
        assert_eq!((load.concurrency, load.duration_s, load.requests), (vec![1, 2, 4], Some(5.0), None));
        let served = asked("latency", &["--engine", "http://box:8000", "--model", "mine"]).unwrap();
        assert_eq!(served.engines["http://box:8000"].model.as_deref(), Some("mine"));
    }

    #[test]
    fn what_cannot_apply_is_refused() {
        let check = |study: &str, options: &[&str], expect: &str| {
            let refused = asked(study, options).map(|_| String::new()).unwrap_or_else(|why| why);
            assert!(refused.contains(expect), "{study} {options:?}: {refused}");
        };
        check("latency", &["--task", "Cooking"], "Factual recall");
        check("latency", &["--task", "Summarisation", "--task", "summarisation"], "name one twice");
        check("latency", &["--task", "Summarisation", "--input-tokens", "8"], "cannot be used with");
        check("latency", &["--input-tokens", "0"], "workload.input_tokens");
        check("latency", &["--concurrency", "0"], "load.concurrency");
        check("latency", &["--duration", "0"], "from 0.1 to 86,400 seconds");
        check("latency", &["--model", "mine"], "--model cannot apply to the engine \"Built-in\"");
        check(
            "decomposition",
            &["--task", "Summarisation", "--task", "Factual recall"],
            "cannot be several in a ladder",
        );
        check("decomposition", &["--concurrency", "1,2,4"], "two levels");
        // Its prefixes are those of synthetic prompts.
        check("decomposition_gpu", &["--task", "Summarisation"], "needs synthetic prompts");
        check("ab", &["--concurrency", "1,2,4", "--trials", "6"], "load.trials");
    }

    #[test]
    fn a_printed_study_is_read_back() {
        let check = |study: &str, options: &[&str]| {
            let plan = asked(study, options).unwrap();
            assert_eq!(StudyPlan::from_toml(&plan.to_toml()).unwrap(), plan, "{study}");
        };
        check("throughput", &["--task", "Summarisation", "--concurrency", "1,2"]);
        check("ab", &["--vary", "kv_cache=true,false", "--duration", "3"]);
        check("decomposition_gpu", &["--model", "/srv/models/mine", "--output-tokens", "64"]);
    }
}
