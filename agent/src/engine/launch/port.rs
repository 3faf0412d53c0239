//! Owns ports of this host: a free one, whether one is taken, and whose socket listens on it.
//! Must not know engines or HTTP.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

/// State of a listening socket in the kernel's table.
const LISTENING: &str = "0A";

/// Whose a listening socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A process of the group, or one that it started.
    Ours,
    /// Somebody else's.
    Stranger,
    /// The kernel does not say.
    Unknown,
}

/// A port on 127.0.0.1 that nobody listens on now.
pub(super) fn free() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Why nobody could listen on this port of 127.0.0.1 now; nothing where somebody could.
pub(super) fn objection(port: u16) -> Option<io::Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).err()
}

/// Whose socket listens on the port: that of a process in the group that `leader` leads, or below it?
pub(super) fn owner(port: u16, leader: i32) -> Owner {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let sockets: BTreeSet<String> = tables.iter().flat_map(|table| listening(table, port)).collect();
    if sockets.is_empty() {
        return Owner::Unknown;
    }
    let processes = processes();
    let is_ours = |process: &&Process| {
        // Up to the first one, which has no parent.
        let parent = |of: &&Process| processes.iter().find(|process| process.pid == of.parent);
        std::iter::successors(Some(*process), parent).take(64).any(|p| p.pid == leader || p.group == leader)
    };
    let holds = |process: &Process| holds_any(Path::new(&format!("/proc/{}/fd", process.pid)), &sockets);
    if processes.iter().filter(is_ours).any(holds) { Owner::Ours } else { Owner::Stranger }
}

/// Inodes of the sockets in a kernel's table that listen on a port.
fn listening(table: &str, port: u16) -> Vec<String> {
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, local) = fields.get(1)?.rsplit_once(':')?;
        let is_it = *fields.get(3)? == LISTENING && u16::from_str_radix(local, 16).ok()? == port;
        is_it.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    };
    table.lines().filter_map(inode).collect()
}

struct Process {
    pid: i32,
    parent: i32,
    group: i32,
}

fn processes() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let process = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before may hold anything, parentheses too.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(1);
        Some(Process { pid, parent: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
    };
    entries.filter_map(|entry| process(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

fn holds_any(descriptors: &Path, sockets: &BTreeSet<String>) -> bool {
    let Ok(entries) = std::fs::read_dir(descriptors) else { return false };
    entries.flatten().any(|entry| {
        let target = std::fs::read_link(entry.path()).unwrap_or_default();
        let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']'));
        inode.is_some_and(|inode| sockets.contains(inode))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_names_the_socket() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     \x20  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 48213 1 0\n\
                     \x20  1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 48299 1 0\n\
                     \x20  2: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 7 1\n";
        assert_eq!(listening(table, 8080), ["48213"]);
        assert_eq!(listening(table, 8081), ["7"]);
        assert!(listening(table, 80).is_empty() && listening("", 80).is_empty());
    }

    #[test]
    fn a_port_is_ours_or_a_strangers() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(objection(port).is_some());
        assert_eq!(owner(port, own), Owner::Ours);
        // A process that leads nothing, as no process has this number.
        assert_eq!(owner(port, i32::MAX), Owner::Stranger);
        drop(listener);
        assert_eq!(owner(port, own), Owner::Unknown);
        assert!(objection(free().unwrap()).is_none());
    }
}
