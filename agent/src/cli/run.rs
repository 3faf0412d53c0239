//! Owns `tokenprism run`: a plan executed without a browser, by the serving agent where there is one.
//! Must not know how runs are executed.

use super::holder::Holder;
use super::{DataArg, code_of, means, table};
use crate::blob::BlobStore;
use crate::export::RunForm;
use crate::log::{Committed, DataDir, SqliteLog};
use crate::orchestrate::{Queue, Terms};
use crate::price::Prices;
use crate::remote::{Agent, Follow};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use shared::engine::EngineKind;
use shared::ids::RunId;
use shared::plan::{EnginePlan, MAX_PLAN_BYTES, Plan};
use shared::preset::{self, PRESETS};
use shared::view::RunView;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Arguments of `run`.
#[derive(clap::Args, Debug)]
pub struct RunArgs {
    /// A plan file (TOML, or JSON by its ending) or the name of a preset.
    #[arg(required_unless_present = "resume")]
    plan: Option<String>,
    /// Go on with this run, which failed, was cancelled or interrupted: measure the points that have no figures yet.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["plan", "engine"])]
    resume: Option<String>,
    /// Measure this engine instead of the plan's: `builtin`, or the base URL of an OpenAI-compatible server.
    #[arg(long, value_name = "builtin|URL")]
    engine: Option<String>,
    /// Write each point's figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    data: DataArg,
}

/// What is executed.
enum Work {
    /// A new run of a plan.
    Plan(Box<Plan>),
    /// The rest of a run.
    Rest(RunId),
}

impl Work {
    fn of(args: &RunArgs) -> anyhow::Result<Self> {
        match (&args.resume, &args.plan) {
            (Some(run), _) => Ok(Self::Rest(RunId::try_from(run.clone())?)),
            (None, Some(plan)) => Ok(Self::Plan(Box::new(with_engine(read_plan(plan)?, args.engine.as_deref())?))),
            (None, None) => anyhow::bail!("name a plan or a preset, or a run with --resume"),
        }
    }
}

/// Executes the plan, or what is left of a run, and prints its table.
pub async fn run(args: RunArgs) -> anyhow::Result<u8> {
    let work = Work::of(&args)?;
    let view = match Holder::of(&args.data)? {
        Holder::Us(data_dir) => here(&data_dir, work).await?,
        Holder::Agent(agent) => there(&agent, work).await?,
    };
    print!("{}", table::render(&view));
    if let Some(path) = &args.json {
        write_json(path, &view)?;
    }
    Ok(code_of(&view))
}

pub(super) fn read_plan(name: &str) -> anyhow::Result<Plan> {
    if let Some(plan) = preset::find(name) {
        return Ok(plan);
    }
    let presets: Vec<_> = PRESETS.iter().map(|p| p.key).collect();
    let (text, is_json) = read_file(name, || {
        format!("\"{name}\" is neither a preset ({}) nor a plan file that can be read", presets.join(", "))
    })?;
    Ok(if is_json { Plan::from_json(&text) } else { Plan::from_toml(&text) }?)
}

/// The text of a plan's or study's file, and whether it is JSON by its ending.
pub(super) fn read_file(name: &str, unreadable: impl FnOnce() -> String) -> anyhow::Result<(String, bool)> {
    let file = std::fs::File::open(name).with_context(unreadable)?;
    let mut text = String::new();
    // One byte more than is allowed, so that a longer file is refused and never cut.
    file.take(MAX_PLAN_BYTES as u64 + 1).read_to_string(&mut text).with_context(|| format!("{name} is not text"))?;
    Ok((text, Path::new(name).extension().is_some_and(|ending| ending == "json")))
}

fn with_engine(mut plan: Plan, engine: Option<&str>) -> anyhow::Result<Plan> {
    match engine {
        None => return Ok(plan),
        Some("builtin") if plan.engine.kind == EngineKind::Builtin => {}
        Some("builtin") => plan.engine = EnginePlan::of(EngineKind::Builtin),
        Some(url) => {
            let kind = match plan.engine.kind {
                EngineKind::Builtin => EngineKind::OpenaiCompletions,
                kind => kind,
            };
            // How the plan would start it says nothing of a server that runs already.
            if plan.engine.url.is_none() {
                plan.engine = EnginePlan { gpus: plan.engine.gpus, ..EnginePlan::of(kind) };
            }
            plan.engine.url = Some(url.to_owned());
        }
    }
    Ok(plan.validated()?)
}

/// Executes in this process, with no port open.
async fn here(data_dir: &DataDir, work: Work) -> anyhow::Result<RunView> {
    let log = SqliteLog::open(&data_dir.log_path())?;
    let (blobs, prices) = (BlobStore::open(data_dir.blob_dir())?, Prices::of(data_dir.path()));
    let queue = Queue::start(log.clone(), blobs, means(data_dir)?, prices, Terms::of_a_command()).await?;
    let run = match work {
        Work::Plan(plan) => queue.submit(*plan).await?,
        Work::Rest(run) => {
            queue.resume(&run).await?;
            run
        }
    };
    let bar = progress_bar();
    let view = loop {
        match attend(&log, &queue, &run, &bar).await {
            Ok(Attended::Ended(view)) => break Ok(*view),
            Ok(Attended::Interrupted) => {
                bar.set_message("cancelling");
                if let Err(error) = queue.cancel(&run) {
                    tracing::debug!(%error, "cancelled at its end");
                }
            }
            Err(error) => break Err(error),
        }
    };
    bar.finish_and_clear();
    queue.stop().await;
    view
}

/// Why somebody no longer attends to a run.
pub(super) enum Attended {
    /// It has ended.
    Ended(Box<RunView>),
    /// The user wants it to end.
    Interrupted,
}

/// Follows a run of this process until it ends or the user presses Ctrl-C.
pub(super) async fn attend(log: &SqliteLog, queue: &Queue, run: &RunId, bar: &ProgressBar) -> anyhow::Result<Attended> {
    let mut committed = log.subscribe();
    let mut view = RunView::default();
    // What it has from before was committed long ago.
    catch_up(log, run, &mut view).await?;
    while !view.run_state().is_final() {
        tokio::select! {
            event = committed.recv() => match event {
                Ok(Committed::Events { run: of, events }) if of == *run => events.iter().for_each(|e| view.apply(e)),
                Ok(_) => continue,
                // Too slow for the broadcast: the log has everything.
                Err(_) => catch_up(log, run, &mut view).await?,
            },
            why = queue.end_lost(run) => anyhow::bail!("the end of the run could not be logged: {why}"),
            _ = tokio::signal::ctrl_c() => return Ok(Attended::Interrupted),
        }
        show(bar, &view);
    }
    Ok(Attended::Ended(Box::new(view)))
}

async fn catch_up(log: &SqliteLog, run: &RunId, view: &mut RunView) -> anyhow::Result<()> {
    loop {
        let events = log.read_from(run, view.seq, 1000).await?;
        if events.is_empty() {
            return Ok(());
        }
        events.iter().for_each(|event| view.apply(event));
    }
}

/// Executes on the serving agent and follows it.
async fn there(agent: &Agent, work: Work) -> anyhow::Result<RunView> {
    let run = match work {
        Work::Plan(plan) => agent.submit(&plan).await?,
        Work::Rest(run) => {
            agent.resume(&run).await?;
            run
        }
    };
    eprintln!("The agent at {} executes it: {}/runs/{run}", agent.url(), agent.url());
    let bar = progress_bar();
    let mut follow: Follow = agent.follow(&run).await?;
    loop {
        tokio::select! {
            next = follow.next() => {
                let view = next?;
                show(&bar, view);
                if view.run_state().is_final() {
                    bar.finish_and_clear();
                    return Ok(view.clone());
                }
            }
            _ = tokio::signal::ctrl_c() => {
                bar.set_message("cancelling");
                agent.cancel(&run).await?;
            }
        }
    }
}

pub(super) fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    if let Ok(style) = ProgressStyle::with_template("{prefix}[{elapsed}] {wide_bar} {pos}/{len} trials\n{wide_msg}") {
        bar.set_style(style);
    }
    bar
}

pub(super) fn show(bar: &ProgressBar, view: &RunView) {
    let (done, total) = view.progress();
    bar.set_length(u64::from(total.unwrap_or(done + 1)));
    bar.set_position(u64::from(done));
    bar.set_message(table::live_line(view));
}

fn write_json(path: &Path, view: &RunView) -> anyhow::Result<()> {
    let form =
        RunForm::of(view).context("the run has no plan that this version can read, so there is nothing to write")?;
    std::fs::write(path, form.bytes()?)
        .with_context(|| format!("{} could not be written; the run itself is kept in the log", path.display()))
}
