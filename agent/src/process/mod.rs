//! Owns an engine's life: started under a supervisor and in a session of its own, watched, and certainly ended.
//! Must not know what an engine does with its port, or which vendor's it is.

mod child;
mod disk;
mod docker;
mod drive;
mod error;
mod fsm;
mod host;
mod kill;
mod kin;
mod ledger;
mod link;
mod memory;
mod output;
pub mod port;
mod supervise;
mod usage;

pub use child::{Child, Condition, Death, Ended, Launch, ProbeOutcome};
pub use disk::{TooLittleRoom, room};
pub use docker::Container;
pub use error::ProcessError;
pub use fsm::{Ending, Failure, Mark, State, Terms};
pub use host::Host;
pub use kin::Kin;
pub use ledger::Reaped;
pub use memory::{DeviceMemory, DeviceUse, MemoryBack, MemoryTerms};
pub use output::{Line, Source, bar};
pub use supervise::{ExecArgs, exec, supervise};
pub use usage::Usage;
