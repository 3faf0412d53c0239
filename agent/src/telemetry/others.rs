//! Owns who uses GPUs besides this agent and what it started, by GPU, at one time.
//! Must not know why somebody asks.

use super::host::Tree;
use super::{Device, Gpus, Nvml, Reading};
use std::collections::BTreeMap;

/// A process on a GPU that does not descend from this agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// As the host numbers it.
    pub pid: u32,
    /// Its name, where this host has it: in a container the driver names processes that cannot be seen from there.
    pub name: Option<String>,
}

/// Others' processes by the UUID of the GPU; a GPU that nobody else uses, or that does not tell, has none. Blocks as long as the
/// driver takes.
#[must_use]
pub fn others() -> BTreeMap<String, Vec<Other>> {
    match Nvml::open() {
        Reading::Value(nvml) => of(nvml.read(), &Tree::of_this_agent()),
        Reading::NotSupported => BTreeMap::new(),
        Reading::Failed(why) => {
            tracing::warn!(why, "who uses the GPUs of this host is unknown");
            BTreeMap::new()
        }
    }
}

fn of(read: Gpus, tree: &Tree) -> BTreeMap<String, Vec<Other>> {
    let mut others: BTreeMap<String, Vec<Other>> = BTreeMap::new();
    for Device { uuid, processes, .. } in read.devices.value().into_iter().flatten().filter_map(Reading::value) {
        let (Some(uuid), Some(processes)) = (uuid.value(), processes.value()) else { continue };
        for process in
            processes.iter().filter(|process| process.pid != std::process::id() && !tree.is_ours(process.pid))
        {
            let other = Other { pid: process.pid, name: tree.name_of(process.pid) };
            others.entry(uuid.clone()).or_default().push(other);
        }
    }
    others
}

#[cfg(test)]
mod tests {
    use super::super::GpuProcess;
    use super::*;

    #[test]
    fn what_descends_from_the_agent_is_nobody_else() {
        let agent = std::process::id();
        let tree = Tree::of([(1, 0, "init"), (agent, 1, "agent"), (agent + 1, agent, "engine"), (7, 1, "python")]);
        let process = |pid| GpuProcess { pid, used_bytes: Reading::NotSupported };
        let device = |uuid: &str, processes: Reading<Vec<GpuProcess>>| {
            Reading::Value(Device {
                index: 0,
                uuid: Reading::Value(uuid.into()),
                name: Reading::NotSupported,
                memory: Reading::NotSupported,
                processes,
            })
        };
        let ours = vec![process(agent), process(agent + 1)];
        let devices = vec![
            device("GPU-a", Reading::Value(ours)),
            device("GPU-b", Reading::Value(vec![process(7), process(agent + 1), process(4_194_303)])),
            device("GPU-c", Reading::NotSupported),
            Reading::Failed("lost".into()),
        ];
        let read = Gpus { driver: Reading::NotSupported, devices: Reading::Value(devices) };
        let other = |pid, name: Option<&str>| Other { pid, name: name.map(str::to_owned) };
        let expect = [("GPU-b".to_owned(), vec![other(7, Some("python")), other(4_194_303, None)])];
        assert_eq!(of(read, &tree), expect.into());
    }
}
