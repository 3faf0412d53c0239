//! Owns `tokenprism baseline`: this process becomes the naive baseline in a Python environment.
//! Must not know what the baseline's own arguments mean.

use super::{DataArg, VenvArg};
use crate::engine::baseline::{MODULE, python_of, unpack};
use anyhow::Context;
use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Arguments of `baseline`.
#[derive(clap::Args, Debug)]
pub struct BaselineArgs {
    #[command(flatten)]
    venv: VenvArg,
    #[command(flatten)]
    data: DataArg,
    /// The baseline's own arguments; `-- --help` lists them.
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

/// Becomes the baseline; returns only where that failed.
pub fn baseline(args: &BaselineArgs) -> anyhow::Result<Infallible> {
    let folder = args.data.data_dir.join("programs");
    let program = unpack(&folder).with_context(|| {
        format!("the baseline's files could not be written below {}; name another folder with --data", folder.display())
    })?;
    // Absolute, since the baseline may start its own parts from elsewhere.
    let mut path = std::path::absolute(program)?.into_os_string();
    if let Some(inherited) = std::env::var_os("PYTHONPATH").filter(|path| !path.is_empty()) {
        path.push(":");
        path.push(inherited);
    }
    let python = python_of(args.venv.venv.as_deref());
    let error = Command::new(&python).args(["-m", MODULE]).args(&args.arguments).env("PYTHONPATH", path).exec();
    let advice = "`tokenprism doctor` says how to make an environment for it";
    Err(error).with_context(|| format!("{} could not be started; {advice}", python.display()))
}
