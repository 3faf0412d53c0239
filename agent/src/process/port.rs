//! Owns ports: a free one for an engine, who holds one, and whether our own child listens there.
//! Must not know what is spoken on a port.

use super::docker::Container;
use super::error::ProcessError;
use super::fsm::PortOwner;
use super::kin::{Kin, name_of};
use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::{FDTarget, Process};
use rand::Rng;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

/// Where free ports are looked for: below those that the kernel gives to connections going out, which a load
/// generator uses by the thousand.
const RANGE: std::ops::Range<u16> = 20_000..32_000;
/// Ports tried before the kernel is asked for any.
const TRIES: usize = 100;

/// A port of 127.0.0.1 on which nobody listens. It is not held: who takes it first has it, so ownership is checked
/// again when the engine answers.
///
/// # Errors
/// [`ProcessError::NoPort`] where the system gives none.
pub fn free() -> Result<u16, ProcessError> {
    let mut random = rand::rng();
    for _ in 0..TRIES {
        let port = random.random_range(RANGE);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    any.map(|address| address.port()).map_err(ProcessError::NoPort)
}

/// Refuses a port that somebody listens on, before anything is launched for it.
///
/// # Errors
/// [`ProcessError::PortTaken`] with who holds it, as far as this user may know.
pub fn refuse_taken(port: u16) -> Result<(), ProcessError> {
    match listeners(port) {
        Ok(inodes) if inodes.is_empty() => Ok(()),
        Ok(inodes) => Err(ProcessError::PortTaken { port, holder: holder(&inodes) }),
        // What cannot be seen is met by the engine, whose log then says so.
        Err(error) => {
            tracing::warn!(%error, "the sockets of this host cannot be listed");
            Ok(())
        }
    }
}

/// Whose socket answers on a port of 127.0.0.1.
pub(super) fn owner(port: u16, kin: &Kin, supervisor: i32, container: Option<&Container>) -> PortOwner {
    if let Some(container) = container {
        // Docker's own proxy, or no process at all but a rule of the kernel, holds the host's side.
        return match container.publishes(port) {
            Ok(true) => PortOwner::Published,
            Ok(false) => PortOwner::Stranger(format!(
                "Something answers on port {port}, but docker forwards no such port to the container {}.",
                container.name
            )),
            Err(why) => PortOwner::Unknown(why),
        };
    }
    let inodes = match listeners(port) {
        Ok(inodes) => inodes,
        Err(error) => return PortOwner::Unknown(format!("the sockets of this host cannot be listed: {error}")),
    };
    let ours: BTreeSet<u64> =
        kin.members(Some(supervisor)).into_iter().flat_map(|member| sockets_of(member.pid)).collect();
    let foreign: Vec<u64> = inodes.iter().copied().filter(|inode| !ours.contains(inode)).collect();
    if inodes.is_empty() {
        PortOwner::Unknown(format!("nobody listens on port {port} any more"))
    } else if foreign.is_empty() {
        PortOwner::Ours
    } else {
        // One socket of ours beside a stranger's is no better: the kernel may give either of them a connection.
        PortOwner::Stranger(ProcessError::PortTaken { port, holder: holder(&foreign) }.to_string())
    }
}

/// Sockets that a connection to 127.0.0.1 at this port may reach, by inode.
fn listeners(port: u16) -> procfs::ProcResult<Vec<u64>> {
    let mut entries = procfs::net::tcp()?;
    // A host without IPv6 has no such list.
    entries.extend(procfs::net::tcp6().into_iter().flatten());
    Ok(entries.iter().filter(|entry| reachable(entry, port)).map(|entry| entry.inode).collect())
}

fn reachable(entry: &TcpNetEntry, port: u16) -> bool {
    entry.state == TcpState::Listen && entry.local_address.port() == port && takes_loopback(entry.local_address)
}

fn takes_loopback(address: SocketAddr) -> bool {
    let ip = match address.ip() {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    };
    // `::` takes IPv4 too unless told otherwise, which is not shown; to be wrong here is to be careful.
    ip.is_unspecified() || ip == IpAddr::V4(Ipv4Addr::LOCALHOST)
}

fn sockets_of(pid: i32) -> Vec<u64> {
    let descriptors = Process::new(pid).and_then(|process| process.fd());
    let socket = |target| if let FDTarget::Socket(inode) = target { Some(inode) } else { None };
    descriptors.into_iter().flatten().filter_map(|descriptor| socket(descriptor.ok()?.target)).collect()
}

/// Who has one of these sockets open, as words.
fn holder(inodes: &[u64]) -> String {
    let pids = procfs::process::all_processes().into_iter().flatten().filter_map(|process| Some(process.ok()?.pid));
    let found = pids.into_iter().find(|pid| sockets_of(*pid).iter().any(|inode| inodes.contains(inode)));
    match found.map(|pid| (pid, name_of(pid))) {
        Some((pid, Some(name))) => format!("process {pid} ({name})"),
        Some((pid, None)) => format!("process {pid}"),
        None => "a process of another user".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::kin::Identity;

    #[test]
    fn a_free_port_can_be_listened_on() {
        let port = free().unwrap();
        refuse_taken(port).unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn a_taken_port_names_who_holds_it() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
            // A host without IPv6 has nothing to show here.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let port = listener.local_addr().unwrap().port();
            let said = refuse_taken(port).unwrap_err().to_string();
            assert!(said.contains(&format!("Port {port} is held by process {}", std::process::id())), "{said}");
        }
    }

    #[test]
    fn only_a_listener_of_our_child_makes_the_port_ours() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let me = Identity::of(std::process::id().cast_signed()).unwrap();
        let parent = Process::myself().unwrap().stat().unwrap().ppid;
        let kin = Kin { leader: Identity { pid: i32::MAX, start: 0 }, mark: String::new() };
        // As if this process were an engine under its parent.
        assert_eq!(owner(port, &kin, parent, None), PortOwner::Ours);
        // As if it were a stranger: nobody descends from it.
        assert!(matches!(owner(port, &kin, me.pid, None), PortOwner::Stranger(said) if said.contains("is held by")));
        drop(listener);
        assert!(matches!(owner(port, &kin, parent, None), PortOwner::Unknown(_)));
    }

    #[test]
    fn addresses_that_take_a_connection_to_loopback() {
        let check = |address: &str, expect| assert_eq!(takes_loopback(address.parse().unwrap()), expect, "{address}");
        check("127.0.0.1:1", true);
        check("0.0.0.0:1", true);
        check("[::]:1", true);
        check("[::ffff:127.0.0.1]:1", true);
        check("[::1]:1", false);
        check("10.0.0.1:1", false);
    }
}
