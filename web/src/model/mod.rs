//! Owns what the page knows: the followed run (by the shared reducer), the list of runs, the plan being written.
//! Must not know how anything is drawn.

mod app;
mod clock;
mod engines;
mod fetched;
mod fold;
mod followed;
pub mod form;
mod history;
mod leading;
mod machine;
mod reader;
mod retry;
mod rows;
mod started;
mod study_form;

pub use app::{App, Connection};
pub use fetched::Fetched;
pub use fold::FOLD;
pub use machine::MachineFold;
pub use reader::Out;
pub use retry::Retry;
pub use study_form::{StudyForm, TASKS};
