//! Owns asking again what an effect asks: the error is forgotten, and the effect runs once more.
//! Must not know what is asked for.

use leptos::prelude::*;
use shared::wire::ApiError;

/// Of one effect. Copies share it.
#[derive(Clone, Copy)]
pub struct Retry {
    error: RwSignal<Option<ApiError>>,
    tries: RwSignal<u32>,
}

impl Retry {
    /// Of an effect that notes its errors here.
    pub fn of(error: RwSignal<Option<ApiError>>) -> Self {
        Self { error, tries: RwSignal::new(0) }
    }

    /// Has the effect that calls this run again.
    pub fn track(self) {
        self.tries.track();
    }

    /// What asks again.
    pub fn again(self) -> Callback<()> {
        Callback::new(move |()| {
            self.error.set(None);
            self.tries.update(|tries| *tries += 1);
        })
    }
}
