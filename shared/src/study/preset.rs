//! Owns the study presets: studies with a name that the command line and the page offer.
//! Must not know how studies are executed.

use super::plan::StudyPlan;

/// A study with a name and a line that says what it is for.
pub struct StudyPreset {
    /// Name on the command line.
    pub key: &'static str,
    /// Title on the page.
    pub title: &'static str,
    /// What it is for.
    pub about: &'static str,
}

/// All study presets, in the order of the page.
pub const PRESETS: [StudyPreset; 6] = [
    StudyPreset { key: "latency", title: "Latency", about: "1, 2 and 4 at once, 256 tokens: how fast is one answer?" },
    StudyPreset {
        key: "throughput",
        title: "Throughput",
        about: "From 1 to 128 at once, 64 tokens: how much does an engine carry?",
    },
    StudyPreset { key: "kv_cache", title: "KV cache", about: "With and without: what is remembering worth?" },
    StudyPreset {
        key: "decomposition",
        title: "Decomposition",
        about: "On the built-in engine, from nothing on to everything on, one option a step: what is each worth?",
    },
    StudyPreset {
        key: "decomposition_gpu",
        title: "Decomposition on a GPU",
        about: "From Transformers without a KV cache to a full serving engine, one change a step.",
    },
    StudyPreset { key: "ab", title: "A/B", about: "Two configurations measured in turns: is one really faster?" },
];

/// The TOML of a study preset by its key.
#[must_use]
pub fn toml(key: &str) -> Option<&'static str> {
    Some(match key {
        "latency" => include_str!("../../presets/studies/latency.toml"),
        "throughput" => include_str!("../../presets/studies/throughput.toml"),
        "kv_cache" => include_str!("../../presets/studies/kv_cache.toml"),
        "decomposition" => include_str!("../../presets/studies/decomposition.toml"),
        "decomposition_gpu" => include_str!("../../presets/studies/decomposition_gpu.toml"),
        "ab" => include_str!("../../presets/studies/ab.toml"),
        _ => return None,
    })
}

/// The study of a preset by its key.
#[must_use]
pub fn find(key: &str) -> Option<StudyPlan> {
    StudyPlan::from_toml(toml(key)?).ok()
}
