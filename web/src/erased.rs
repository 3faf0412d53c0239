//! Owns what Leptos compiles anew for each type, made once for all: kept values, views that are made again, clicks, tasks.
//! Must not know what any of it means. Without this a tenth more would be downloaded.

use leptos::prelude::*;
use leptos::task::spawn_local;
use std::any::Any;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use web_sys::MouseEvent;

/// A value of any type that can be compared.
#[derive(Clone)]
struct Value(Arc<dyn Same>);

trait Same: Send + Sync {
    fn is_same(&self, other: &dyn Any) -> bool;
    fn as_any(&self) -> &dyn Any;
}

impl<T: PartialEq + Send + Sync + 'static> Same for T {
    fn is_same(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<T>() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.0.is_same(other.0.as_any())
    }
}

/// A value that is computed again when what it was computed from changes; who reads it hears of it only where it differs.
pub struct Kept<T> {
    memo: Memo<Value>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Kept<T> {}

/// Keeps what a function of signals gives.
pub fn kept<T: PartialEq + Send + Sync + 'static>(value: impl Fn() -> T + Send + Sync + 'static) -> Kept<T> {
    Kept { memo: memo(Box::new(move || Value(Arc::new(value())))), of: PhantomData }
}

fn memo(value: Box<dyn Fn() -> Value + Send + Sync>) -> Memo<Value> {
    Memo::new(move |_| value())
}

fn read<T: 'static, U>(value: &Value, read: impl FnOnce(&T) -> U) -> U {
    // The inner value's own, not the pointer's.
    match (*value.0).as_any().downcast_ref() {
        Some(value) => read(value),
        None => unreachable!("a kept value is of the type that it was made of"),
    }
}

impl<T: 'static> Kept<T> {
    /// Reads it, and hears of its changes.
    pub fn with<U>(self, does: impl FnOnce(&T) -> U) -> U {
        read(&self.memo.get(), does)
    }

    /// Reads it as it is now.
    pub fn with_untracked<U>(self, does: impl FnOnce(&T) -> U) -> U {
        read(&self.memo.get_untracked(), does)
    }

    /// Hears of its changes.
    pub fn track(self) {
        // Reads it: what was never computed depends on nothing yet, so that it would tell of no change.
        self.memo.with(|_| ());
    }
}

impl<T: Clone + 'static> Kept<T> {
    /// A copy of it, and hears of its changes.
    pub fn get(self) -> T {
        self.with(T::clone)
    }

    /// A copy of it as it is now.
    pub fn get_untracked(self) -> T {
        self.with_untracked(T::clone)
    }
}

impl<T: Clone + Send + Sync + 'static> From<Kept<T>> for Signal<T> {
    fn from(kept: Kept<T>) -> Self {
        Signal::derive(move || kept.get())
    }
}

impl<T: Clone + Send + Sync + 'static> From<Kept<Option<T>>> for MaybeProp<T> {
    fn from(kept: Kept<Option<T>>) -> Self {
        MaybeProp::derive(move || kept.get())
    }
}

impl<T: Clone + IntoAny + 'static> IntoRender for Kept<T> {
    type Output = AnyView;

    fn into_render(self) -> AnyView {
        live(move || self.get())
    }
}

/// A part of a view that is made again when what it reads changes.
pub fn live<V: IntoAny>(mut part: impl FnMut() -> V + Send + 'static) -> AnyView {
    let part: Box<dyn FnMut() -> AnyView + Send> = Box::new(move || part().into_any());
    part.into_any()
}

/// What a click does.
pub fn click(does: impl FnMut(MouseEvent) + 'static) -> Box<dyn FnMut(MouseEvent)> {
    Box::new(does)
}

/// Begins a task that goes on beside the view.
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    let task: Pin<Box<dyn Future<Output = ()>>> = Box::pin(task);
    spawn_local(task);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn who_tracks_a_kept_value_that_nobody_reads_hears_of_it() {
        let owner = Owner::new();
        owner.set();
        let computed = Arc::new(AtomicU32::new(0));
        let (source, times) = (RwSignal::new(2), Arc::clone(&computed));
        let half = kept(move || source.get() / 2);
        let follows = kept(move || {
            half.track();
            times.fetch_add(1, Ordering::Relaxed) + 1
        });
        for (set, expect) in [(2, 1), (3, 1), (4, 2), (9, 3)] {
            source.set(set);
            assert_eq!(follows.get(), expect, "{set}");
        }
    }

    #[test]
    fn who_reads_a_kept_value_hears_only_of_another_one() {
        let owner = Owner::new();
        owner.set();
        let computed = Arc::new(AtomicU32::new(0));
        let (source, times) = (RwSignal::new(2), Arc::clone(&computed));
        let half = kept(move || source.get() / 2);
        let text = kept(move || {
            times.fetch_add(1, Ordering::Relaxed);
            half.with(|half| format!("half {half}"))
        });
        for (set, expect, computed_so_far) in [(2, "half 1", 1), (3, "half 1", 1), (4, "half 2", 2)] {
            source.set(set);
            assert_eq!(text.get(), expect);
            assert_eq!(computed.load(Ordering::Relaxed), computed_so_far, "{set}");
        }
    }
}
