//! Owns `tokenprism study`: a set of runs from one command, by the serving agent where there is one.
//! Must not know how runs are executed, nor how they are read together.

use super::run::{Attended, attend, progress_bar, read_file, read_plan, show};
use super::source::Store;
use super::{DONE, DOUBTFUL, DataArg, FAILED, INVALID, compared, means, subject};
use crate::blob::BlobStore;
use crate::engine;
use crate::export::StudyForm;
use crate::history;
use crate::log::{DataDir, SqliteLog};
use crate::orchestrate::{Queue, Terms};
use crate::price::Prices;
use crate::remote::Agent;
use crate::render::{self, Subject, Zone};
use anyhow::Context;
use indicatif::ProgressBar;
use shared::caveat::Verdict;
use shared::engine::{EngineKind, ParamValue};
use shared::event::RunState;
use shared::ids::{RunId, StudyId};
use shared::plan::EnginePlan;
use shared::study::{self, PRESETS, StudyKind, StudyPlan, StudyView};
use shared::view::RunView;
use std::path::{Path, PathBuf};

/// Arguments of `study`.
#[derive(clap::Args, Debug)]
pub struct StudyArgs {
    /// The name of a study preset (latency, throughput, kv_cache, decomposition, decomposition_gpu, ab) or a study file
    /// (TOML, or JSON by its ending).
    study: String,
    /// Study this engine instead: `builtin`, the base URL of an OpenAI-compatible server, or a plan (file or preset)
    /// whose engine is taken; can be given several times. A ladder names its own engines in its file.
    #[arg(long, value_name = "builtin|URL|PLAN")]
    engine: Vec<String>,
    /// Of an A/B the parameter and its two values: `batch=4,8`.
    #[arg(long, value_name = "KEY=A,B")]
    vary: Option<String>,
    /// Repeats of each point instead of the study's.
    #[arg(long, value_name = "N")]
    trials: Option<u32>,
    /// Say what it would do and how long it would take, and begin nothing.
    #[arg(long)]
    check: bool,
    /// Write the study and its runs' figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the study as one HTML file to read, with its charts.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    data: DataArg,
}

/// Begins the study, waits until its runs have ended, and prints what they come to together.
pub async fn study(args: StudyArgs) -> anyhow::Result<u8> {
    let plan = plan_of(&args)?;
    if args.report.is_some() {
        // Said before the study is measured, not after.
        render::Renderer::new()?;
    }
    let store = Store::open(&args.data)?;
    eprintln!("{}: {} runs. {}", plan.name, plan.expand().len(), estimate(&store, &plan).await?);
    if args.check {
        plan.expand().iter().for_each(|run| println!("{}", run.label));
        return Ok(DONE);
    }
    let study = match &store {
        Store::Here(data_dir, log) => here(data_dir, log, plan).await?,
        Store::There(agent) => there(agent, &plan).await?,
    };
    let view = store.study(&study).await?;
    print!("{}", table(&view));
    if let Some(path) = &args.json {
        let form = StudyForm::of(Some(view.clone()), store.forms_of(&view).await?);
        write(path, &form.bytes()?)?;
    }
    let code = code(&view);
    if let Some(path) = &args.report {
        let of_study = Subject::Study(Box::new(subject::of_study(&store, view).await?));
        write(path, render::report(&of_study, &Zone::here())?.as_bytes())?;
    }
    Ok(code)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes)
        .with_context(|| format!("{} could not be written; the study itself is kept in the log", path.display()))
}

fn plan_of(args: &StudyArgs) -> anyhow::Result<StudyPlan> {
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
            if plan.kind == StudyKind::Ab && engine.vary.is_empty() {
                (engine.order, engine.vary) = (order, vary.clone());
                engine.params.retain(|key, _| !engine.vary.contains_key(key));
            }
            anyhow::ensure!(plan.engines.insert(label.clone(), engine).is_none(), "two engines are named \"{label}\"");
        }
    }
    if let Some(vary) = &args.vary {
        let (key, values) = varied(vary)?;
        for engine in plan.engines.values_mut() {
            engine.params.remove(&key);
            engine.vary = [(key.clone(), values.clone())].into();
        }
    }
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

/// How long it will take, as a sentence.
async fn estimate(store: &Store, plan: &StudyPlan) -> anyhow::Result<String> {
    match store {
        Store::Here(_, log) => Ok(plan.estimate(&history::lately(log).await?).sentence()),
        Store::There(agent) => agent.estimate(plan).await,
    }
}

/// Executes in this process, with no port open.
async fn here(data_dir: &DataDir, log: &SqliteLog, plan: StudyPlan) -> anyhow::Result<StudyId> {
    let (blobs, prices) = (BlobStore::open(data_dir.blob_dir())?, Prices::of(data_dir.path()));
    let queue = Queue::start(log.clone(), blobs, means(data_dir)?, prices, Terms::of_a_command()).await?;
    let study = queue.submit_study(plan).await?;
    let mut rows = log.study(&study).await?.map(|(_, rows)| rows).unwrap_or_default();
    rows.sort_by_key(|row| row.study.as_ref().map_or(0, |place| place.index));
    let runs: Vec<RunId> = rows.iter().map(|row| row.run.clone()).collect();
    let bar = progress_bar();
    let mut ended = Ok(());
    for (place, row) in rows.iter().enumerate() {
        bar.set_prefix(format!("{}/{} {} ", place + 1, rows.len(), row.name));
        let attended = attend(log, &queue, &row.run, &bar).await;
        match attended {
            Ok(Attended::Ended(view)) => tell(&bar, &view),
            Ok(Attended::Interrupted) => {
                bar.set_message("cancelling");
                // What waits first, so that nothing begins when the one under way is gone.
                for run in runs.iter().skip(place).rev() {
                    if let Err(error) = queue.cancel(run) {
                        tracing::debug!(%error, "cancelled at its end");
                    }
                }
                break;
            }
            Err(error) => {
                ended = Err(error);
                break;
            }
        }
    }
    bar.finish_and_clear();
    queue.stop().await;
    ended.map(|()| study)
}

/// Executes on the serving agent and follows its runs.
async fn there(agent: &Agent, plan: &StudyPlan) -> anyhow::Result<StudyId> {
    let study = agent.begin_study(plan).await?;
    eprintln!("The agent at {} executes it: study {study}", agent.url());
    let bar = progress_bar();
    let view = agent.study(&study).await?;
    for (place, of) in view.runs.iter().enumerate() {
        let Some(run) = &of.run else { continue };
        bar.set_prefix(format!("{}/{} {} ", place + 1, view.runs.len(), of.label));
        let mut follow = agent.follow(run).await?;
        loop {
            tokio::select! {
                next = follow.next() => {
                    let view = next?;
                    show(&bar, view);
                    if view.run_state().is_final() {
                        tell(&bar, view);
                        break;
                    }
                }
                _ = tokio::signal::ctrl_c() => {
                    bar.set_message("cancelling");
                    agent.cancel_study(&study).await?;
                }
            }
        }
    }
    bar.finish_and_clear();
    Ok(study)
}

/// A line for each run that has ended: all that is told on the way where no terminal shows the bar.
fn tell(bar: &ProgressBar, view: &RunView) {
    // Made before the bar makes room: until then it is locked, and its prefix with it.
    let line = format!("{}: {}", bar.prefix().trim_end(), view.run_state().label());
    bar.suspend(|| eprintln!("{line}"));
}

fn table(view: &StudyView) -> String {
    let mut text = String::new();
    if let Some(compared) = &view.compared {
        text.push_str(&compared::render(compared));
    }
    if let Some(decomposition) = &view.decomposition {
        text.push_str(&compared::ladder(decomposition));
    }
    for run in &view.runs {
        let Some(row) = &run.row else { continue };
        let verdict = row.verdict.map_or("not judged", Verdict::label);
        text.push_str(&format!("{} {}: {}, {verdict}", row.run, run.label, row.state.label()));
        text.push_str(&row.reason.as_ref().map(|why| format!(". {why}")).unwrap_or_default());
        text.push('\n');
    }
    text.push_str(&format!("Study {}: {}\n", view.study, view.state.label()));
    text
}

/// The gravest of its runs' exit codes.
fn code(view: &StudyView) -> u8 {
    let rows = || view.runs.iter().filter_map(|run| run.row.as_ref());
    let judged = |verdict: Verdict| rows().any(|row| row.verdict == Some(verdict));
    if rows().count() < view.runs.len() || rows().any(|row| row.state != RunState::Done) {
        FAILED
    } else if judged(Verdict::Invalid) {
        INVALID
    } else if judged(Verdict::Doubtful) {
        DOUBTFUL
    } else {
        DONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(study: &str) -> StudyArgs {
        let data = DataArg { data_dir: PathBuf::new() };
        StudyArgs {
            study: study.to_owned(),
            engine: vec![],
            vary: None,
            trials: None,
            check: false,
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
}
