//! Owns the state of a script that is played: how often each field was read, and what it answers now.
//! Must not know the C interface.

use super::script::{Process, Says, Script};
use super::{NOT_SUPPORTED, Return, SUCCESS};
use nvml_wrapper_sys::bindings as nvml;
use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// The field that stands for a device's processes.
const PROCESSES: &str = "processes";
/// The field that stands for its handle, where it is asked for by index.
const HANDLE: &str = "handle";

static PLAYER: OnceLock<Player> = OnceLock::new();

/// Plays the script beside this library.
pub struct Player {
    /// The script.
    pub script: Script,
    /// The library's folder.
    folder: PathBuf,
    /// Reads of each device's fields, and errors that it has reported.
    reads: Mutex<BTreeMap<(usize, String), u64>>,
}

/// What a field answers.
pub enum Answer {
    /// A value.
    Value(u64),
    /// A failure by its code.
    Fails(Return),
}

/// The player of this library.
pub fn player() -> &'static Player {
    PLAYER.get_or_init(|| {
        let library = own_path();
        let script = library.with_added_extension("toml");
        let text = std::fs::read_to_string(&script).unwrap_or_else(|error| panic!("{}: {error}", script.display()));
        let script = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", script.display()));
        Player { script, folder: library.parent().map(PathBuf::from).unwrap_or_default(), reads: Mutex::default() }
    })
}

/// The path that this library was loaded from.
fn own_path() -> PathBuf {
    // SAFETY: an address within this library, and a struct that is written before it is read.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        assert!(libc::dladdr(own_path as *const libc::c_void, &raw mut info) != 0, "nobody knows this library");
        PathBuf::from(OsStr::from_bytes(CStr::from_ptr(info.dli_fname).to_bytes()))
    }
}

impl Player {
    /// What loading comes to.
    pub fn check() -> Return {
        player().script.init.as_deref().map_or(SUCCESS, code)
    }

    /// What a device's field answers now.
    pub fn ask(&self, device: usize, field: &str) -> Answer {
        let read = self.count(device, field);
        let answer = match self.script.device.get(device).and_then(|device| device.says.get(field)) {
            None => Answer::Fails(NOT_SUPPORTED),
            Some(Says::Always(value)) => Answer::Value(*value),
            Some(Says::Each(values)) => {
                let at = usize::try_from(read).unwrap_or(usize::MAX).min(values.len() - 1);
                Answer::Value(values[at])
            }
        };
        self.faulty(device, field, read, answer)
    }

    /// What becomes of an answer.
    fn faulty(&self, device: usize, field: &str, read: u64, mut answer: Answer) -> Answer {
        for fault in &self.script.fault {
            let applies = fault.xid.is_none()
                && fault.device.is_none_or(|of| of == device)
                && fault.field.as_ref().is_none_or(|of| of == field)
                && (fault.from..fault.until.unwrap_or(u64::MAX)).contains(&read)
                && fault.file.as_ref().is_none_or(|file| self.folder.join(file).exists());
            if !applies {
                continue;
            }
            std::thread::sleep(Duration::from_millis(fault.slow_ms));
            if let Some(value) = fault.value {
                answer = Answer::Value(value);
            }
            if let Some(name) = &fault.fails {
                answer = Answer::Fails(code(name));
            }
        }
        answer
    }

    /// A device's processes, or the failure of asking for them; counted as a read of the field where that is one.
    pub fn processes(&self, device: usize, is_read: bool) -> Result<&[Process], Return> {
        let of = self.script.device.get(device).ok_or(NOT_SUPPORTED)?;
        let read = if is_read { self.count(device, PROCESSES) } else { self.read(device, PROCESSES) };
        match self.faulty(device, PROCESSES, read, Answer::Value(0)) {
            Answer::Value(_) => Ok(&of.process),
            Answer::Fails(code) => Err(code),
        }
    }

    /// What asking for a device's handle comes to. It is refused while everything is: a device's time is how often the field
    /// was read that was read most.
    pub fn handle(&self, device: usize) -> Return {
        let read = self.reads().iter().filter(|((of, _), _)| *of == device).map(|(_, read)| *read).max().unwrap_or(0);
        match self.faulty(device, HANDLE, read, Answer::Value(0)) {
            Answer::Value(_) => SUCCESS,
            Answer::Fails(code) => code,
        }
    }

    /// The next error that the device reports by itself.
    pub fn next_xid(&self, device: usize) -> Option<u64> {
        let reported = self.read(device, "xid");
        let xids = self.script.fault.iter().filter(|fault| fault.device.is_none_or(|of| of == device));
        let ready = xids.filter(|fault| fault.file.as_ref().is_none_or(|file| self.folder.join(file).exists()));
        let xid = ready.filter_map(|fault| fault.xid).nth(usize::try_from(reported).ok()?)?;
        self.count(device, "xid");
        Some(xid)
    }

    /// How often the field has been read.
    fn read(&self, device: usize, field: &str) -> u64 {
        self.reads().get(&(device, field.to_owned())).copied().unwrap_or(0)
    }

    /// The same, and counts one more.
    fn count(&self, device: usize, field: &str) -> u64 {
        let mut reads = self.reads();
        let read = reads.entry((device, field.to_owned())).or_default();
        *read += 1;
        *read - 1
    }

    fn reads(&self) -> MutexGuard<'_, BTreeMap<(usize, String), u64>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A return code by its name.
fn code(name: &str) -> Return {
    match name {
        "invalid_argument" => nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT,
        "not_supported" => NOT_SUPPORTED,
        "no_permission" => nvml::nvmlReturn_enum_NVML_ERROR_NO_PERMISSION,
        "driver_not_loaded" => nvml::nvmlReturn_enum_NVML_ERROR_DRIVER_NOT_LOADED,
        "gpu_is_lost" => nvml::nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST,
        "reset_required" => nvml::nvmlReturn_enum_NVML_ERROR_RESET_REQUIRED,
        "version_mismatch" => nvml::nvmlReturn_enum_NVML_ERROR_LIB_RM_VERSION_MISMATCH,
        "no_data" => nvml::nvmlReturn_enum_NVML_ERROR_NO_DATA,
        "unknown" => nvml::nvmlReturn_enum_NVML_ERROR_UNKNOWN,
        other => panic!("no error is called {other}"),
    }
}
