//! Owns the screens, one file or folder each.
//! Must not know the socket; what a screen shows comes from the model.

mod compare;
mod compared;
mod engines;
mod import;
mod machine;
mod marks;
mod metrics_guide;
mod new_run;
mod new_study;
mod not_shared;
mod now;
mod on_demand;
mod people;
mod plan_form;
mod queue;
mod run;
mod runs;
mod schedule;
mod settings;
mod sign_in;
mod source;
mod studies;
mod study;

pub use now::Now;
pub use on_demand::{OnDemand, Screen};
