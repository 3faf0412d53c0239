//! Owns how shared state is locked.
//! Must not know what the state is.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. A poisoned lock only means that another thread panicked: every change under a lock of ours is whole in itself, so
/// what it holds is.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
