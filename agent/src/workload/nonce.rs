//! Owns what makes requests differ: a key for each, never the same twice in a run.
//! Must not know what is made of a key.

use sha2::{Digest, Sha256};
use shared::ids::RunId;
use shared::plan::WorkloadPlan;

/// A number of the run's own, for the nonces of its prompts.
#[must_use]
pub fn salt_of(run: &RunId) -> u64 {
    let digest = Sha256::digest(run.as_str());
    digest.iter().take(8).fold(0, |salt, byte| (salt << 8) | u64::from(*byte))
}

/// What a key is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    /// What a request, or a turn of a session, says of its own.
    Own,
    /// What stands for the engine's answer to it.
    Reply,
    /// The common prefix of a group of requests.
    Group,
    /// A block of a trace, which several of its requests hold.
    Block,
}

/// Gives keys. Where a nonce is asked for, they also differ from those of every other run, since a cache can outlive
/// the engine's process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nonce {
    base: u64,
    is_on: bool,
}

impl Nonce {
    pub fn of(workload: &WorkloadPlan, salt: u64) -> Self {
        let seed = scramble(workload.seed);
        let base = if workload.nonce { scramble(seed.wrapping_add(salt)) } else { seed };
        Self { base, is_on: workload.nonce }
    }

    /// The same for one trial: keys of shared things differ from those of every other trial too.
    pub fn of_trial(self, first_request: u64) -> Self {
        let base = if self.is_on { scramble(self.base.wrapping_add(first_request)) } else { self.base };
        Self { base, ..self }
    }

    /// The key of something that a request or session does not share. Without a nonce all of them share it.
    pub fn own(&self, subject: Subject, request: u64, turn: u64) -> u64 {
        self.shared(subject, if self.is_on { request.wrapping_add(turn) } else { turn })
    }

    /// The key of something that is shared, by its number.
    pub fn shared(&self, subject: Subject, number: u64) -> u64 {
        scramble(self.base.wrapping_add(number.wrapping_mul(4)).wrapping_add(subject as u64))
    }

    /// A mark in front of a text; empty without a nonce.
    pub fn mark(&self, request: u64) -> String {
        if self.is_on { format!("[{:016x}] ", self.own(Subject::Own, request, 0)) } else { String::new() }
    }
}

/// Spreads numbers over all numbers, each to one of its own (the last step of SplitMix64: Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", 2014).
fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn nonce(is_on: bool, salt: u64) -> Nonce {
        let mut plan = shared::preset::find("first").unwrap();
        plan.workload.nonce = is_on;
        Nonce::of(&plan.workload, salt)
    }

    #[test]
    fn keys_never_come_twice_in_a_run() {
        let nonce = nonce(true, 1);
        let subjects = [Subject::Own, Subject::Reply, Subject::Group, Subject::Block];
        let keys: BTreeSet<u64> =
            subjects.iter().flat_map(|subject| (0..10_000).map(|n| nonce.shared(*subject, n))).collect();
        assert_eq!(keys.len(), 40_000);
    }

    #[test]
    fn every_run_has_a_salt_of_its_own() {
        let salts: BTreeSet<u64> = (0..100).map(|n| salt_of(&RunId::new(1, n))).collect();
        assert_eq!(salts.len(), 100);
        assert_eq!(salt_of(&RunId::new(1, 2)), salt_of(&RunId::new(1, 2)));
    }

    #[test]
    fn with_a_nonce_runs_differ_and_without_one_nothing_does() {
        assert_ne!(nonce(true, 1).own(Subject::Own, 5, 0), nonce(true, 2).own(Subject::Own, 5, 0));
        assert_eq!(nonce(false, 1).own(Subject::Own, 5, 0), nonce(false, 2).own(Subject::Own, 6, 0));
        assert_ne!(nonce(false, 1).own(Subject::Own, 5, 0), nonce(false, 1).own(Subject::Own, 5, 1));
        assert_eq!(nonce(false, 1).mark(5), "");
        let (one, two) = (nonce(true, 1).of_trial(0), nonce(true, 1).of_trial(100));
        assert_ne!(one.shared(Subject::Block, 1), two.shared(Subject::Block, 1));
    }
}
