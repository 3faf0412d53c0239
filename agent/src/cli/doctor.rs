//! Owns `tokenprism doctor`: what this host has and lacks for measuring, each lack with what to do.
//! Must not know how measuring works.

use super::agent_file::AgentFile;
use super::observer::ObserverArgs;
use super::{DONE, DataArg, FAILED, VenvArg};
use crate::engine::baseline::{Environment, python_of};
use crate::log::{DataDir, check, damages};
use crate::telemetry::{Device, Gpus, Nvml, Reading};
use nix::sys::resource::{Resource, getrlimit};
use std::path::Path;

/// File descriptors that 1,024 streams need with room to spare.
const WANTED_FILES: u64 = 4096;

/// Arguments of `doctor`.
#[derive(clap::Args, Debug)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub data: DataArg,
    #[command(flatten)]
    venv: VenvArg,
    /// What sampling costs.
    #[command(flatten)]
    pub cost: ObserverArgs,
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
    let checks = [
        cores(),
        governor(),
        files(),
        data_dir(data),
        log(data),
        gpu(),
        baseline(args.venv.venv.as_deref()),
        agent(data),
    ];
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

/// The log, read whole, and damaged ones that lie beside it.
fn log(data_dir: &Path) -> Check {
    let name = "log";
    let path = DataDir::log_in(data_dir);
    if !path.exists() {
        return Check { name, found: "none yet".to_owned(), advice: None };
    }
    let aside = damages(&path);
    match check(&path) {
        Ok(None) if aside.is_empty() => Check { name, found: "whole".to_owned(), advice: None },
        Ok(None) => {
            let advice: Vec<String> = aside.iter().map(ToString::to_string).collect();
            let done = "This is told until the report beside it (the same name, .json) is removed.";
            let found = format!("whole; {} damaged one(s) set aside", aside.len());
            Check { name, found, advice: Some(format!("{} {done}", advice.join(" "))) }
        }
        Ok(Some(what)) => {
            let advice =
                "tokenprism serve keeps the damaged file aside and goes on with what can be read of it.".to_owned();
            Check { name, found: format!("damaged ({what})"), advice: Some(advice) }
        }
        Err(error) => Check { name, found: "could not be looked at".to_owned(), advice: Some(error.to_string()) },
    }
}

fn gpu() -> Check {
    let (found, advice) = match Nvml::open() {
        Reading::Value(nvml) => gpus(&nvml.read()),
        Reading::NotSupported => {
            ("no NVIDIA driver: the built-in engine and attached servers can be measured".to_owned(), None)
        }
        Reading::Failed(why) => {
            let advice = "Until it does, GPU memory is not watched. Restart the host after a change of the driver.";
            (format!("the NVIDIA driver does not answer ({why})"), Some(advice.to_owned()))
        }
    };
    Check { name: "GPU", found, advice }
}

/// The devices on one line, with what each holds now.
fn gpus(gpus: &Gpus) -> (String, Option<String>) {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let device = |(index, device): (usize, &Reading<Device>)| {
        let Some(device) = device.value() else { return format!("{index}: it says nothing of itself") };
        let name = device.name.value().map_or("unnamed", String::as_str);
        let memory = device.memory.value().map_or_else(
            || "memory unknown".to_owned(),
            |memory| format!("{:.1} of {:.1} GiB in use", gib(memory.used_bytes), gib(memory.total_bytes)),
        );
        let holders =
            device.processes.value().map_or_else(String::new, |processes| format!(", {} processes", processes.len()));
        format!("{index}: {name}, {memory}{holders}")
    };
    let driver = gpus.driver.value().map_or("of unknown version", String::as_str);
    match &gpus.devices {
        Reading::Value(devices) if devices.is_empty() => (format!("driver {driver}, no device"), None),
        Reading::Value(devices) => {
            let devices: Vec<String> = devices.iter().enumerate().map(device).collect();
            (format!("driver {driver}; {}", devices.join("; ")), None)
        }
        Reading::NotSupported | Reading::Failed(_) => {
            let advice = "Until it does, GPU memory is not watched. nvidia-smi may say more.".to_owned();
            (format!("driver {driver} does not list its devices"), Some(advice))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{GpuProcess, Memory};

    #[test]
    fn devices_are_told_with_what_they_say_and_what_they_do_not() {
        let device = |memory| {
            Reading::Value(Device {
                index: 0,
                uuid: Reading::Value("GPU-1".into()),
                name: Reading::Value("NVIDIA L4".into()),
                memory,
                processes: Reading::Value(vec![GpuProcess { pid: 1, used_bytes: Reading::NotSupported }]),
            })
        };
        let memory = Reading::Value(Memory { total_bytes: 24 << 30, used_bytes: 3 << 29 });
        let devices = vec![device(memory), device(Reading::NotSupported), Reading::Failed("lost".into())];
        let all = Gpus { driver: Reading::Value("580.1".into()), devices: Reading::Value(devices) };
        let expect = "driver 580.1; 0: NVIDIA L4, 1.5 of 24.0 GiB in use, 1 processes; \
                      1: NVIDIA L4, memory unknown, 1 processes; 2: it says nothing of itself";
        assert_eq!(gpus(&all), (expect.to_owned(), None));
        let silent = Gpus { driver: Reading::NotSupported, devices: Reading::Failed("lost".into()) };
        assert!(gpus(&silent).1.is_some());
    }
}
