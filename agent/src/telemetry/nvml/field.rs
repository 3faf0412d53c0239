//! Owns the way from one answer of the driver to a field: absence typed, what cannot be left out.
//! Must not know devices.

use nvml_wrapper::error::NvmlError;
use shared::telemetry::Field;

/// Greatest process id of Linux.
const MAX_PID: u32 = 1 << 22;

/// An answer as a field; a value above the most that can be is a placeholder or garbage.
pub(super) fn field(answer: Result<impl Into<u64>, NvmlError>, most: u64) -> Field {
    match answer.map(Into::into) {
        Ok(value) if value <= most => Field::Value(value),
        Ok(_) => Field::Failed(Field::IMPLAUSIBLE),
        Err(error) => absent(error),
    }
}

/// A failure as a field.
pub(super) fn absent(error: NvmlError) -> Field {
    match error {
        // A driver too old for a function has no such value either.
        NvmlError::NotSupported | NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound => Field::NotSupported,
        error => Field::Failed(u32::from(error)),
    }
}

pub(super) fn is_plausible_pid(pid: u32) -> bool {
    (1..=MAX_PID).contains(&pid)
}

/// True where the driver says that the device is gone, or will be until it is reset.
pub(super) fn is_lost(code: u32) -> bool {
    [u32::from(NvmlError::GpuLost), u32::from(NvmlError::ResetRequired)].contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_cannot_say_differs_from_what_it_does_not_and_from_what_cannot_be() {
        let check = |answer: Result<u32, NvmlError>, expect| assert_eq!(field(answer, 100), expect);
        check(Ok(0), Field::Value(0));
        check(Ok(100), Field::Value(100));
        check(Ok(u32::MAX), Field::Failed(Field::IMPLAUSIBLE));
        check(Err(NvmlError::NotSupported), Field::NotSupported);
        check(Err(NvmlError::FailedToLoadSymbol("x".into())), Field::NotSupported);
        check(Err(NvmlError::NoPermission), Field::Failed(4));
        check(Err(NvmlError::GpuLost), Field::Failed(15));
        assert!(is_lost(15) && is_lost(16) && !is_lost(4));
    }

    #[test]
    fn process_ids_that_cannot_be_are_none() {
        assert!(is_plausible_pid(1) && is_plausible_pid(28_290));
        assert!(!is_plausible_pid(0) && !is_plausible_pid(4_294_967_295));
    }
}
