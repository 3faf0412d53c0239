//! Owns the benches: a pacing server that knows the truth, and the tables that compare us with it.
//! Must not know runs, the log or viewers.

mod clock;
mod host;
mod pacer;

pub use clock::SharedClock;
pub use pacer::{
    Account, Ending, PacerArgs, PacerConfig, PacerError, PacerHandle, Served, Written, fetch_account, run_pacer,
    spawn_pacer_in_process,
};
