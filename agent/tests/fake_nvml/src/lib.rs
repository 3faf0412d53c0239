//! Owns the C interface: the functions of the NVIDIA driver's library that the agent calls, each played by the script
//! that lies beside this library (its own path and `.toml`).
//! Must not know the agent. Whoever writes a script finds its words in `script`.
//!
//! A test copies the library into a folder of its own, so that each has its own state.
#![allow(non_snake_case, reason = "the driver's names")]
#![allow(missing_docs, reason = "the driver documents its functions")]
#![allow(clippy::missing_safety_doc, reason = "called as the driver's own functions are")]

mod play;
mod script;

use nvml_wrapper_sys::bindings as nvml;
use play::{Answer, Player, player};
use std::ffi::{CStr, c_char, c_int, c_uint, c_ulonglong, c_void};

type Return = nvml::nvmlReturn_t;
type Device = *mut c_void;
const SUCCESS: Return = nvml::nvmlReturn_enum_NVML_SUCCESS;
const TOO_SMALL: Return = nvml::nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE;
const NOT_FOUND: Return = nvml::nvmlReturn_enum_NVML_ERROR_NOT_FOUND;
const INVALID: Return = nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT;
const TIMEOUT: Return = nvml::nvmlReturn_enum_NVML_ERROR_TIMEOUT;
const NOT_SUPPORTED: Return = nvml::nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED;

/// A handle is the device's place in the script, counted from 1.
fn handle(place: usize) -> Device {
    (place + 1) as Device
}

fn place(device: Device) -> usize {
    (device as usize).wrapping_sub(1)
}

unsafe fn write<T>(to: *mut T, value: T) -> Return {
    if to.is_null() {
        return INVALID;
    }
    // SAFETY: the caller's own memory for the answer.
    unsafe { to.write(value) };
    SUCCESS
}

unsafe fn write_text(to: *mut c_char, room: c_uint, text: &str) -> Return {
    if text.len() >= room as usize {
        return TOO_SMALL;
    }
    // SAFETY: the caller's buffer has that much room.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), to, text.len());
        to.add(text.len()).write(0);
    }
    SUCCESS
}

/// One number of a device.
unsafe fn number<T: TryFrom<u64>>(device: Device, field: &str, to: *mut T) -> Return {
    match player().ask(place(device), field) {
        // What does not fit is the driver's placeholder in a narrow type: all bits set.
        Answer::Value(value) => match T::try_from(value).or_else(|_| T::try_from(u64::from(u32::MAX))) {
            // SAFETY: the caller's own memory.
            Ok(value) => unsafe { write(to, value) },
            Err(_) => INVALID,
        },
        Answer::Fails(code) => code,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> Return {
    Player::check()
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlShutdown() -> Return {
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetDriverVersion(to: *mut c_char, room: c_uint) -> Return {
    unsafe { write_text(to, room, &player().script.driver) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCount_v2(to: *mut c_uint) -> Return {
    let whole = player().script.device.iter().filter(|device| device.slice_of.is_none()).count();
    unsafe { write(to, whole as c_uint) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, to: *mut Device) -> Return {
    let mut whole = (0..).zip(&player().script.device).filter(|(_, device)| device.slice_of.is_none());
    match whole.nth(index as usize) {
        Some((place, _)) => match player().handle(place) {
            SUCCESS => unsafe { write(to, handle(place)) },
            code => code,
        },
        None => INVALID,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByUUID(uuid: *const c_char, to: *mut Device) -> Return {
    let uuid = unsafe { CStr::from_ptr(uuid) }.to_string_lossy();
    match player().script.device.iter().position(|device| device.uuid == uuid) {
        Some(place) => unsafe { write(to, handle(place)) },
        None => NOT_FOUND,
    }
}

/// Slices of a whole device, by their places in the script.
fn slices(device: Device) -> impl Iterator<Item = usize> {
    let all = player().script.device.iter().enumerate();
    all.filter(move |(_, slice)| slice.slice_of == Some(place(device))).map(|(place, _)| place)
}

/// As many as there could be: a device that is cut could be cut in seven.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMaxMigDeviceCount(device: Device, to: *mut c_uint) -> Return {
    let most = if slices(device).next().is_some() { 7 } else { 0 };
    unsafe { write(to, most) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigDeviceHandleByIndex(device: Device, index: c_uint, to: *mut Device) -> Return {
    // The first place is empty, as it is where a slice was given back.
    match (index as usize).checked_sub(1).and_then(|index| slices(device).nth(index)) {
        Some(place) => unsafe { write(to, handle(place)) },
        None => NOT_FOUND,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetDeviceHandleFromMigDeviceHandle(device: Device, to: *mut Device) -> Return {
    match player().script.device.get(place(device)).and_then(|device| device.slice_of) {
        Some(parent) => unsafe { write(to, handle(parent)) },
        None => INVALID,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUUID(device: Device, to: *mut c_char, room: c_uint) -> Return {
    match player().script.device.get(place(device)) {
        Some(device) => unsafe { write_text(to, room, &device.uuid) },
        None => INVALID,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetName(device: Device, to: *mut c_char, room: c_uint) -> Return {
    match player().script.device.get(place(device)) {
        Some(device) => unsafe { write_text(to, room, &device.name) },
        None => INVALID,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(device: Device, to: *mut nvml::nvmlMemory_v2_t) -> Return {
    let (total, used) = match (player().ask(place(device), "memory_total"), player().ask(place(device), "memory_used"))
    {
        (Answer::Value(total), Answer::Value(used)) => (total, used),
        (Answer::Fails(code), _) | (_, Answer::Fails(code)) => return code,
    };
    let free = total.saturating_sub(used);
    unsafe { write(to, nvml::nvmlMemory_v2_t { version: 2, total, reserved: 0, free, used }) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUtilizationRates(device: Device, to: *mut nvml::nvmlUtilization_t) -> Return {
    let mut rates = nvml::nvmlUtilization_t { gpu: 0, memory: 0 };
    let (gpu, memory) = (&raw mut rates.gpu, &raw mut rates.memory);
    for (field, to) in [("gpu_busy", gpu), ("memory_busy", memory)] {
        let code = unsafe { number(device, field, to) };
        if code != SUCCESS {
            return code;
        }
    }
    unsafe { write(to, rates) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPowerUsage(device: Device, to: *mut c_uint) -> Return {
    unsafe { number(device, "power", to) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTotalEnergyConsumption(device: Device, to: *mut c_ulonglong) -> Return {
    unsafe { number(device, "energy", to) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTemperature(device: Device, _sensor: c_uint, to: *mut c_uint) -> Return {
    unsafe { number(device, "temperature", to) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetClockInfo(device: Device, kind: c_uint, to: *mut c_uint) -> Return {
    let field = if kind == nvml::nvmlClockType_enum_NVML_CLOCK_MEM { "memory_clock" } else { "sm_clock" };
    unsafe { number(device, field, to) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMaxClockInfo(device: Device, kind: c_uint, to: *mut c_uint) -> Return {
    let field = if kind == nvml::nvmlClockType_enum_NVML_CLOCK_MEM { "max_memory_clock" } else { "max_sm_clock" };
    unsafe { number(device, field, to) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryBusWidth(device: Device, to: *mut c_uint) -> Return {
    unsafe { number(device, "bus_width", to) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetNumGpuCores(device: Device, to: *mut c_uint) -> Return {
    unsafe { number(device, "cores", to) }
}

/// The script has it in one number: 90 for 9.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCudaComputeCapability(
    device: Device,
    major: *mut c_int,
    minor: *mut c_int,
) -> Return {
    let mut both: c_int = 0;
    let code = unsafe { number(device, "capability", &raw mut both) };
    if code != SUCCESS {
        return code;
    }
    let code = unsafe { write(major, both / 10) };
    if code == SUCCESS { unsafe { write(minor, both % 10) } } else { code }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCurrentClocksThrottleReasons(device: Device, to: *mut c_ulonglong) -> Return {
    unsafe { number(device, "throttle_reasons", to) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPcieThroughput(device: Device, counter: c_uint, to: *mut c_uint) -> Return {
    let sent = counter == nvml::nvmlPcieUtilCounter_enum_NVML_PCIE_UTIL_TX_BYTES;
    unsafe { number(device, if sent { "pcie_tx" } else { "pcie_rx" }, to) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTotalEccErrors(
    device: Device,
    kind: c_uint,
    _counter: c_uint,
    to: *mut c_ulonglong,
) -> Return {
    let corrected = kind == nvml::nvmlMemoryErrorType_enum_NVML_MEMORY_ERROR_TYPE_CORRECTED;
    unsafe { number(device, if corrected { "ecc_corrected" } else { "ecc_uncorrected" }, to) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetFieldValues(
    device: Device,
    count: c_int,
    values: *mut nvml::nvmlFieldValue_t,
) -> Return {
    for i in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the caller's array has that many.
        let value = unsafe { &mut *values.add(i) };
        let field = match value.fieldId {
            nvml::field_id::NVML_FI_DEV_MEMORY_TEMP => "memory_temperature",
            // A real one writes over the memory of the process that asks it.
            nvml::field_id::NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX
            | nvml::field_id::NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX => std::process::abort(),
            _ => "unknown",
        };
        value.valueType = nvml::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
        value.nvmlReturn = match player().ask(place(device), field) {
            Answer::Value(answer) => {
                value.value.ullVal = answer;
                SUCCESS
            }
            Answer::Fails(code) => code,
        };
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses_v3(
    device: Device,
    count: *mut c_uint,
    infos: *mut nvml::nvmlProcessInfo_t,
) -> Return {
    // Who asks for the count alone has not read yet, unless there is nothing more to read.
    let has_none = player().script.device.get(place(device)).is_none_or(|device| device.process.is_empty());
    let processes = match player().processes(place(device), has_none || !infos.is_null()) {
        Ok(processes) => processes,
        Err(code) => return code,
    };
    let room = unsafe { std::mem::replace(&mut *count, processes.len() as c_uint) } as usize;
    if processes.is_empty() {
        return SUCCESS;
    }
    if infos.is_null() || room < processes.len() {
        return TOO_SMALL;
    }
    for (i, process) in processes.iter().enumerate() {
        // The driver's word for "not available" is all bits set.
        let info = nvml::nvmlProcessInfo_t {
            pid: process.pid,
            usedGpuMemory: process.memory.unwrap_or(u64::MAX),
            gpuInstanceId: u32::MAX,
            computeInstanceId: u32::MAX,
        };
        // SAFETY: there is room, as was just seen.
        unsafe { infos.add(i).write(info) };
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetProcessUtilization(
    device: Device,
    samples: *mut nvml::nvmlProcessUtilizationSample_t,
    count: *mut c_uint,
    _since: c_ulonglong,
) -> Return {
    let processes = match player().processes(place(device), false) {
        Ok(processes) => processes,
        Err(_) => return NOT_SUPPORTED,
    };
    let busy: Vec<_> = processes.iter().filter_map(|process| Some((process.pid, process.busy?))).collect();
    let room = unsafe { std::mem::replace(&mut *count, busy.len() as c_uint) } as usize;
    if busy.is_empty() {
        return SUCCESS;
    }
    if samples.is_null() || room < busy.len() {
        return TOO_SMALL;
    }
    for (i, (pid, smUtil)) in busy.into_iter().enumerate() {
        let sample =
            nvml::nvmlProcessUtilizationSample_t { pid, timeStamp: 1, smUtil, memUtil: 0, encUtil: 0, decUtil: 0 };
        // SAFETY: there is room, as was just seen.
        unsafe { samples.add(i).write(sample) };
    }
    SUCCESS
}

/// A set of events is its device, once it is registered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetCreate(to: *mut *mut usize) -> Return {
    unsafe { write(to, Box::into_raw(Box::new(0))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceRegisterEvents(device: Device, _kinds: c_ulonglong, set: *mut usize) -> Return {
    unsafe { write(set, device as usize) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetWait_v2(
    set: *mut usize,
    to: *mut nvml::nvmlEventData_t,
    _timeout_ms: c_uint,
) -> Return {
    // SAFETY: made by `nvmlEventSetCreate`.
    let device = unsafe { *set } as Device;
    let Some(xid) = player().next_xid(place(device)) else { return TIMEOUT };
    let event = nvml::nvmlEventData_t {
        device: device.cast(),
        eventType: u64::from(nvml::nvmlEventTypeXidCriticalError),
        eventData: xid,
        gpuInstanceId: u32::MAX,
        computeInstanceId: u32::MAX,
    };
    unsafe { write(to, event) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetFree(set: *mut usize) -> Return {
    // SAFETY: made by `nvmlEventSetCreate`, and freed once.
    drop(unsafe { Box::from_raw(set) });
    SUCCESS
}
