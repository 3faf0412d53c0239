//! Owns where the runs come from that commands compare: exported files, this host's log, or the agent that serves.
//! Must not know what is made of them.

use super::DataArg;
use super::holder::Holder;
use crate::export::{NamedRun, RunForm};
use crate::history;
use crate::log::{DataDir, LogError, SqliteLog};
use crate::remote::Agent;
use anyhow::Context;
use serde::Deserialize;
use shared::compare::Recorded;
use shared::ids::{RunId, StudyId};
use shared::study::StudyView;
use shared::view::RunView;
use std::path::Path;

/// A run with the words that name it.
pub(super) type Named = (String, Recorded);

/// What `study --json` writes, and what an export has of runs together, as far as it is read here.
#[derive(Deserialize)]
struct StudyFile {
    runs: Vec<StudyFileRun>,
}

#[derive(Deserialize)]
struct StudyFileRun {
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

    /// The runs of a study that have figures, each with its label.
    async fn runs_of(&self, study: &StudyView) -> anyhow::Result<Vec<Named>> {
        let mut runs = Vec::new();
        for of in &study.runs {
            let Some(run) = &of.run else { continue };
            runs.extend(Recorded::of(&self.run(run).await?).map(|run| (of.label.clone(), run)));
        }
        Ok(runs)
    }
}

/// The runs that these names stand for: files that `run --json` or `study --json` wrote, ids of runs or of studies.
pub(super) async fn read(names: &[String], data: &DataArg) -> anyhow::Result<Vec<Named>> {
    let mut store = None;
    let mut runs = Vec::new();
    for name in names {
        if Path::new(name).is_file() {
            runs.extend(of_file(name)?);
            continue;
        }
        let store = match &mut store {
            Some(store) => store,
            none => none.insert(Store::open(data)?),
        };
        if let Ok(study) = StudyId::try_from(name.clone()) {
            let view = store.study(&study).await?;
            runs.extend(store.runs_of(&view).await?);
            continue;
        }
        let run = RunId::try_from(name.clone())
            .with_context(|| format!("\"{name}\" is neither a file, nor a study, nor a run"))?;
        let recorded = Recorded::of(&store.run(&run).await?);
        let recorded = recorded.with_context(|| format!("the run {run} has no plan that this version can read"))?;
        runs.push((recorded.plan.name.clone(), recorded));
    }
    Ok(runs)
}

fn of_file(name: &str) -> anyhow::Result<Vec<Named>> {
    let bytes = std::fs::read(name).with_context(|| format!("{name} could not be read"))?;
    let no_export = || format!("{name} is no export of `run --json` or `study --json`");
    let file: serde_json::Value = serde_json::from_slice(&bytes).with_context(no_export)?;
    if file.get("runs").is_some() {
        let study: StudyFile = serde_json::from_value(file).with_context(no_export)?;
        let named = |run: StudyFileRun| run.recorded.map(|recorded| (run.label, recorded));
        return Ok(study.runs.into_iter().filter_map(named).collect());
    }
    let run: Recorded = serde_json::from_value(file).with_context(no_export)?;
    Ok(vec![(run.plan.name.clone(), run)])
}
