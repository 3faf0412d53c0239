//! Owns where the runs come from that commands compare: exported files, this host's log, or the agent that serves.
//! Must not know what is made of them.

use super::DataArg;
use super::holder::Holder;
use crate::blob::BlobStore;
use crate::export::{NamedRun, RunForm};
use crate::history;
use crate::log::{DataDir, LogError, SqliteLog};
use crate::recount;
use crate::remote::Agent;
use anyhow::Context;
use serde::Deserialize;
use shared::compare::Recorded;
use shared::ids::{RequestId, RunId, StudyId};
use shared::study::StudyView;
use shared::view::RunView;
use shared::wire::RequestTimeline;
use std::path::Path;

/// A run with the words that name it.
pub(super) type Named = (String, Recorded);

/// What `study --json` writes, and what an export has of runs together, as far as it is read here.
#[derive(Deserialize)]
struct StudyFile {
    /// Absent in an export of runs that are no study.
    #[serde(default)]
    study: Option<StudyView>,
    runs: Vec<StudyFileRun>,
}

#[derive(Deserialize)]
struct StudyFileRun {
    index: u32,
    label: String,
    recorded: Option<Recorded>,
}

/// Where runs are looked up by their ids.
pub(super) enum Store {
    /// The log of a data directory that nobody else holds.
    Here(DataDir, SqliteLog),
    /// The agent that serves from it.
    There(Agent),
}

impl Store {
    /// The log of the data directory, or the agent that holds it.
    pub(super) fn open(data: &DataArg) -> anyhow::Result<Self> {
        match Holder::of(data)? {
            Holder::Us(data_dir) => {
                let log = SqliteLog::open(&data_dir.log_path())?;
                Ok(Self::Here(data_dir, log))
            }
            Holder::Agent(agent) => Ok(Self::There(agent)),
        }
    }

    /// A run by its id.
    pub(super) async fn run(&self, run: &RunId) -> anyhow::Result<RunView> {
        match self {
            Self::Here(_, log) => Ok((*log.view(run).await?.ok_or_else(|| LogError::NoSuchRun(run.clone()))?).clone()),
            Self::There(agent) => agent.view(run).await,
        }
    }

    /// The timeline of a request of a run.
    pub(super) async fn request(&self, run: &RunId, view: &RunView, id: RequestId) -> anyhow::Result<RequestTimeline> {
        match self {
            Self::Here(data_dir, _) => Ok(recount::timeline(&BlobStore::open(data_dir.blob_dir())?, run, view, id)?),
            Self::There(agent) => agent.request(run, id).await,
        }
    }

    /// A study by its id.
    pub(super) async fn study(&self, study: &StudyId) -> anyhow::Result<StudyView> {
        let log = match self {
            Self::Here(_, log) => log,
            Self::There(agent) => return agent.study(study).await,
        };
        let found = log.study(study).await?;
        let (of, rows) = found.ok_or_else(|| LogError::NoSuchStudy(study.clone()))?;
        let recorded = history::of_study(log, &rows).await?;
        Ok(StudyView::of(of.study, of.plan, of.created_unix_ms, &rows, recorded))
    }

    /// The exported form of each run of a study.
    pub(super) async fn forms_of(&self, study: &StudyView) -> anyhow::Result<Vec<NamedRun>> {
        let mut forms = Vec::new();
        for (index, of) in (0..).zip(&study.runs) {
            let Some(run) = &of.run else { continue };
            let form = RunForm::of(&self.run(run).await?);
            forms.extend(form.map(|recorded| NamedRun { index, label: of.label.clone(), recorded }));
        }
        Ok(forms)
    }

    /// What of a study can be compared, each with its label.
    async fn arms_of(&self, study: &StudyView) -> anyhow::Result<Vec<Named>> {
        let mut runs = Vec::new();
        for (index, of) in (0..).zip(&study.runs) {
            let Some(run) = &of.run else { continue };
            runs.extend(Recorded::of(&self.run(run).await?).map(|run| (index, run)));
        }
        Ok(study.plan.labelled(&study.study, runs))
    }
}

/// The runs that each of these names stands for: a file that `run --json` or `study --json` wrote, the id of a run or of a
/// study, or one run of such a file or study (`FILE#LABEL`, `FILE#RUN_ID`).
pub(super) async fn read(names: &[String], data: &DataArg) -> anyhow::Result<Vec<Vec<Named>>> {
    let mut store = None;
    let mut found = Vec::new();
    for name in names {
        let (of, picked) = parts(name);
        let runs = match Path::new(of).is_file() {
            true => of_file(of)?,
            false => {
                let store = match &mut store {
                    Some(store) => store,
                    none => none.insert(Store::open(data)?),
                };
                of_store(of, store).await?
            }
        };
        found.push(match picked {
            Some(picked) => pick(of, picked, runs)?,
            None => runs,
        });
    }
    Ok(found)
}

/// The one run of a name.
pub(super) async fn one(name: &str, data: &DataArg) -> anyhow::Result<Recorded> {
    let runs: Vec<Named> = read(&[name.to_owned()], data).await?.into_iter().flatten().collect();
    match <[Named; 1]>::try_from(runs) {
        Ok([(_, run)]) => Ok(run),
        Err(none) if none.is_empty() => anyhow::bail!("{name} holds no run that has figures"),
        Err(runs) => {
            let (of, _) = parts(name);
            anyhow::bail!("{name} holds {} runs: name one of them, {}", runs.len(), choice(of, &runs))
        }
    }
}

/// A name without what picks one of its runs, and that. A file may have the sign in its own name.
fn parts(name: &str) -> (&str, Option<&str>) {
    let is_known = |of: &str| Path::new(of).is_file() || StudyId::try_from(of.to_owned()).is_ok();
    if is_known(name) {
        return (name, None);
    }
    let split = name.match_indices('#').map(|(at, _)| (&name[..at], &name[at + 1..]));
    split.into_iter().find(|(of, _)| is_known(of)).map_or((name, None), |(of, picked)| (of, Some(picked)))
}

/// The runs of this label or id.
fn pick(of: &str, picked: &str, runs: Vec<Named>) -> anyhow::Result<Vec<Named>> {
    // Rounds that were joined go by their label: the id of one of them is not all of them.
    let is_it = |(label, run): &Named| label == picked || (run.rounds_of.is_none() && run.run.as_str() == picked);
    if !runs.iter().any(is_it) {
        anyhow::bail!("{of} holds no run \"{picked}\": name one of these, {}", choice(of, &runs));
    }
    Ok(runs.into_iter().filter(is_it).collect())
}

/// What picks each of these runs.
fn choice(of: &str, runs: &[Named]) -> String {
    let words: Vec<String> = runs.iter().map(|(label, run)| format!("\"{of}#{label}\" ({})", run.run)).collect();
    words.join(", ")
}

async fn of_store(name: &str, store: &Store) -> anyhow::Result<Vec<Named>> {
    if let Ok(study) = StudyId::try_from(name.to_owned()) {
        let view = store.study(&study).await?;
        return store.arms_of(&view).await;
    }
    let run = RunId::try_from(name.to_owned())
        .with_context(|| format!("\"{name}\" is neither a file, nor a study, nor a run"))?;
    let recorded = Recorded::of(&store.run(&run).await?);
    let recorded = recorded.with_context(|| format!("the run {run} has no plan that this version can read"))?;
    Ok(vec![(recorded.plan.name.clone(), recorded)])
}

fn of_file(name: &str) -> anyhow::Result<Vec<Named>> {
    let bytes = std::fs::read(name).with_context(|| format!("{name} could not be read"))?;
    let no_export = || format!("{name} is no export of `run --json` or `study --json`");
    let file: serde_json::Value = serde_json::from_slice(&bytes).with_context(no_export)?;
    if file.get("runs").is_some() {
        let study: StudyFile = serde_json::from_value(file).with_context(no_export)?;
        let with_figures = study.runs.into_iter().filter_map(|run| Some((run.index, run.label, run.recorded?)));
        return Ok(match study.study {
            Some(of) => of.plan.labelled(&of.study, with_figures.map(|(index, _, run)| (index, run)).collect()),
            None => with_figures.map(|(_, label, run)| (label, run)).collect(),
        });
    }
    let run: Recorded = serde_json::from_value(file).with_context(no_export)?;
    Ok(vec![(run.plan.name.clone(), run)])
}
