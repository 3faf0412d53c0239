//! Owns the errors that the driver reports by itself, by their XID.
//! Must not know what they mean.

use super::{Gpu, Nvml};
use nvml_wrapper::EventSet;
use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enums::event::XidError;

/// Most errors that are fetched at a time; a device that is going down reports them in bursts.
const MAX_AT_ONCE: usize = 16;

/// The driver's reports of one GPU's errors.
pub struct Xids(EventSet<'static>);

impl Xids {
    /// Nothing where the driver has no such reports of this GPU.
    #[must_use]
    pub fn of(nvml: Nvml, gpu: &Gpu) -> Option<Self> {
        let set = nvml.0.create_event_set().ok()?;
        gpu.report(EventTypes::CRITICAL_XID_ERROR, set).map(Self)
    }

    /// Those since the last call. Does not wait.
    pub fn take(&mut self) -> Vec<u64> {
        // With none, the driver says that the time to wait is over.
        let next = |_| self.0.wait(0).ok();
        let codes = (0..MAX_AT_ONCE).map_while(next).map(|event| match event.event_data {
            Some(XidError::Value(code)) => Some(code),
            Some(XidError::Unknown) | None => None,
        });
        codes.flatten().collect()
    }
}
