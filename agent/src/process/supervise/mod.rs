//! Owns the small process between the agent and one engine: it starts the engine, adopts its orphans, and ends them all
//! when it is told to or when the agent is gone.
//! Must not know what an engine is for.

mod container;
mod exec;
mod message;
mod watch;

pub use exec::{ExecArgs, exec};
pub use message::{Engine, Order, Word};
pub use watch::supervise;
