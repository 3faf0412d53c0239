//! Owns the screens, one file or folder each.
//! Must not know the socket; what a screen shows comes from the model.

mod engines;
mod metrics_guide;
mod new_run;
mod now;
mod plan_form;
mod run;
mod runs;
mod sign_in;

pub use engines::Engines;
pub use metrics_guide::MetricsGuide;
pub use new_run::NewRun;
pub use now::Now;
pub use run::Run;
pub use runs::Runs;
pub use sign_in::SignIn;
