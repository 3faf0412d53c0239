//! Owns what this host has for engines as somebody looks at it: GPUs now, programs and images now and then.
//! Must not know how a program is asked.

use super::board::Board;
use crate::engine;
use crate::log::SqliteLog;
use crate::orchestrate::floor::Floor;
use crate::orchestrate::unix_ms;
use crate::process::Usage;
use crate::telemetry::{Device, Nvml, Reading};
use shared::event::Body;
use shared::wire::GpuRow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, spawn_blocking};

/// Between two readings while somebody looks.
const EVERY: Duration = Duration::from_secs(2);
/// The same while a run is measured, which they must not disturb.
const SELDOM: Duration = Duration::from_secs(10);
/// How long somebody who asks once waits for a reading.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is installed is looked for again after this long.
const STALE_MS: u64 = 600_000;
/// Runs whose plans are asked for virtual environments.
const RECENT_RUNS: usize = 50;

/// The task that looks; it ends when this is dropped.
pub(super) struct Look {
    woken: Arc<Notify>,
    /// How often devices have been read.
    readings: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Drop for Look {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Look {
    /// Looks at nothing before somebody wants to see it.
    pub fn start(board: Arc<Board>, floor: Floor, log: SqliteLog) -> Self {
        let woken = Arc::new(Notify::new());
        let waked = Arc::clone(&woken);
        let (read, readings) = watch::channel(0);
        let task = tokio::spawn(async move {
            let mut looking: Option<JoinHandle<()>> = None;
            waked.notified().await;
            loop {
                read_devices(&board).await;
                read.send_modify(|count| *count += 1);
                // Programs load all of their code to tell a version: not while something is measured.
                let rests = looking.as_ref().is_none_or(JoinHandle::is_finished) && !floor.has_runs();
                let looked = board.read(|shown| shown.host.looked_unix_ms);
                if rests && looked.is_none_or(|at| unix_ms().abs_diff(at) > STALE_MS) {
                    looking = Some(tokio::spawn(look(Arc::clone(&board), log.clone())));
                }
                let pause = if floor.has_runs() { SELDOM } else { EVERY };
                tokio::select! {
                    () = tokio::time::sleep(pause), if board.is_watched() => {}
                    () = waked.notified() => {}
                }
            }
        });
        Self { woken, readings, task }
    }

    /// Somebody wants to see.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Reads the devices once more; false where that takes too long to be waited for.
    pub async fn read_again(&self) -> bool {
        let mut readings = self.readings.clone();
        readings.mark_unchanged();
        self.wake();
        matches!(tokio::time::timeout(PATIENCE, readings.changed()).await, Ok(Ok(())))
    }
}

/// Looks for programs and images, and shows each as soon as it is known.
async fn look(board: Arc<Board>, log: SqliteLog) {
    let venvs = venvs(&log).await;
    engine::look(&venvs, |rows, no_docker| {
        board.change(|shown| {
            shown.host.found = rows.to_vec();
            shown.host.no_docker = no_docker.map(str::to_owned);
            shown.host.looked_unix_ms = Some(unix_ms());
        });
    })
    .await;
}

/// Virtual environments that recent plans name.
async fn venvs(log: &SqliteLog) -> Vec<String> {
    let rows = log.rows(RECENT_RUNS, None).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the plans of recent runs could not be read");
        Vec::new()
    });
    let mut venvs = BTreeSet::new();
    for row in rows {
        // The first event has the plan; all of them would be much to read.
        let first = log.read_from(&row.run, 0, 1).await.unwrap_or_default().pop();
        if let Some(Body::Created { plan, .. }) = first.map(|event| event.body) {
            venvs.extend(plan.engine.venv);
        }
    }
    venvs.into_iter().collect()
}

/// What the driver tells of each device.
type Devices = Reading<Vec<Reading<Device>>>;

/// Reads what devices and the engine's processes hold.
async fn read_devices(board: &Board) {
    let kin = board.read(|shown| shown.kin.clone());
    let read = spawn_blocking(move || {
        let devices: Devices = Nvml::open().and_then(|nvml| nvml.read().devices);
        (devices, kin.as_ref().map(Usage::of))
    });
    let (devices, usage) = match read.await {
        Ok(read) => read,
        Err(error) => {
            tracing::error!(%error, "reading the devices did not end well");
            return;
        }
    };
    let (gpus, no_gpus) = rows(&devices);
    let in_devices = usage.as_ref().and_then(|usage| held(&devices, &usage.pids));
    let resident = usage.and_then(|usage| usage.resident_bytes);
    let is_new = board.read(|shown| {
        let started = shown.started.as_ref();
        let before = started.map(|started| (started.memory_bytes, started.device_bytes));
        shown.host.gpus != gpus
            || shown.host.no_gpus != no_gpus
            || before.is_some_and(|before| before != (resident, in_devices))
    });
    if !is_new {
        return;
    }
    board.change(|shown| {
        (shown.host.gpus, shown.host.no_gpus) = (gpus, no_gpus);
        // One that has ended meanwhile holds nothing.
        if let Some(started) = shown.started.as_mut().filter(|started| !started.state.is_over()) {
            (started.memory_bytes, started.device_bytes) = (resident, in_devices);
        }
    });
}

/// The devices as they are shown, or why there is none.
fn rows(devices: &Devices) -> (Vec<GpuRow>, Option<String>) {
    let devices = match devices {
        Reading::Value(devices) => devices,
        Reading::NotSupported => {
            let why = "This host has no NVIDIA driver, so engines compute on its CPU: install the driver for GPUs.";
            return (Vec::new(), Some(why.to_owned()));
        }
        Reading::Failed(why) => {
            return (Vec::new(), Some(format!("The NVIDIA driver does not answer ({why}): see nvidia-smi.")));
        }
    };
    let row = |(index, device): (usize, &Reading<Device>)| {
        let device = device.value();
        let memory = device.and_then(|device| device.memory.value());
        GpuRow {
            index: device.map_or_else(|| u32::try_from(index).unwrap_or(u32::MAX), |device| device.index),
            name: device.and_then(|device| device.name.value().cloned()),
            memory_bytes: memory.map(|memory| memory.total_bytes),
            used_bytes: memory.map(|memory| memory.used_bytes),
        }
    };
    let rows: Vec<GpuRow> = devices.iter().enumerate().map(row).collect();
    let none = rows.is_empty().then(|| "The NVIDIA driver knows no GPU: see nvidia-smi.".to_owned());
    (rows, none)
}

/// What these processes hold of all devices, bytes; absent where the driver does not tell of one of them, or of none.
fn held(devices: &Devices, pids: &[u32]) -> Option<u64> {
    let mut sum = None;
    for device in devices.value()? {
        for process in device.value()?.processes.value()? {
            if pids.contains(&process.pid) {
                sum = Some(sum.unwrap_or(0) + process.used_bytes.value()?);
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{GpuProcess, Memory};

    fn device(processes: &[(u32, Option<u64>)]) -> Reading<Device> {
        let process = |(pid, used): &(u32, Option<u64>)| GpuProcess {
            pid: *pid,
            used_bytes: used.map_or(Reading::NotSupported, Reading::Value),
        };
        Reading::Value(Device {
            index: 0,
            uuid: Reading::Value("GPU-1".into()),
            name: Reading::Value("NVIDIA L4".into()),
            memory: Reading::Value(Memory { total_bytes: 24, used_bytes: 5 }),
            processes: Reading::Value(processes.iter().map(process).collect()),
        })
    }

    fn check(devices: Vec<Reading<Device>>, expect: Option<u64>) {
        assert_eq!(held(&Reading::Value(devices), &[7, 8]), expect);
    }

    #[test]
    fn what_an_engine_holds_is_known_or_absent_and_never_zero_by_default() {
        check(vec![device(&[(7, Some(3)), (1, Some(50))]), device(&[(8, Some(4))])], Some(7));
        check(vec![device(&[(1, Some(50))])], None);
        check(vec![device(&[(7, Some(3)), (8, None)])], None);
        check(vec![device(&[(7, Some(3))]), Reading::Failed("lost".into())], None);
        assert_eq!(held(&Reading::NotSupported, &[7]), None);
    }

    #[test]
    fn a_host_without_a_gpu_says_why() {
        let (gpus, none) = rows(&Reading::Value(vec![device(&[]), Reading::Failed("lost".into())]));
        assert_eq!((gpus.len(), gpus[1].index, gpus[1].used_bytes, none), (2, 1, None, None));
        for devices in [Reading::NotSupported, Reading::Failed("x".into()), Reading::Value(vec![])] {
            let (gpus, none) = rows(&devices);
            assert!(gpus.is_empty() && none.unwrap().ends_with('.'));
        }
    }
}
