//! Owns what the processes of an engine use of the host.
//! Must not know who wants to know.

use super::kin::Kin;
use procfs::process::Process;

/// What an engine's processes use now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Their ids.
    pub pids: Vec<u32>,
    /// Memory that they hold, bytes; what several of them share is counted in each. Absent where there is none to ask.
    pub resident_bytes: Option<u64>,
}

impl Usage {
    /// Looks at the whole host once. Blocks for some milliseconds.
    #[must_use]
    pub fn of(kin: &Kin) -> Self {
        let members = kin.members(None);
        let resident = members.iter().filter_map(|member| {
            let pages = Process::new(member.pid).ok()?.statm().ok()?.resident;
            pages.checked_mul(procfs::page_size())
        });
        Self {
            resident_bytes: resident.reduce(u64::saturating_add),
            pids: members.iter().filter_map(|member| u32::try_from(member.pid).ok()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kin::Identity;
    use super::*;

    #[test]
    fn nobody_uses_nothing_rather_than_zero() {
        let nobody = Kin { leader: Identity { pid: i32::MAX, start: 0 }, mark: "nobody's".into() };
        assert_eq!(Usage::of(&nobody), Usage::default());
    }
}
