//! Owns signals to an engine's processes: each goes to the process that was meant, never to one that took over its id.
//! Must not know when a signal is due.

use super::kin::{Identity, Kin};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
use std::time::{Duration, Instant};

/// Rounds of SIGKILL in one go: each round meets what was forked during the one before.
const ROUNDS: usize = 5;
/// Between two looks at whether the killed are gone.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// SIGTERM to the whole group. The leader must not have been reaped: then its id may be somebody else's.
pub(super) fn terminate(leader: i32) {
    signal_group(leader, Signal::SIGTERM);
}

/// SIGKILL to everybody who belongs, but for `spared`. The group goes at once where its leader has not been reaped.
pub(super) fn kill_all(kin: &Kin, supervisor: Option<i32>, leader_is_ours: bool, spared: &[i32]) {
    if leader_is_ours {
        signal_group(kin.leader.pid, Signal::SIGKILL);
    }
    for _ in 0..ROUNDS {
        let mut members = kin.members(supervisor);
        members.retain(|member| !spared.contains(&member.pid));
        if members.is_empty() {
            return;
        }
        members.into_iter().for_each(kill_one);
    }
}

/// Kills everybody who belongs and waits until they are gone; whoever is left after the limit.
pub(super) fn sweep(kin: &Kin, limit: Duration) -> Vec<Identity> {
    let begun = Instant::now();
    loop {
        kill_all(kin, None, false, &[]);
        let left = kin.members(None);
        if left.is_empty() || begun.elapsed() >= limit {
            return left;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// SIGKILL to one process, which must still be the one that was meant when the signal goes.
pub(super) fn kill_one(member: Identity) {
    let Some(pid) = rustix::process::Pid::from_raw(member.pid) else { return };
    let sent = match pidfd_open(pid, PidfdFlags::empty()) {
        // The descriptor holds on to the process: if that is still the one, the signal meets it or nobody.
        Ok(process) if member.is_alive() => pidfd_send_signal(process, rustix::process::Signal::KILL),
        Ok(_) | Err(rustix::io::Errno::SRCH) => return,
        // A kernel before 5.3 has no such descriptors, and what is left is a moment between look and signal.
        Err(rustix::io::Errno::NOSYS) if member.is_alive() => kill(Pid::from_raw(member.pid), Signal::SIGKILL)
            .map_err(|errno| rustix::io::Errno::from_raw_os_error(errno as i32)),
        Err(error) => Err(error),
    };
    if let Err(error) = sent
        && error != rustix::io::Errno::SRCH
    {
        tracing::warn!(%error, pid = member.pid, "a process of an engine could not be killed");
    }
}

fn signal_group(leader: i32, signal: Signal) {
    // ESRCH means that the group is gone already, which is what the signal is for.
    if let Err(error) = killpg(Pid::from_raw(leader), signal)
        && error != nix::errno::Errno::ESRCH
    {
        tracing::warn!(%error, %signal, leader, "a signal could not be sent to an engine's group");
    }
}
