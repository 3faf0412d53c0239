//! Owns finding what a picture or report is of: a run, a study, an exported file, or several of them beside one another.
//! Must not know what is made of it.

use super::DataArg;
use super::source::{self, Store};
use crate::blob::BlobStore;
use crate::remote::Agent;
use crate::render::{PointDistributions, RunSubject, StudySubject, Subject};
use anyhow::Context;
use serde::Deserialize;
use shared::compare::{Figure, compare_asked};
use shared::ids::{RequestId, RunId, StudyId};
use shared::study::StudyView;
use shared::view::RunView;
use std::path::Path;
use std::sync::Arc;

/// What `study --json` writes, as far as it is read here.
#[derive(Deserialize)]
struct StudyFile {
    study: StudyView,
}

/// What these names stand for: one run, with a request of it opened where one is given, one study or its file, or several
/// runs compared with the first.
pub(super) async fn find(names: &[String], request: Option<RequestId>, data: &DataArg) -> anyhow::Result<Subject> {
    let is_run = matches!(names, [name] if !Path::new(name).is_file() && RunId::try_from(name.clone()).is_ok());
    anyhow::ensure!(
        is_run || request.is_none(),
        "--request is of one run, whose records hold it: give the id of one run instead of {}",
        names.join(" ")
    );
    if let [name] = names {
        if Path::new(name).is_file() {
            let bytes = std::fs::read(name).with_context(|| format!("{name} could not be read"))?;
            if let Ok(StudyFile { study }) = serde_json::from_slice(&bytes) {
                return Ok(Subject::Study(Box::new(StudySubject { view: study, runs: Vec::new() })));
            }
        } else if let Ok(run) = RunId::try_from(name.clone()) {
            let store = Store::open(data)?;
            let view = Arc::new(store.run(&run).await?);
            let opened = match request {
                Some(id) => Some(store.request(&run, &view, id).await?),
                None => None,
            };
            return Ok(Subject::Run(Box::new(with_records(&store, &run, view).await?.opened(opened))));
        } else if let Ok(study) = StudyId::try_from(name.clone()) {
            let store = Store::open(data)?;
            let view = store.study(&study).await?;
            return Ok(Subject::Study(Box::new(of_study(&store, view).await?)));
        }
    }
    let runs = source::read(names, data).await?;
    Ok(Subject::Compared(compare_asked(runs, &Figure::usual(), false)))
}

/// A study with those of its runs that there are.
pub(super) async fn of_study(store: &Store, view: StudyView) -> anyhow::Result<StudySubject> {
    let mut runs = Vec::new();
    for run in view.runs.iter().filter_map(|of| of.run.as_ref()) {
        runs.push(Arc::new(store.run(run).await?));
    }
    Ok(StudySubject { view, runs })
}

/// A run with the distributions of its records, which are where the run is.
async fn with_records(store: &Store, run: &RunId, view: Arc<RunView>) -> anyhow::Result<RunSubject> {
    match store {
        Store::Here(data_dir, _) => Ok(RunSubject::of(view, &BlobStore::open(data_dir.blob_dir())?)),
        Store::There(agent) => {
            let points = told(agent, run, &view).await.map_err(|error| format!("{error:#}"));
            Ok(RunSubject::new(view, points))
        }
    }
}

/// The distributions that the serving agent computes.
async fn told(agent: &Agent, run: &RunId, view: &RunView) -> anyhow::Result<Vec<PointDistributions>> {
    let mut points = Vec::new();
    // Of another tool's run there are no records.
    for (place, words) in RunSubject::points(view).into_iter().filter(|_| view.source.is_none()) {
        let mut found = Vec::new();
        for latency in RunSubject::LATENCIES {
            found.push(agent.distribution(run, place, latency.key()).await?);
        }
        if let Ok(found) = found.try_into() {
            points.push((place, words, found));
        }
    }
    Ok(points)
}
