//! Owns the queue and the state machine of a run, from plan to last event.
//! Must not know HTTP routes or how bytes are decoded.

mod barren;
mod batch;
mod by_hand;
mod cache;
mod floor;
mod host;
mod machine;
mod measurement;
mod observer;
mod pricing;
mod queue;
mod resume;
mod run;
mod schedule;
mod search;
mod stamps;
mod telemetry;
mod trial;
mod waiting;

pub use batch::sample_of;
pub use by_hand::{ByHand, ByHandError, Watching};
pub use floor::Floor;
pub use host::{created, host, time_zone, unix_ms, utc_offset_minutes};
pub use machine::{Machine, MachineViewer, Manner};
pub use observer::{Beside, NotMeasured, Pair, beside};
pub use queue::{Queue, QueueError};
pub use telemetry::look_alone;
pub use waiting::Terms;
