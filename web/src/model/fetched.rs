//! Owns what HTTP gives and what changes meanwhile: asked for at first, and anew whenever somebody says so.
//! Must not know what is asked for, nor who shows it.

use super::app::App;
use crate::erased::{Kept, kept, spawn};
use crate::link::http::{self, Failure};
use leptos::prelude::*;
use serde::de::DeserializeOwned;
use shared::wire::ApiError;
use std::sync::Arc;
use std::time::Duration;

/// Least time from one answer to the next question, ms.
const PAUSE_MS: u64 = 500;

/// An answer as it was last given. Copies share it.
pub struct Fetched<T: Send + Sync + 'static> {
    /// The last answer; none before the first.
    pub value: RwSignal<Option<Arc<T>>>,
    /// Why there was no answer the last time.
    pub error: RwSignal<Option<ApiError>>,
    /// What is asked: one question at a time, and the last one that came meanwhile after it.
    asking: StoredValue<Asking>,
}

#[derive(Default)]
struct Asking {
    is_under_way: bool,
    next: Option<String>,
    /// What was asked last.
    last: String,
}

impl<T: Send + Sync + 'static> Clone for Fetched<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Fetched<T> {}

impl<T: DeserializeOwned + PartialEq + Send + Sync + 'static> Fetched<T> {
    /// Nothing asked yet.
    pub fn new() -> Self {
        Self { value: RwSignal::new(None), error: RwSignal::new(None), asking: StoredValue::new(Asking::default()) }
    }

    /// True once there was an answer.
    pub fn known(self) -> Kept<bool> {
        kept(move || self.value.with(Option::is_some))
    }

    /// What forgets the error and asks anew what was asked last.
    pub fn again(self, app: App) -> Callback<()> {
        Callback::new(move |()| {
            self.error.set(None);
            self.ask(app, self.asking.with_value(|asking| asking.last.clone()));
        })
    }

    /// Asks a path now, or right after the answer that is on its way.
    pub fn ask(self, app: App, path: String) {
        let begins = self.asking.try_update_value(|asking| {
            asking.last.clone_from(&path);
            if asking.is_under_way {
                asking.next = Some(path.clone());
                return false;
            }
            asking.is_under_way = true;
            true
        });
        if begins == Some(true) {
            spawn(async move { self.take(app, http::get::<T>(&path).await) });
        }
    }

    /// Notes an answer; whoever shows it may have gone.
    fn take(self, app: App, answer: Result<T, Failure>) {
        match answer {
            Ok(value) => {
                self.error.try_update(|error| *error = None);
                if self.value.try_with_untracked(|old| old.as_deref() != Some(&value)) == Some(true) {
                    self.value.try_update(|old| *old = Some(Arc::new(value)));
                }
            }
            Err(failure) => {
                app.failed(&failure);
                self.error.try_update(|error| *error = Some(failure.error()));
            }
        }
        let go_on = move || {
            let next = self.asking.try_update_value(|asking| {
                asking.is_under_way = false;
                asking.next.take()
            });
            if let Some(path) = next.flatten() {
                self.ask(app, path);
            }
        };
        set_timeout(go_on, Duration::from_millis(PAUSE_MS));
    }
}
