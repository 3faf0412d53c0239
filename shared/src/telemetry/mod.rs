//! Owns what is told of the machine while tokens flow: samples of GPUs, host and engine, and what became of a GPU.
//! Must not know how anything is read. Fields are only added; absence is typed and never zero.

mod beside;
mod kv;
mod observer;
mod signal;

pub use beside::{Bucketed, Energy, EnergyMethod, ServerLatency, ServerSide};
pub use kv::*;
pub use observer::*;
pub use signal::*;

use serde::{Deserialize, Serialize};

/// What one read of one quantity came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The value, in the signal's unit.
    Value(u64),
    /// This hardware, driver or engine has no such value.
    NotSupported,
    /// It has, but did not say: the driver's own code, or one of ours.
    Failed(u32),
}

impl Field {
    /// A value that cannot be: out of range, or a placeholder of the driver.
    pub const IMPLAUSIBLE: u32 = 10_001;
    /// A counter that began anew, or whose value before is unknown: what it grew by is unknown.
    pub const BEGAN_ANEW: u32 = 10_002;
    /// An answer that could not be read.
    pub const UNREADABLE: u32 = 10_003;
    /// Nobody answered.
    pub const NO_ANSWER: u32 = 10_004;

    /// The value, where there is one.
    #[must_use]
    pub fn value(self) -> Option<u64> {
        if let Field::Value(value) = self { Some(value) } else { None }
    }

    /// As it stands in [`Group::values`].
    #[must_use]
    pub fn to_wire(self) -> i64 {
        match self {
            Field::Value(value) => i64::try_from(value).unwrap_or(i64::MAX),
            Field::NotSupported => -1,
            Field::Failed(code) => -1 - i64::from(code.max(1)),
        }
    }

    /// The reverse of [`Field::to_wire`].
    #[must_use]
    pub fn of_wire(wire: i64) -> Self {
        match u64::try_from(wire) {
            Ok(value) => Field::Value(value),
            Err(_) if wire == -1 => Field::NotSupported,
            Err(_) => Field::Failed(u32::try_from(wire.unsigned_abs() - 1).unwrap_or(u32::MAX)),
        }
    }
}

/// What one source said in about half a second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// Who: `gpu:` and a UUID, `host`, `engine`.
    pub source: String,
    /// Its values by what was read together.
    pub groups: Vec<Group>,
    /// Reads of any source that were lost on the way since the last event that tells.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: u64,
}

impl Samples {
    /// Most reads of a group that one event holds; keeps it under 8 KB.
    pub const MAX_READS: usize = 20;
}

pub(crate) fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Quantities that are read in one go, read after read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The middle of each read, ns of run time.
    pub at_ns: Vec<u64>,
    /// How long each read took, ns: it began and ended half of that before and after. Empty where another tool read and
    /// does not say.
    pub took_ns: Vec<u64>,
    /// What was read: the signals' keys.
    pub keys: Vec<String>,
    /// Every read of the first key, then every read of the next: a value from 0 up, -1 where there is no such value, and
    /// below that -1 less the code of a failure.
    pub values: Vec<i64>,
}

impl Group {
    /// A key, and what each read of it came to.
    pub fn columns(&self) -> impl Iterator<Item = (&String, &[i64])> {
        // Without a read there is no column either.
        self.keys.iter().zip(self.values.chunks(self.at_ns.len().max(1)))
    }
}

/// What is sampled from here on.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Began {
    /// How often fast groups are read, Hz.
    pub rate_hz: f64,
    /// The GPUs.
    pub gpus: Vec<GpuFacts>,
    /// Why there is none, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_gpus: Option<String>,
}

/// What does not change of a GPU.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuFacts {
    /// The source that its samples name.
    pub source: String,
    /// Which one.
    pub uuid: String,
    /// Its product name, where it tells.
    pub name: Option<String>,
    /// Its memory, bytes; of a unified one the host's.
    pub memory_bytes: Option<u64>,
    /// It has no memory of its own: it uses the host's.
    #[serde(default)]
    pub is_unified: bool,
    /// The UUID of the whole GPU, where this is a slice of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice_of: Option<String>,
}

/// Something that happened to a GPU.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Whose.
    pub source: String,
    /// When it was noticed, ns of run time.
    pub at_ns: u64,
    /// What.
    pub kind: TroubleKind,
    /// The driver's code of the loss, or the XID; 0 without any.
    #[serde(default)]
    pub code: u64,
}

/// What happened to a GPU.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// It no longer answers. What it would have said since is unknown.
    Lost,
    /// It answers again.
    Back,
    /// The driver reported an error by its XID.
    Xid,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What is of interest now and not as a series: who uses the source, how busy each core is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Look {
    /// When, ns of run time.
    pub at_ns: u64,
    /// Whose.
    pub source: String,
    /// Processes, those that use most first, at most [`Look::MAX_PROCESSES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<ProcessUse>,
    /// Busy time of each core since the last look, thousandths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cores: Vec<u32>,
}

impl Look {
    /// Most processes that are listed.
    pub const MAX_PROCESSES: usize = 32;
}

/// What a process uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessUse {
    /// Its id, as who was asked numbers it.
    pub pid: u32,
    /// Its name, where this host has such a process.
    pub name: Option<String>,
    /// It descends from this agent, as engines that it starts do.
    pub is_ours: bool,
    /// Memory of the device, or of the host, bytes.
    pub memory_bytes: Option<u64>,
    /// Thousandths of the device, or of one core, that it kept busy.
    pub busy: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_itself_again_after_the_wire() {
        let check = |field: Field, wire: i64| {
            assert_eq!(field.to_wire(), wire);
            assert_eq!(Field::of_wire(wire), field);
        };
        check(Field::Value(0), 0);
        check(Field::Value(85_899_345_920), 85_899_345_920);
        check(Field::NotSupported, -1);
        check(Field::Failed(15), -16);
        check(Field::Failed(Field::BEGAN_ANEW), -10_003);
    }

    #[test]
    fn samples_of_half_a_second_stay_under_8_kb() {
        // The widest source at the highest rate: every signal there is, each read of it full of digits.
        let keys = SIGNALS.iter().map(|signal| signal.key.to_owned()).collect();
        let values = vec![85_899_345_920; Samples::MAX_READS * SIGNALS.len()];
        let at_ns = vec![u64::MAX / 2; Samples::MAX_READS];
        let group = Group { took_ns: at_ns.clone(), at_ns, keys, values };
        let samples = Samples { source: format!("gpu:{}", "x".repeat(40)), groups: vec![group], dropped: 9 };
        let bytes = rmp_serde::to_vec_named(&samples).unwrap().len();
        assert!(bytes <= 8 << 10, "{bytes} bytes");
    }
}
