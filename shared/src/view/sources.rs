//! Owns the sources that telemetry tells of: host, engine, and GPUs with what each is called where there are several.
//! Must not know what they tell.

use super::Telemetry;

/// Least letters of a UUID that tell one GPU from another.
const FEWEST: usize = 4;

/// A GPU that telemetry tells of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GpuSeen {
    /// Its source.
    pub source: String,
    /// Its place among them, which is its colour.
    pub place: usize,
    /// As much of its UUID as tells it from the others: its number differs between programs, this does not.
    pub short: String,
    /// Its product name, where it tells.
    pub name: Option<String>,
    /// Its memory, bytes, where it tells; of a unified one the host's.
    pub memory_bytes: Option<u64>,
    /// It has no memory of its own: it uses the host's.
    pub is_unified: bool,
    /// The UUID of the whole GPU, where this is a slice of one.
    pub slice_of: Option<String>,
}

impl Telemetry {
    /// The source of what the host says.
    pub const HOST: &str = "host";
    /// The source of what the engine says of itself.
    pub const ENGINE: &str = "engine";
    /// What the sources of GPUs begin with.
    pub const GPU: &str = "gpu:";

    /// Its GPUs: those that were found last, in their order, then those that only earlier samples are of.
    #[must_use]
    pub fn gpus(&self) -> Vec<GpuSeen> {
        let found = self.began.iter().flat_map(|began| &began.gpus);
        let mut gpus: Vec<GpuSeen> = found
            .map(|facts| GpuSeen {
                source: facts.source.clone(),
                name: facts.name.clone(),
                memory_bytes: facts.memory_bytes,
                is_unified: facts.is_unified,
                slice_of: facts.slice_of.clone(),
                ..GpuSeen::default()
            })
            .collect();
        for track in self.tracks.iter().filter(|track| track.source.starts_with(Self::GPU)) {
            if gpus.iter().all(|gpu| gpu.source != track.source) {
                gpus.push(GpuSeen { source: track.source.clone(), ..GpuSeen::default() });
            }
        }
        let sources: Vec<String> = gpus.iter().map(|gpu| gpu.source.clone()).collect();
        for (place, gpu) in gpus.iter_mut().enumerate() {
            (gpu.place, gpu.short) = (place, short(&gpu.source, &sources));
        }
        gpus
    }
}

/// The letters of a UUID after its kind ("GPU-", "MIG-").
fn letters(source: &str) -> &str {
    let uuid = source.strip_prefix(Telemetry::GPU).unwrap_or(source);
    uuid.split_once('-').map_or(uuid, |(_, letters)| letters)
}

/// The shortest beginning of a UUID that no other one has.
fn short(source: &str, all: &[String]) -> String {
    let own = letters(source);
    let shared = |other: &String| own.bytes().zip(letters(other).bytes()).take_while(|(a, b)| a == b).count();
    let longest = all.iter().filter(|other| *other != source).map(shared).max().unwrap_or(0);
    own.chars().take(FEWEST.max(longest + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Began, GpuFacts};
    use crate::view::Track;

    #[test]
    fn found_ones_come_first_and_names_tell_them_apart() {
        let facts = |uuid: &str| GpuFacts { source: format!("gpu:{uuid}"), ..GpuFacts::default() };
        let track = |source: &str| Track { source: source.to_owned(), ..Track::default() };
        let check = |found: &[&str], sampled: &[&str], expect: &[&str]| {
            let telemetry = Telemetry {
                began: Some(Began { gpus: found.iter().map(|uuid| facts(uuid)).collect(), ..Began::default() }),
                tracks: sampled.iter().map(|source| track(source)).collect(),
                ..Telemetry::default()
            };
            let gpus = telemetry.gpus();
            assert_eq!(gpus.iter().map(|gpu| gpu.short.as_str()).collect::<Vec<_>>(), expect);
        };
        check(&[], &["engine", "host"], &[]);
        check(&["GPU-bb22-0000"], &["engine", "gpu:GPU-bb22-0000"], &["bb22"]);
        check(&["GPU-bb22-0000", "MIG-aa11"], &["gpu:GPU-cc", "gpu:MIG-aa11"], &["bb22", "aa11", "cc"]);
        check(&["GPU-5fd4a100-1", "GPU-5fd4a2"], &[], &["5fd4a1", "5fd4a2"]);
    }
}
