//! Owns the words of a script: devices, what they say, and what becomes of it.
//! Must not know the C interface.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A script. What a test expects of it may stand in the same file; it is not read here.
#[derive(Deserialize)]
pub struct Script {
    /// The driver's version.
    #[serde(default = "usual_driver")]
    pub driver: String,
    /// What loading the library comes to, by the name of its error.
    pub init: Option<String>,
    /// The devices.
    #[serde(default)]
    pub device: Vec<Device>,
    /// What becomes of their answers; of several that apply the last one counts.
    #[serde(default)]
    pub fault: Vec<Fault>,
}

fn usual_driver() -> String {
    "580.65.06".to_owned()
}

/// A device. What it is not given a value for is not supported.
#[derive(Deserialize)]
pub struct Device {
    /// Its UUID.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// The place of the whole device that it is a slice of; slices are listed by their whole device, and not beside it.
    pub slice_of: Option<usize>,
    /// What it says by field: always the same, or one after the other, the last one from then on.
    #[serde(default)]
    pub says: BTreeMap<String, Says>,
    /// Its processes.
    #[serde(default)]
    pub process: Vec<Process>,
}

/// What a field says.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Says {
    /// Always the same.
    Always(u64),
    /// One after the other.
    Each(Vec<u64>),
}

/// A process on a device.
#[derive(Clone, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Bytes that it holds; not available where absent.
    pub memory: Option<u64>,
    /// Percent of time in which it kept the device busy.
    pub busy: Option<u32>,
}

/// Something that becomes of answers.
#[derive(Deserialize)]
pub struct Fault {
    /// The device's place; all where absent.
    pub device: Option<usize>,
    /// The field; all where absent.
    pub field: Option<String>,
    /// From which read of the field on, counted from 0.
    #[serde(default)]
    pub from: u64,
    /// Up to which read; for ever where absent.
    pub until: Option<u64>,
    /// Only while there is a file of this name, in the library's folder.
    pub file: Option<PathBuf>,
    /// It fails, by the name of the error.
    pub fails: Option<String>,
    /// It says this instead.
    pub value: Option<u64>,
    /// It takes so long.
    #[serde(default)]
    pub slow_ms: u64,
    /// The device reports this error by itself.
    pub xid: Option<u64>,
}
