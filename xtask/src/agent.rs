//! Owns building the agent in release and becoming it.
//! Must not know anything of it beyond its command line.

use crate::Up;
use crate::paths;
use crate::peers;
use crate::sh::Sh;
use anyhow::Result;
use std::net::{Ipv4Addr, TcpListener};

/// Port that `up` takes when it is free.
const DEFAULT_PORT: u16 = 7717;
/// The page of `parity`, from the repository's top.
const PARITY_PAGE: &str = "docs/evidence/parity.md";

/// Builds the agent, with the dashboard embedded where it has been built.
///
/// # Errors
/// When the build fails.
pub fn build_release() -> Result<String> {
    Sh::new("cargo").args(["build", "--locked", "--release", "--package", "tokenprism"]).run()?;
    Ok("target/release/tokenprism".into())
}

/// Becomes the agent; it prints the URL to open.
///
/// # Errors
/// When it cannot be started.
pub fn serve(options: &Up) -> Result<()> {
    let port = options.port.unwrap_or_else(free_port);
    let mut sh = binary().args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
    if let Some(data) = &options.data {
        sh = sh.arg_path("--data", data);
    }
    if !options.no_first_run {
        sh = sh.args(["--first-run"]);
    }
    sh.exec()
}

/// Builds, then becomes `tokenprism bench ARGS`; brings the load tools that it shall be compared with, or the driver that
/// it samples.
///
/// # Errors
/// When the build or an installation fails, or the program cannot be started.
pub fn bench(args: &[String]) -> Result<()> {
    build_release()?;
    let mut sh = binary().args(["bench"]).args(args).args(peers::bring(args)?);
    if args.first().is_some_and(|bench| bench == "observer") {
        Sh::new("cargo").args(["build", "--locked", "--release", "--package", "fake-nvml"]).run()?;
        sh = sh.arg_path("--driver", &paths::target().join("release/libfake_nvml.so"));
    }
    sh.exec()
}

/// The same with `parity`, whose page is the one of the repository unless the arguments name another.
///
/// # Errors
/// As [`bench`].
pub fn parity(args: &[String]) -> Result<()> {
    let mut all = vec!["parity".to_owned()];
    if !args.iter().any(|arg| arg == "--out" || arg.starts_with("--out=")) {
        all.push(format!("--out={PARITY_PAGE}"));
    }
    all.extend_from_slice(args);
    bench(&all)
}

fn binary() -> Sh {
    Sh::new(paths::target().join("release/tokenprism"))
}

/// The default port, or the next one that nobody listens on. Should someone take it in the moment between, the agent
/// says so.
fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (DEFAULT_PORT..DEFAULT_PORT + 100).find(free).unwrap_or(DEFAULT_PORT)
}
