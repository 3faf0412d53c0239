//! Owns the screens, one file or folder each.
//! Must not know the socket; what a screen shows comes from the model.

mod engines;
mod machine;
mod metrics_guide;
mod new_run;
mod not_shared;
mod now;
mod on_demand;
mod people;
mod plan_form;
mod run;
mod runs;
mod sign_in;

pub use now::Now;
pub use on_demand::{OnDemand, Screen};
pub use runs::Runs;
