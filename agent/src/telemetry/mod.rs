//! Owns what hardware says of itself: every value that can be absent has a type that says why.
//! Must not know runs, engines or viewers.

mod effort;
mod energy;
mod found;
mod gather;
mod gpu;
pub mod host;
mod increment;
mod memory;
mod nvml;
mod others;
mod pace;
mod row;
mod sampler;
mod told;
mod visible;

pub use effort::Effort;
pub use energy::{EnergyMeter, Taken};
pub use found::Found;
pub use gather::Gathered;
pub use gpu::{Fast, Slow};
pub use increment::Increment;
pub use nvml::{Device, Gpu, GpuProcess, Gpus, Memory, Nvml};
pub use others::{Other, others};
pub use pace::{Next, Pace};
pub use row::{Row, Said};
pub use sampler::{Dropped, Paced, Sampler, Source};
pub use told::Told;
pub use visible::visible;

/// A value that hardware was asked for. Absent is never zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    /// It said.
    Value(T),
    /// This hardware or driver has no such value.
    NotSupported,
    /// It has, but did not say; the reason.
    Failed(String),
}

impl<T> Reading<T> {
    /// The value, where there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::NotSupported | Self::Failed(_) => None,
        }
    }

    /// Another value made of this one; absence stays what it is.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Reading<U> {
        self.and_then(|value| Reading::Value(make(value)))
    }

    /// What is read with the help of this value; absence stays what it is.
    pub fn and_then<U>(self, read: impl FnOnce(T) -> Reading<U>) -> Reading<U> {
        match self {
            Self::Value(value) => read(value),
            Self::NotSupported => Reading::NotSupported,
            Self::Failed(why) => Reading::Failed(why),
        }
    }
}
