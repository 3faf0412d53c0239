//! Owns `tokenprism export`: results written to files, by the serving agent where there is one, and nothing overwritten.
//! Must not know any format.

use super::holder::Holder;
use super::{DONE, DataArg};
use crate::blob::BlobStore;
use crate::export::{Content, Exported, Exporter, Format, Part, untar};
use crate::files::folder_of;
use crate::log::SqliteLog;
use crate::remote::Agent;
use anyhow::{Context, bail, ensure};
use futures_util::StreamExt;
use shared::ids::{RunId, StudyId};
use std::fs::{DirBuilder, File, Permissions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Arguments of `export`.
#[derive(clap::Args, Debug)]
pub struct ExportArgs {
    /// Ids of runs or studies.
    #[arg(required = true, value_name = "RUN|STUDY")]
    ids: Vec<String>,
    /// What to write.
    #[arg(long, value_enum)]
    format: Format,
    /// File or folder to write to instead of one that is named by the id; of several ids the folder of them.
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    data: DataArg,
}

/// What is exported.
enum Of {
    Run(RunId),
    Study(StudyId),
}

impl Of {
    fn parse(id: &str) -> anyhow::Result<Self> {
        if let Ok(study) = StudyId::try_from(id.to_owned()) {
            return Ok(Self::Study(study));
        }
        let run = RunId::try_from(id.to_owned()).with_context(|| format!("\"{id}\" is neither a run nor a study"))?;
        Ok(Self::Run(run))
    }

    fn id(&self) -> &str {
        match self {
            Self::Run(run) => run.as_str(),
            Self::Study(study) => study.as_str(),
        }
    }
}

/// Who exports.
enum Source {
    Here(Exporter),
    There(Agent),
}

/// Writes each of them, and says where it is.
pub async fn export(args: ExportArgs) -> anyhow::Result<u8> {
    let all = args.ids.iter().map(|id| Of::parse(id)).collect::<anyhow::Result<Vec<_>>>()?;
    let holder = Holder::of(&args.data)?;
    let source = match &holder {
        Holder::Us(data_dir) => {
            let log = SqliteLog::open(&data_dir.log_path())?;
            Source::Here(Exporter::new(log, BlobStore::open(data_dir.blob_dir())?))
        }
        Holder::Agent(agent) => Source::There(agent.clone()),
    };
    for of in &all {
        let name = args.format.name(of.id());
        let to = match &args.out {
            None => PathBuf::from(name),
            Some(out) if all.len() > 1 => out.join(name),
            Some(out) => out.clone(),
        };
        source.write(of, args.format, &to, args.force).await?;
        println!("{}", to.display());
    }
    Ok(DONE)
}

impl Source {
    async fn write(&self, of: &Of, format: Format, to: &Path, force: bool) -> anyhow::Result<()> {
        if !format.is_folder() {
            refuse_existing(to, force)?;
        }
        match self {
            Self::Here(exporter) => {
                let Exported { content, .. } = match of {
                    Of::Run(run) => exporter.run(run, format).await?,
                    Of::Study(study) => exporter.study(study, format).await?,
                };
                match content {
                    Content::Bytes(bytes) => file(to, force, &mut bytes.as_slice()),
                    Content::Spooled(mut spool) => file(to, force, &mut spool),
                    Content::Folder(parts) => folder(to, force, &parts),
                }
            }
            Self::There(agent) => {
                let mut spool = beside(to)?;
                fetched(agent, of, format, spool.as_file_mut()).await?;
                spool.rewind()?;
                if format.is_folder() {
                    return folder(to, force, &untar(spool.as_file())?);
                }
                put(spool, to, force)
            }
        }
    }
}

/// Has the agent export, and keeps what comes.
async fn fetched(agent: &Agent, of: &Of, format: Format, to: &mut File) -> anyhow::Result<()> {
    let kind = match of {
        Of::Run(_) => "runs",
        Of::Study(_) => "studies",
    };
    let response = agent.export(kind, of.id(), format.key()).await?;
    let mut body = response.bytes_stream();
    while let Some(part) = body.next().await {
        to.write_all(&part.context("the agent's answer broke off: see its own log, and export again")?)?;
    }
    Ok(())
}

fn refuse_existing(to: &Path, force: bool) -> anyhow::Result<()> {
    ensure!(
        force || !to.exists(),
        "{} is there already: name another with --out, or replace it with --force",
        to.display()
    );
    Ok(())
}

/// A file without its name yet, in the folder that it will be in: what is not whole is never seen under its name.
fn beside(to: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = folder_of(to);
    let made = DirBuilder::new().recursive(true).create(folder);
    // A temporary file is for its owner alone; what is exported is as any other file of the user, less what the umask takes.
    let made =
        made.and_then(|()| tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder));
    made.with_context(|| format!("{} could not be written", to.display()))
}

fn file(to: &Path, force: bool, from: &mut dyn Read) -> anyhow::Result<()> {
    let mut new = beside(to)?;
    std::io::copy(from, &mut new).with_context(|| format!("{} could not be written", to.display()))?;
    put(new, to, force)
}

/// Gives a file its name.
fn put(new: NamedTempFile, to: &Path, force: bool) -> anyhow::Result<()> {
    if to.is_dir() {
        bail!("{} is a folder: name a file with --out", to.display());
    }
    let done = if force { new.persist(to) } else { new.persist_noclobber(to) };
    done.map_err(|error| error.error).with_context(|| format!("{} could not be written", to.display()))?;
    Ok(())
}

fn folder(to: &Path, force: bool, parts: &[Part]) -> anyhow::Result<()> {
    let places: Vec<PathBuf> = parts.iter().map(|part| to.join(&part.path)).collect();
    places.iter().try_for_each(|place| refuse_existing(place, force))?;
    places.iter().zip(parts).try_for_each(|(place, part)| file(place, force, &mut part.bytes.as_slice()))
}
