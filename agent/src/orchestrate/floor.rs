//! Owns who may start engines on this host: runs, which take turns, or the one engine that somebody starts by hand.
//! Must not know how an engine is started.

use crate::sync::lock;
use shared::engine::EngineKind;
use shared::plan::Plan;
use std::sync::{Arc, Mutex, MutexGuard};

/// The host's floor; cloning gives another handle.
#[derive(Clone, Default)]
pub struct Floor(Arc<Mutex<Taken>>);

/// Who has a place.
#[derive(Debug, Default)]
struct Taken {
    /// Runs that wait or run.
    runs: u32,
    /// Those of them that start an engine.
    starting: u32,
    by_hand: bool,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Occupied {
    /// A run came, but an engine was started by hand.
    #[error(
        "An engine that was started by hand holds this host's devices: stop it on the Engines page, or measure it by \
         its URL (engine.url)."
    )]
    HandStarted,
    /// An engine is to be started by hand, but runs start theirs.
    #[error("A run that starts an engine waits or runs: cancel it, or wait until it has ended.")]
    Runs,
    /// A second engine is to be started by hand.
    #[error("An engine that was started by hand is there already: stop it first.")]
    Another,
}

/// A place; it is free again when this is dropped.
pub struct Place {
    floor: Floor,
    of: Of,
}

#[derive(Clone, Copy)]
enum Of {
    Run { starts: bool },
    Hand,
}

impl Floor {
    /// A place for a run. The built-in engine holds no devices, so it may run beside one that was started by hand.
    ///
    /// # Errors
    /// [`Occupied::HandStarted`].
    pub fn for_run(&self, plan: &Plan) -> Result<Place, Occupied> {
        let mut taken = self.lock();
        if taken.by_hand && plan.engine.launch.is_some() {
            return Err(Occupied::HandStarted);
        }
        let starts = plan.engine.launch.is_some() || plan.engine.kind == EngineKind::Builtin;
        taken.runs += 1;
        taken.starting += u32::from(starts);
        Ok(Place { floor: self.clone(), of: Of::Run { starts } })
    }

    /// The place for an engine that is started by hand.
    ///
    /// # Errors
    /// [`Occupied::Runs`], [`Occupied::Another`].
    pub fn for_hand(&self) -> Result<Place, Occupied> {
        let mut taken = self.lock();
        match *taken {
            Taken { by_hand: true, .. } => Err(Occupied::Another),
            Taken { starting: 1.., .. } => Err(Occupied::Runs),
            _ => {
                taken.by_hand = true;
                Ok(Place { floor: self.clone(), of: Of::Hand })
            }
        }
    }

    /// True where a run waits or runs, which nothing that can wait may disturb.
    #[must_use]
    pub fn has_runs(&self) -> bool {
        self.lock().runs > 0
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        lock(&self.0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.floor.lock();
        match self.of {
            Of::Run { starts } => {
                taken.runs -= 1;
                taken.starting -= u32::from(starts);
            }
            Of::Hand => taken.by_hand = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(engine: &str) -> Plan {
        Plan::from_toml(&format!(
            "schema = 1\nname = \"x\"\n[workload]\ninput_tokens = 8\noutput_tokens = 4\n[load]\nconcurrency = [1]\n\
             requests = 32\n[engine]\n{engine}"
        ))
        .unwrap()
    }

    #[test]
    fn runs_and_an_engine_by_hand_keep_out_of_each_others_way() {
        let launched = plan("kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"m\"");
        let (builtin, attached) = (plan("kind = \"builtin\""), plan("kind = \"vllm\"\nurl = \"http://127.0.0.1:1\""));
        let floor = Floor::default();
        let by_hand = floor.for_hand().unwrap();
        assert_eq!(floor.for_run(&launched).err(), Some(Occupied::HandStarted));
        assert_eq!(floor.for_hand().err(), Some(Occupied::Another));
        assert!(floor.for_run(&builtin).is_ok() && !floor.has_runs());
        let measuring = floor.for_run(&attached).unwrap();
        assert!(floor.has_runs());
        drop(by_hand);
        // A server by URL is nobody's to start.
        drop(floor.for_hand().unwrap());
        let first = floor.for_run(&launched).unwrap();
        let second = floor.for_run(&builtin).unwrap();
        drop((first, measuring));
        assert_eq!(floor.for_hand().err(), Some(Occupied::Runs));
        drop(second);
        assert!(floor.for_hand().is_ok());
    }
}
