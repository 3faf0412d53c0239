//! Owns `tokenprism backup` and `tokenprism restore`: what was kept and what is missing, told.
//! Must not know how a backup is written or read.

use super::token::people;
use super::{DONE, DataArg};
use crate::backup::{self, Restored, Written};
use crate::log::DataDir;
use crate::people::command_line;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Arguments of `backup`.
#[derive(clap::Args, Debug)]
pub struct BackupArgs {
    /// The file to write, such as tokenprism.tar.zst; one that is there is never written over.
    file: PathBuf,
    #[command(flatten)]
    data: DataArg,
}

/// Arguments of `restore`.
#[derive(clap::Args, Debug)]
pub struct RestoreArgs {
    /// The backup.
    file: PathBuf,
    /// Folder of the log and the records; it is made, or is empty.
    #[arg(long = "data", value_name = "DIR")]
    data_dir: PathBuf,
    /// Let the named tokens and links of that time in again, those that were revoked since too.
    #[arg(long)]
    keep_access: bool,
}

/// Keeps a data directory in a file.
pub fn backup(args: &BackupArgs) -> anyhow::Result<u8> {
    let Written { bytes, manifest } = backup::write(&args.data.data_dir, &args.file)?;
    let records = manifest.files.iter().filter(|file| file.name.starts_with("blobs/")).count();
    println!(
        "{}: the log and {records} files of records, {:.1} MiB. Secrets are not in it.",
        args.file.display(),
        bytes as f64 / f64::from(1 << 20)
    );
    tell(&manifest.missing, "are not on this disk any more, and so not in the backup");
    Ok(DONE)
}

/// Makes a data directory of a backup.
pub async fn restore(args: &RestoreArgs) -> anyhow::Result<u8> {
    let Restored { manifest, missing } = backup::restore(&args.file, &args.data_dir)?;
    let data = args.data_dir.to_str().context("the folder's name cannot be shown")?;
    println!(
        "{data}: {} files, each as it was kept by version {}. To serve it: tokenprism serve --data {data}",
        manifest.files.len(),
        manifest.agent_version
    );
    tell(
        &missing,
        "are not in the backup: figures that are computed of them anew are missing, those in the log are there",
    );
    if !args.keep_access {
        let (tokens, links) = end_access(&args.data_dir).await?;
        if tokens + links > 0 {
            println!(
                "{tokens} named tokens and {links} links of that time are ended: one may have been revoked since."
            );
            println!("Make them anew, or restore with --keep-access.");
        }
    }
    Ok(DONE)
}

/// Ends every named token and every link: a backup does not know which of them were revoked after it.
async fn end_access(data_dir: &Path) -> anyhow::Result<(usize, usize)> {
    let data_dir = DataDir::lock(data_dir)?;
    let people = people(&data_dir).await?;
    let (tokens, links) = (people.tokens(), people.shares());
    for token in &tokens {
        people.revoke_token(&token.token, command_line()).await?;
    }
    for link in &links {
        people.revoke_share(&link.share, command_line()).await?;
    }
    Ok((tokens.len(), links.len()))
}

/// Says what is missing, at most twenty by name.
fn tell(missing: &[String], what: &str) {
    if missing.is_empty() {
        return;
    }
    let named: Vec<&str> = missing.iter().take(20).map(String::as_str).collect();
    let more =
        if missing.len() > named.len() { format!(" and {} more", missing.len() - named.len()) } else { String::new() };
    eprintln!("tokenprism: {} files of records that events name {what}: {}{more}.", missing.len(), named.join(", "));
}
