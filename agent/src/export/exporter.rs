//! Owns the way from a run or a study to what is handed out: what is gathered for a format, and where bulk is kept meanwhile.
//! Must not know how a format is written, nor who asks.

use super::archive::{self, blocking};
use super::failure::ExportError;
use super::folder::{Part, distinct};
use super::form::{NamedRun, RunForm, StudyForm};
use super::format::Format;
use super::study::{Reads, StudyRun, task};
use super::{parquet, study, sweep, table};
use crate::blob::BlobStore;
use crate::history;
use crate::log::{LogError, SqliteLog, Study};
use crate::render;
use shared::ids::{RunId, StudyId};
use shared::study::StudyView;
use shared::view::RunView;
use std::fs::File;
use std::io::Seek;
use std::sync::Arc;

/// Events of one read of the log.
const READ: usize = 1000;

/// Exports what a log and its records hold.
#[derive(Clone, Debug)]
pub struct Exporter {
    log: SqliteLog,
    blobs: BlobStore,
}

/// What was exported.
#[derive(Debug)]
pub struct Exported {
    /// What the file or folder is called where nobody names it.
    pub name: String,
    /// What it is.
    pub format: Format,
    /// What is in it.
    pub content: Content,
}

/// What is in an export.
#[derive(Debug)]
pub enum Content {
    /// A short file.
    Bytes(Vec<u8>),
    /// A long one, on the disk, from its begin.
    Spooled(File),
    /// Files in folders.
    Folder(Vec<Part>),
}

/// A run that is exported, alone or among others.
struct Chosen {
    index: u32,
    label: String,
    view: Arc<RunView>,
    form: RunForm,
}

impl Chosen {
    /// The run with what was read of its machine.
    fn of_study(self, reads: Reads) -> StudyRun {
        StudyRun { index: self.index, label: self.label, view: self.view, form: self.form, reads }
    }
}

/// Everything that is exported together.
struct Choice {
    /// The id of the run or study.
    of: String,
    study: Option<(Study, Box<StudyView>)>,
    runs: Vec<Chosen>,
}

impl Exporter {
    /// An exporter of this log and these records.
    #[must_use]
    pub fn new(log: SqliteLog, blobs: BlobStore) -> Self {
        Self { log, blobs }
    }

    /// A run in a format.
    ///
    /// # Errors
    /// Where there is no such run, or the format has no place for what it is.
    pub async fn run(&self, run: &RunId, format: Format) -> Result<Exported, ExportError> {
        let view = self.log.view(run).await?.ok_or_else(|| LogError::NoSuchRun(run.clone()))?;
        let form = RunForm::of(&view).ok_or_else(|| ExportError::Unreadable(run.clone()))?;
        let chosen = Chosen { index: 0, label: task(&form), view, form };
        self.export(Choice { of: run.to_string(), study: None, runs: vec![chosen] }, format).await
    }

    /// A study with all its runs in a format.
    ///
    /// # Errors
    /// As [`Exporter::run`].
    pub async fn study(&self, study: &StudyId, format: Format) -> Result<Exported, ExportError> {
        let (of, rows) = self.log.study(study).await?.ok_or_else(|| LogError::NoSuchStudy(study.clone()))?;
        let recorded = history::of_study(&self.log, &rows).await?;
        let told = StudyView::of(of.study.clone(), of.plan.clone(), of.created_unix_ms, &rows, recorded);
        let mut runs = Vec::new();
        for (index, run) in (0..).zip(&told.runs) {
            let Some(id) = &run.run else { continue };
            let Some(view) = self.log.view(id).await? else { continue };
            let form = RunForm::of(&view).ok_or_else(|| ExportError::Unreadable(id.clone()))?;
            runs.push(Chosen { index, label: run.label.clone(), view, form });
        }
        self.export(Choice { of: study.to_string(), study: Some((of, Box::new(told))), runs }, format).await
    }

    async fn export(&self, choice: Choice, format: Format) -> Result<Exported, ExportError> {
        let name = format.name(&choice.of);
        let content = match format {
            Format::Json => Content::Bytes(json(choice)?),
            Format::Csv => Content::Bytes(table::table(&forms(choice.runs))?),
            Format::Parquet => Content::Spooled(self.records(choice).await?),
            Format::Sweep => Content::Folder(self.sweep(choice).await?),
            Format::Study => Content::Folder(self.study_folders(choice).await?),
            Format::Archive => Content::Spooled(self.archive(choice).await?),
        };
        Ok(Exported { name, format, content })
    }

    async fn records(&self, Choice { of, runs, .. }: Choice) -> Result<File, ExportError> {
        let blobs = self.blobs.clone();
        blocking(move || {
            let mut spool = blobs.spool()?;
            let runs: Vec<_> = runs.iter().map(|run| (&*run.view, run.form.clone())).collect();
            parquet::write(&of, &runs, &blobs, std::io::BufWriter::new(&mut spool))?;
            spool.rewind()?;
            Ok(spool)
        })
        .await
    }

    async fn archive(&self, Choice { study, runs, .. }: Choice) -> Result<File, ExportError> {
        let mut spool = self.blobs.spool()?;
        let views: Vec<_> = runs.into_iter().map(|run| run.view).collect();
        let to = std::io::BufWriter::new(spool.try_clone()?);
        archive::write(&self.log, &self.blobs, study.map(|(study, _)| study), &views, to).await?;
        spool.rewind()?;
        Ok(spool)
    }

    /// A sweep for each run; of a study each in a folder of its own, runs that have none left out.
    async fn sweep(&self, Choice { study, runs, .. }: Choice) -> Result<Vec<Part>, ExportError> {
        let blobs = self.blobs.clone();
        blocking(move || {
            let folders = distinct(runs.iter().map(|run| run.label.clone()));
            let (mut parts, mut refused) = (Vec::new(), None);
            for (run, folder) in runs.iter().zip(folders) {
                let of_run = match sweep::parts(&run.view, &run.form, &blobs) {
                    Ok(of_run) => of_run,
                    Err(error @ ExportError::Nothing { .. }) => {
                        refused.get_or_insert(error);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let placed = |part: Part| match study {
                    Some(_) => Part { path: format!("{folder}/{}", part.path), ..part },
                    None => part,
                };
                parts.extend(of_run.into_iter().map(placed));
            }
            match refused {
                Some(error) if parts.is_empty() => Err(error),
                _ => Ok(parts),
            }
        })
        .await
    }

    async fn study_folders(&self, Choice { study, runs, .. }: Choice) -> Result<Vec<Part>, ExportError> {
        let mut read = Vec::new();
        for run in runs {
            let reads = self.reads(&run.form.run).await?;
            read.push(run.of_study(reads));
        }
        let told = study.map(|(_, told)| *told);
        render::aside(move || Ok(study::parts(told, read))).await?
    }

    /// What was read of a run's machine, from its events: the view keeps bins.
    async fn reads(&self, run: &RunId) -> Result<Reads, ExportError> {
        let (mut reads, mut seq) = (Reads::default(), 0);
        loop {
            let events = self.log.read_from(run, seq, READ).await?;
            let Some(last) = events.last() else { break };
            seq = last.seq;
            events.iter().for_each(|event| reads.take(&event.body));
        }
        reads.sort();
        Ok(reads)
    }
}

fn json(Choice { study, runs, .. }: Choice) -> Result<Vec<u8>, ExportError> {
    let Some((_, study)) = study else {
        let forms = forms(runs);
        let form = forms.first().ok_or_else(|| ExportError::Encode("there is no run".to_owned()))?;
        return Ok(form.bytes()?);
    };
    let named = |run: Chosen| NamedRun { index: run.index, label: run.label, recorded: run.form };
    Ok(StudyForm::of(Some(*study), runs.into_iter().map(named).collect()).bytes()?)
}

fn forms(runs: Vec<Chosen>) -> Vec<RunForm> {
    runs.into_iter().map(|run| run.form).collect()
}
