//! Owns what a run is measured beside: other runs on other GPUs, and somebody else's processes on its own.
//! Must not know who decides on that.

use super::need::listed;
use crate::sync::lock;
use shared::caveat::Caveat;
use shared::ids::RunId;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// The company of one run; clones are one.
#[derive(Clone, Default)]
pub struct Company(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    runs: BTreeSet<RunId>,
    others: Option<String>,
}

impl Company {
    /// A run is under way beside it.
    pub fn joins(&self, run: &RunId) {
        lock(&self.0).runs.insert(run.clone());
    }

    /// Somebody else's processes are on its GPUs, as the beginning of a sentence.
    pub fn shares(&self, who: &str) {
        lock(&self.0).others = Some(who.to_owned());
    }

    /// Runs that it is or was beside.
    pub fn runs(&self) -> Vec<RunId> {
        lock(&self.0).runs.iter().cloned().collect()
    }

    /// What must be said beside its figures so far.
    pub fn caveats(&self) -> Vec<Caveat> {
        let known = lock(&self.0);
        let beside = (!known.runs.is_empty()).then_some(Caveat::BesideAnotherRun);
        beside.into_iter().chain(known.others.as_ref().map(|_| Caveat::GpuShared)).collect()
    }

    /// It in words; nothing of a run that is alone.
    pub fn words(&self) -> Option<String> {
        let known = lock(&self.0);
        let others = known.others.as_ref().map(|who| format!("{who}."));
        let runs: Vec<String> = known.runs.iter().map(|run| format!("the run {run}")).collect();
        let runs = (!runs.is_empty()).then(|| format!("Measured beside {} on other GPUs.", listed(runs)));
        let parts: Vec<String> = others.into_iter().chain(runs).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_alone_has_nothing_to_say() {
        let company = Company::default();
        assert_eq!((company.words(), company.caveats()), (None, vec![]));
        company.shares("The process 7 (python) is on GPU-a");
        for n in [1, 2, 1] {
            company.joins(&RunId::new(1, n));
        }
        let words = format!(
            "The process 7 (python) is on GPU-a. Measured beside the run {} and the run {} on other GPUs.",
            RunId::new(1, 1),
            RunId::new(1, 2)
        );
        assert_eq!(company.words(), Some(words));
        assert_eq!(company.caveats(), [Caveat::BesideAnotherRun, Caveat::GpuShared]);
        assert_eq!(company.runs().len(), 2);
    }
}
