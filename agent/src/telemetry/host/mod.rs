//! Owns the host as a source: cores, memory, disks, network, and what the agent's own processes use of it.
//! Must not know runs or engines.

mod tree;
mod usage;

pub use tree::Tree;

use super::increment::Increment;
use super::row::{Row, Said};
use super::sampler::Source;
use crate::load::Clock;
use procfs::{Current, CurrentSI, KernelStats, Meminfo};
use shared::telemetry::{self as signals, Field, Look};
use shared::view::Telemetry;
use usage::{Busy, Usage};

/// A sector as the kernel counts them in its statistics of disks, bytes.
const SECTOR: u64 = 512;

/// Cores in all, memory, disks and network.
#[derive(Default)]
pub struct Host {
    busy: Busy,
    read: Increment,
    written: Increment,
    received: Increment,
    sent: Increment,
}

impl Source for Host {
    fn read(&mut self, clock: &Clock, say: &mut dyn FnMut(Said)) {
        say(Said::Row(Row::read(Telemetry::HOST, clock, || {
            let busy = self.busy.of(KernelStats::current());
            let ((read, written), (received, sent)) = (disks(), network());
            vec![
                (signals::CPU_BUSY, busy.all),
                (signals::CORE_BUSY_MOST, busy.most),
                (signals::HOST_MEMORY_USED, memory_used()),
                (signals::DISK_READ, self.read.of(read)),
                (signals::DISK_WRITTEN, self.written.of(written)),
                (signals::NET_RX, self.received.of(received)),
                (signals::NET_TX, self.sent.of(sent)),
            ]
        })));
    }
}

/// Each core, and the processes that descend from this agent: looking at every process of a host takes long.
#[derive(Default)]
pub struct HostProcesses {
    busy: Busy,
    usage: Usage,
}

impl Source for HostProcesses {
    fn read(&mut self, clock: &Clock, say: &mut dyn FnMut(Said)) {
        let cores = self.busy.of(KernelStats::current()).cores;
        let mut processes = Vec::new();
        say(Said::Row(Row::read(Telemetry::HOST, clock, || {
            let used = self.usage.of(&Tree::of_this_agent(), clock.now_ns());
            processes = used.processes;
            vec![
                (signals::CHILDREN_CPU, used.children_cpu),
                (signals::CHILDREN_MEMORY, used.children_memory),
                (signals::AGENT_CPU, used.agent_cpu),
            ]
        })));
        say(Said::Look(Look { at_ns: clock.now_ns(), source: Telemetry::HOST.to_owned(), processes, cores }));
    }
}

/// Memory that is not available, bytes.
fn memory_used() -> Field {
    let used = Meminfo::current().ok().and_then(|memory| memory.mem_total.checked_sub(memory.mem_available?));
    used.map_or(Field::Failed(Field::UNREADABLE), Field::Value)
}

/// The host's memory, bytes.
#[must_use]
pub fn memory_total() -> Option<u64> {
    Meminfo::current().ok().map(|memory| memory.mem_total)
}

/// Bytes read from and written to all disks since boot. Parts of a disk, and disks made of others, are not counted
/// again.
fn disks() -> (Field, Field) {
    let Ok(disks) = procfs::diskstats() else { return unreadable() };
    let whole = disks.iter().filter(|disk| {
        let device = std::path::Path::new("/sys/block").join(&disk.name);
        device.join("device").exists()
    });
    let sectors =
        whole.fold((0, 0), |(read, written), disk| (read + disk.sectors_read, written + disk.sectors_written));
    (Field::Value(sectors.0 * SECTOR), Field::Value(sectors.1 * SECTOR))
}

/// Bytes received and sent by all interfaces but the loopback since boot.
fn network() -> (Field, Field) {
    let Ok(interfaces) = procfs::net::dev_status() else { return unreadable() };
    let outside = interfaces.values().filter(|interface| interface.name != "lo");
    let (received, sent) =
        outside.fold((0, 0), |(received, sent), of| (received + of.recv_bytes, sent + of.sent_bytes));
    (Field::Value(received), Field::Value(sent))
}

fn unreadable() -> (Field, Field) {
    (Field::Failed(Field::UNREADABLE), Field::Failed(Field::UNREADABLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(source: &mut dyn Source) -> Vec<Said> {
        let mut all = Vec::new();
        source.read(&Clock::starting_now(), &mut |said| all.push(said));
        all
    }

    #[test]
    fn this_host_tells_of_itself() {
        let mut host = Host::default();
        said(&mut host);
        let [Said::Row(row)] = &said(&mut host)[..] else { panic!("one row") };
        assert_eq!(row.source, Telemetry::HOST);
        for (signal, field) in &row.fields {
            let known = field.value().is_some();
            // Between two reads no tick may have passed, so that nobody can tell how busy the cores were.
            assert!(known || signal.key.contains("busy"), "{} is {field:?}", signal.key);
        }
        let used = row.fields.iter().find(|(signal, _)| signal.key == "host_memory_used").unwrap().1;
        assert!(used.value().unwrap() < memory_total().unwrap());
    }

    #[test]
    fn a_child_is_listed_with_its_memory_and_the_agent_is_not_among_the_children() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let all = said(&mut HostProcesses::default());
        let [Said::Row(row), Said::Look(look)] = &all[..] else { panic!("{all:?}") };
        let listed = look.processes.iter().find(|process| process.pid == child.id()).cloned();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(listed.is_some_and(|process| process.is_ours && process.memory_bytes.is_some()), "{look:?}");
        assert!(look.processes.iter().any(|process| process.pid == std::process::id() && !process.is_ours));
        let memory = row.fields.iter().find(|(signal, _)| signal.key == "children_memory").unwrap().1;
        assert!(memory.value().is_some());
    }
}
