//! Owns the question of whether a device's memory is back after an engine: what was used before, what is used now.
//! Must not know how memory is read.

use crate::telemetry::Reading;
use std::sync::Arc;
use std::time::Duration;

/// What one device holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceUse {
    /// What stays the same over restarts of anything: its UUID.
    pub id: String,
    /// How people call it.
    pub label: String,
    /// Bytes in use by anybody.
    pub used_bytes: u64,
    /// Processes that hold some of it, as far as the driver tells.
    pub holders: Vec<u32>,
}

/// Who can say what devices hold.
pub trait DeviceMemory: Send + Sync {
    /// Reads all devices now. May block for some milliseconds.
    fn read(&self) -> Reading<Vec<DeviceUse>>;
}

/// Some devices of those that another one reads: what an engine can have taken.
pub(super) struct Only {
    /// Who reads.
    pub of: Arc<dyn DeviceMemory>,
    /// Their ids.
    pub ids: Vec<String>,
}

impl DeviceMemory for Only {
    fn read(&self) -> Reading<Vec<DeviceUse>> {
        self.of.read().map(|mut devices| {
            devices.retain(|device| self.ids.contains(&device.id));
            devices
        })
    }
}

/// When memory counts as back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryTerms {
    /// How much more than before is still "back": drivers keep a little for themselves.
    pub tolerance_bytes: u64,
    /// How long it may take after the last process has ended.
    pub limit: Duration,
    /// How often it is looked at.
    pub every: Duration,
}

impl Default for MemoryTerms {
    fn default() -> Self {
        Self { tolerance_bytes: 256 << 20, limit: Duration::from_secs(60), every: Duration::from_millis(500) }
    }
}

/// What is known of a device's memory after an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryBack {
    /// Nobody asked for it, or the engine was never started.
    NotWatched,
    /// It could not be read; the reason.
    Unknown(String),
    /// It is back; how long that took from the end of the last process.
    Back(Duration),
    /// It did not come back in time; a sentence that says where, how much, and what to do.
    Held(String),
}

/// Waits for memory: the caller looks, this decides.
#[derive(Clone, Debug)]
pub struct MemoryWait {
    before: Vec<DeviceUse>,
    terms: MemoryTerms,
    since: Duration,
}

impl MemoryWait {
    /// Begins when the last process has ended.
    #[must_use]
    pub fn begin(before: Vec<DeviceUse>, terms: MemoryTerms, now: Duration) -> Self {
        Self { before, terms, since: now }
    }

    /// What a reading means; nothing where it is worth another look.
    #[must_use]
    pub fn look(&self, reading: &Reading<Vec<DeviceUse>>, now: Duration) -> Option<MemoryBack> {
        let waited = now.saturating_sub(self.since);
        let late = waited >= self.terms.limit;
        let now_used = match reading {
            Reading::Value(devices) => devices,
            // A driver that is busy letting go may fail for a moment.
            Reading::Failed(why) => return late.then(|| MemoryBack::Unknown(why.clone())),
            Reading::NotSupported => return Some(MemoryBack::Unknown("the driver does not tell".to_owned())),
        };
        let held: Vec<String> = now_used.iter().filter_map(|device| self.held(device)).collect();
        if held.is_empty() {
            return Some(MemoryBack::Back(waited));
        }
        late.then(|| {
            MemoryBack::Held(format!(
                "{} {} s after the engine's last process ended. See who holds it (nvidia-smi) before the next start.",
                held.join("; "),
                waited.as_secs()
            ))
        })
    }

    /// How much more a device holds than before, as a sentence's part.
    fn held(&self, device: &DeviceUse) -> Option<String> {
        // A device that was not there before has nothing of this engine's to give back.
        let before = self.before.iter().find(|before| before.id == device.id)?;
        let more = device.used_bytes.saturating_sub(before.used_bytes);
        if more <= self.terms.tolerance_bytes {
            return None;
        }
        let new: Vec<String> =
            device.holders.iter().filter(|pid| !before.holders.contains(pid)).map(u32::to_string).collect();
        let by = if new.is_empty() { String::new() } else { format!(" (process {})", new.join(", ")) };
        Some(format!("{} still holds {:.1} GiB more than before{by}", device.label, more as f64 / f64::from(1 << 30)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn device(id: &str, used_bytes: u64, holders: &[u32]) -> DeviceUse {
        DeviceUse { id: id.into(), label: format!("GPU {id}"), used_bytes, holders: holders.to_vec() }
    }

    /// Looks once a second at scripted readings; the last one stays.
    fn wait(before: &[DeviceUse], script: &[Reading<Vec<DeviceUse>>]) -> (u64, MemoryBack) {
        let terms = MemoryTerms { limit: Duration::from_secs(10), ..MemoryTerms::default() };
        let wait = MemoryWait::begin(before.to_vec(), terms, Duration::from_secs(100));
        for second in 0.. {
            let reading = script.get(second).or(script.last()).unwrap();
            if let Some(back) = wait.look(reading, Duration::from_secs(100 + second as u64)) {
                return (second as u64, back);
            }
        }
        unreachable!()
    }

    #[test]
    fn memory_is_back_when_every_device_holds_what_it_held() {
        let before = [device("0", GIB, &[7]), device("1", 0, &[])];
        let now = |first: u64, second: u64| Reading::Value(vec![device("0", first, &[7]), device("1", second, &[])]);
        let script = [now(70 * GIB, GIB / 8), now(GIB + GIB / 8, 4 * GIB), now(GIB, 0)];
        assert_eq!(wait(&before, &script), (2, MemoryBack::Back(Duration::from_secs(2))));
        // Less than before, and a device that was not there before, are no reason to wait.
        let script = [Reading::Value(vec![device("0", 0, &[]), device("9", 50 * GIB, &[8])])];
        assert_eq!(wait(&before, &script), (0, MemoryBack::Back(Duration::ZERO)));
    }

    #[test]
    fn memory_that_stays_is_a_sentence() {
        let before = [device("0", GIB, &[7])];
        let script = [Reading::Value(vec![device("0", 76 * GIB, &[7, 4242])])];
        let (seconds, MemoryBack::Held(sentence)) = wait(&before, &script) else { panic!("it is not back") };
        assert_eq!(seconds, 10);
        assert!(
            sentence.starts_with("GPU 0 still holds 75.0 GiB more than before (process 4242) 10 s after"),
            "{sentence}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_unknown_and_never_back() {
        let before = [device("0", GIB, &[])];
        let fails = Reading::Failed("driver lost".to_owned());
        let back = Reading::Value(before.to_vec());
        assert_eq!(wait(&before, &[fails.clone(), back]), (1, MemoryBack::Back(Duration::from_secs(1))));
        assert_eq!(wait(&before, &[fails]), (10, MemoryBack::Unknown("driver lost".into())));
        assert!(matches!(wait(&before, &[Reading::NotSupported]), (0, MemoryBack::Unknown(_))));
    }
}
