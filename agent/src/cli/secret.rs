//! Owns `tokenprism secret`: keeps, lists and forgets secrets of a data directory; values come by standard input only.
//! Must not know what secrets are for.

use super::{DONE, DataArg, FAILED};
use crate::secret::Store;
use anyhow::Context;
use std::fs::DirBuilder;
use std::io::{IsTerminal, Read};
use std::os::unix::fs::DirBuilderExt;

/// Longest standard input that is read, bytes.
const MAX_INPUT_BYTES: u64 = 16 << 10;

/// What to do with secrets.
#[derive(clap::Subcommand, Debug)]
pub enum SecretCommand {
    /// Keep the secret that standard input holds, in place of one of the same name.
    Set {
        /// Its name: capital letters, digits and underscores, such as `HF_TOKEN`.
        name: String,
        #[command(flatten)]
        data: DataArg,
    },
    /// Print the names of what is kept.
    List {
        #[command(flatten)]
        data: DataArg,
    },
    /// Forget a secret.
    Remove {
        /// Its name.
        name: String,
        #[command(flatten)]
        data: DataArg,
    },
}

/// Does it.
pub fn secret(command: &SecretCommand) -> anyhow::Result<u8> {
    match command {
        SecretCommand::Set { name, data } => {
            // As the agent makes it: for its owner only.
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&data.data_dir);
            made.with_context(|| format!("{} could not be made", data.data_dir.display()))?;
            let input = std::io::stdin();
            if input.is_terminal() {
                eprintln!(
                    "Type or paste {name}, then Enter and Ctrl-D. It shows as you type; a pipe would not show it."
                );
            }
            let mut value = String::new();
            input.take(MAX_INPUT_BYTES).read_to_string(&mut value).context("standard input is no text")?;
            Store::of(&data.data_dir).set(name, value.trim_end_matches(['\r', '\n']))?;
            Ok(DONE)
        }
        SecretCommand::List { data } => {
            Store::of(&data.data_dir).names()?.iter().for_each(|name| println!("{name}"));
            Ok(DONE)
        }
        SecretCommand::Remove { name, data } => {
            if Store::of(&data.data_dir).remove(name)? {
                return Ok(DONE);
            }
            eprintln!("tokenprism: {name} is not kept in {}.", data.data_dir.display());
            Ok(FAILED)
        }
    }
}
