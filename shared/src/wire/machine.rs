//! Owns how the host's machine is told of to whoever looks at it: a snapshot, then what follows.
//! Must not know what is told.

use crate::event::Event;
use crate::view::MachineView;
use serde::{Deserialize, Serialize};

/// What is told of the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineTold {
    /// All of it as of `view.seq`, and the time now in `view.now_ns`; takes the place of what the receiver had.
    Snapshot {
        /// The fold.
        view: Box<MachineView>,
        /// Events that were left out before it, since the receiver was too slow for them.
        missed: u64,
    },
    /// Events that follow what was told before, in order.
    Events(Vec<Event>),
}

impl MachineTold {
    /// Folds it into what the receiver knows; gives how many events were left out.
    pub fn fold(self, known: &mut Option<MachineView>) -> u64 {
        match self {
            Self::Snapshot { view, missed } => {
                *known = Some(*view);
                missed
            }
            Self::Events(events) => {
                known.iter_mut().for_each(|view| events.iter().for_each(|event| view.apply(event)));
                0
            }
        }
    }
}
