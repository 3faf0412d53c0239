//! Owns `tokenprism study`: a set of runs from one command, by the serving agent where there is one.
//! Must not know how runs are executed, nor how they are read together.

mod plan;

use super::run::{Attended, attend, progress_bar, show};
use super::source::Store;
use super::{DONE, DOUBTFUL, DataArg, FAILED, INVALID, compared, means, subject};
use crate::blob::BlobStore;
use crate::export::StudyForm;
use crate::history;
use crate::log::{DataDir, SqliteLog};
use crate::orchestrate::{Queue, Terms};
use crate::price::Prices;
use crate::remote::Agent;
use crate::render::{self, Subject, Zone};
use anyhow::Context;
use indicatif::ProgressBar;
use plan::{Asked, plan_of};
use shared::caveat::Verdict;
use shared::event::RunState;
use shared::ids::{RunId, StudyId};
use shared::study::{StudyPlan, StudyView};
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
    #[command(flatten)]
    asked: Asked,
    /// Say what it would do and how long it would take, and begin nothing.
    #[arg(long)]
    check: bool,
    /// Write the study with all that is changed here as a study file (TOML) to stdout, to be edited, and begin nothing.
    #[arg(long, conflicts_with_all = ["check", "json", "report"])]
    print: bool,
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
    if args.print {
        print!("{}", plan.to_toml());
        return Ok(DONE);
    }
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
