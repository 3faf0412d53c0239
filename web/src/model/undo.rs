//! Owns deleting what can be taken back for a while: hidden at once, deleted when nobody wanted it back.
//! Must not know what is deleted, nor how the message looks.

use super::app::{App, Toast};
use crate::erased::spawn;
use crate::link::http;
use leptos::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// How long a deletion can be taken back.
const UNDO: Duration = Duration::from_secs(6);

/// What happens to something that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is out of sight.
    Hidden,
    /// It is back: somebody wanted it, or the agent refused.
    Back,
    /// It is gone.
    Gone,
}

impl App {
    /// Hides something now and deletes what is at `path` when nobody took that back; `change` hears of each step.
    pub fn delete_later(self, sentence: String, path: String, change: impl Fn(Deletion) + Send + Sync + 'static) {
        let change: Arc<dyn Fn(Deletion) + Send + Sync> = Arc::new(change);
        change(Deletion::Hidden);
        let taken_back = ArcRwSignal::new(false);
        let (undone, back) = (taken_back.clone(), change.clone());
        let undo = Arc::new(move || {
            undone.set(true);
            back(Deletion::Back);
            self.toast.set(None);
        });
        self.toast.set(Some(Toast { sentence, undo: Some(undo) }));
        let due = move || {
            if taken_back.get_untracked() {
                return;
            }
            self.toast.set(None);
            spawn(async move {
                match http::delete(&path).await {
                    Ok(()) => change(Deletion::Gone),
                    Err(failure) => {
                        change(Deletion::Back);
                        self.tell(&failure);
                    }
                }
            });
        };
        set_timeout(due, UNDO);
    }
}
