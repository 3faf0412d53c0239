//! Owns `tokenprism doctor`: what this host has and lacks for measuring, each lack with what to do.
//! Must not know how measuring works.

use super::agent_file::AgentFile;
use super::{DONE, DataArg, FAILED, VenvArg};
use crate::engine::baseline::{Environment, python_of};
use nix::sys::resource::{Resource, getrlimit};
use std::path::Path;

/// File descriptors that 1,024 streams need with room to spare.
const WANTED_FILES: u64 = 4096;

/// Arguments of `doctor`.
#[derive(clap::Args, Debug)]
pub struct DoctorArgs {
    #[command(flatten)]
    data: DataArg,
    #[command(flatten)]
    venv: VenvArg,
}

/// One thing that was looked at.
struct Check {
    name: &'static str,
    /// What was found.
    found: String,
    /// What to do, where something is lacking.
    advice: Option<String>,
}

/// Prints every check; the exit code says whether something is lacking.
#[must_use]
pub fn doctor(args: &DoctorArgs) -> u8 {
    let data = &args.data.data_dir;
    let checks =
        [cores(), governor(), files(), data_dir(data), gpu(), baseline(args.venv.venv.as_deref()), agent(data)];
    for check in &checks {
        println!("{} {:<16} {}", if check.advice.is_some() { "!" } else { "✓" }, check.name, check.found);
        if let Some(advice) = &check.advice {
            println!("  {:<16} {advice}", "");
        }
    }
    if checks.iter().any(|check| check.advice.is_some()) { FAILED } else { DONE }
}

fn cores() -> Check {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let advice = (cores < 2).then(|| "With one core the client and a local engine disturb each other.".to_owned());
    Check { name: "cores", found: cores.to_string(), advice }
}

fn governor() -> Check {
    let path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    let found = std::fs::read_to_string(path).map(|text| text.trim().to_owned());
    let advice = found.as_ref().is_ok_and(|governor| governor == "powersave").then(|| {
        "The client's clock speed changes with load, which shows in latencies: cpupower frequency-set -g performance".into()
    });
    Check { name: "CPU governor", found: found.unwrap_or_else(|_| "unknown (the system does not say)".into()), advice }
}

fn files() -> Check {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) => {
            let advice = (hard < WANTED_FILES)
                .then(|| format!("Each stream needs one: raise the hard limit to {WANTED_FILES} (ulimit -Hn)."));
            Check { name: "open files", found: format!("{soft} now, up to {hard}"), advice }
        }
        Err(error) => Check { name: "open files", found: format!("unknown ({error})"), advice: None },
    }
}

fn data_dir(path: &Path) -> Check {
    let existing = path.ancestors().find(|p| p.exists()).unwrap_or(Path::new("."));
    let writable = nix::unistd::access(existing, nix::unistd::AccessFlags::W_OK).is_ok();
    let advice = (!writable).then(|| "It cannot be written: name another folder with --data.".to_owned());
    Check { name: "data directory", found: path.display().to_string(), advice }
}

fn gpu() -> Check {
    let devices = (0..64).take_while(|n| Path::new(&format!("/dev/nvidia{n}")).exists()).count();
    let found = match devices {
        0 => "no NVIDIA device: the built-in engine and attached servers can be measured".to_owned(),
        n => format!("{n} NVIDIA device(s)"),
    };
    Check { name: "GPU", found, advice: None }
}

fn baseline(venv: Option<&Path>) -> Check {
    let name = "baseline";
    let Some(venv) = venv else {
        // Not everybody needs one, so that nothing is lacking.
        let make = Environment::remedy(None, Path::new("DIR"));
        let found = format!("no environment is named (--venv DIR); to make one: {make}");
        return Check { name, found, advice: None };
    };
    let environment = Environment::of(&python_of(Some(venv)));
    let place = venv.display();
    let found = match &environment {
        Some(environment) => format!("{place}: {}", environment.summary()),
        None => format!("{place}: no Python environment"),
    };
    let suffices = environment.as_ref().is_some_and(Environment::suffices);
    let remedy =
        || format!("Naive Transformers cannot run there yet: {}", Environment::remedy(environment.as_ref(), venv));
    Check { name, found, advice: (!suffices).then(remedy) }
}

fn agent(data_dir: &Path) -> Check {
    let found = AgentFile::read(data_dir)
        .filter(|file| Path::new(&format!("/proc/{}", file.pid)).exists())
        .map_or_else(|| "none serves from this data directory".to_owned(), |file| format!("serves at {}", file.url));
    Check { name: "agent", found, advice: None }
}
