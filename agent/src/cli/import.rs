//! Owns `tokenprism import`: files of other tools handed in, by the serving agent where there is one.
//! Must not know any format.

use super::holder::Holder;
use super::{DONE, DataArg, FAILED};
use crate::blob::BlobStore;
use crate::import::{Found, Importer, Intake, harmless_name, is_archive, walk};
use crate::log::{DataDir, SqliteLog};
use shared::wire::{FileFate, ImportReport, ImportedFile};
use std::fs::File;
use std::path::PathBuf;

/// Arguments of `import`.
#[derive(clap::Args, Debug)]
pub struct ImportArgs {
    /// Result files, and folders with everything in them: of vLLM's bench and its sweeps, GuideLLM, AIPerf, the
    /// published study's scripts, and what `export` wrote.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    data: DataArg,
}

/// Imports, and says what became of each file.
pub async fn import(args: ImportArgs) -> anyhow::Result<u8> {
    let mut files = Vec::new();
    let mut left_out = Vec::new();
    for found in walk(&args.paths) {
        match found {
            Found::File { name, path } => files.push((name, path)),
            Found::LeftOut { name, why } => {
                left_out.push(ImportedFile { name: harmless_name(&name), fate: FileFate::Refused { why } });
            }
        }
    }
    let mut report = if files.is_empty() { ImportReport::default() } else { handed_in(&args.data, files).await? };
    report.files.append(&mut left_out);
    print!("{}", told(&report));
    // Whoever imports a folder wants what is in it; nothing at all is a failure.
    let any = report.files.iter().any(|file| !matches!(file.fate, FileFate::Refused { .. }));
    Ok(if any { DONE } else { FAILED })
}

/// Has files taken in, by the serving agent of the data directory where there is one.
async fn handed_in(data: &DataArg, files: Vec<(String, PathBuf)>) -> anyhow::Result<ImportReport> {
    match Holder::of(data)? {
        Holder::Us(data_dir) => here(&data_dir, files).await,
        Holder::Agent(agent) => agent.import(files).await,
    }
}

/// Imports in this process.
async fn here(data_dir: &DataDir, files: Vec<(String, PathBuf)>) -> anyhow::Result<ImportReport> {
    let log = SqliteLog::open(&data_dir.log_path())?;
    let mut intake = Intake::default();
    for (name, path) in files {
        match File::open(&path) {
            Ok(file) if is_archive(&file) => intake.take_archive(&name, file),
            opened => match opened.and_then(|_| std::fs::read(&path)) {
                Ok(bytes) => intake.take(&name, &bytes),
                Err(error) => intake.lose(&name, format!("It could not be read: {error}.")),
            },
        }
    }
    let blobs = BlobStore::open(data_dir.blob_dir())?;
    Ok(Importer::new(log, blobs).import(intake).await?)
}

/// What is printed: each new run with the number of its files, what was there, and each file that was refused.
fn told(report: &ImportReport) -> String {
    let mut text = String::new();
    for run in report.new_runs() {
        let of = |file: &&ImportedFile| matches!(&file.fate, FileFate::Imported { runs } if runs.contains(run));
        let files = report.files.iter().filter(of);
        let first = files.clone().next().map(|file| file.name.as_str()).unwrap_or_default();
        text.push_str(&match files.count() {
            1 => format!("imported as {run}: {first}\n"),
            n => format!("imported as {run}: {n} files, {first} first\n"),
        });
    }
    for file in &report.files {
        match &file.fate {
            FileFate::Imported { .. } => {}
            FileFate::Known { runs } => {
                let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
                text.push_str(&format!("there already as {}: {}\n", runs.join(", "), file.name));
            }
            FileFate::Refused { why } => text.push_str(&format!("refused: {}: {why}\n", file.name)),
        }
    }
    let count = |is: fn(&FileFate) -> bool| report.files.iter().filter(|file| is(&file.fate)).count();
    text.push_str(&format!(
        "{} files: {} imported, {} there already, {} refused; new runs: {}\n",
        report.files.len(),
        count(|fate| matches!(fate, FileFate::Imported { .. })),
        count(|fate| matches!(fate, FileFate::Known { .. })),
        count(|fate| matches!(fate, FileFate::Refused { .. })),
        report.new_runs().len(),
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::ids::RunId;

    #[test]
    fn each_file_is_told_of_once() {
        let run = RunId::new(1, 1);
        let file = |name: &str, fate| ImportedFile { name: name.to_owned(), fate };
        let imported = || FileFate::Imported { runs: vec![run.clone()] };
        let report = ImportReport {
            files: vec![
                file("a.json", imported()),
                file("b.json", imported()),
                file("c.json", FileFate::Known { runs: vec![run.clone()] }),
                file("d.json", FileFate::Refused { why: "It is empty.".to_owned() }),
            ],
        };
        let expect = "imported as r00000000000100000001: 2 files, a.json first\n\
                      there already as r00000000000100000001: c.json\n\
                      refused: d.json: It is empty.\n\
                      4 files: 2 imported, 1 there already, 1 refused; new runs: 1\n";
        assert_eq!(told(&report), expect);
    }
}
