//! Owns the followed run's fold by the shared reducer; it comes with the code of a run's page.
//! Must not know the socket or which run is followed.

use super::followed::Fold;
use crate::link::tree;
use serde_json::Value;
use shared::event::Event;
use shared::view::RunView;

/// What reads and folds.
pub const FOLD: Fold = Fold { view: tree, events };

/// Folds events until one is missing.
fn events(view: &mut RunView, events: Vec<Value>) -> Result<bool, String> {
    for event in events {
        let event: Event = tree(event)?;
        if event.seq > view.seq + 1 {
            return Ok(false);
        }
        view.apply(&event);
    }
    Ok(true)
}
