//! Owns the presets: plans with a name that the command line and the page offer.
//! Must not know how plans are executed.

use crate::plan::Plan;

/// A plan with a name and a line that says what it is for.
pub struct Preset {
    /// Name on the command line.
    pub key: &'static str,
    /// Title on the page.
    pub title: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The plan, TOML.
    pub toml: &'static str,
}

/// All presets, in the order of the page.
pub const PRESETS: [Preset; 3] = [
    Preset {
        key: "first",
        title: "First run",
        about: "Half a minute on the built-in engine: see the whole way once.",
        toml: include_str!("../presets/first.toml"),
    },
    Preset {
        key: "latency",
        title: "Latency",
        about: "Few requests at once: how fast is one answer?",
        toml: include_str!("../presets/latency.toml"),
    },
    Preset {
        key: "throughput",
        title: "Throughput",
        about: "From one request to many at once: how much does the engine carry?",
        toml: include_str!("../presets/throughput.toml"),
    },
];

/// The plan of a preset by its key.
#[must_use]
pub fn find(key: &str) -> Option<Plan> {
    PRESETS.iter().find(|p| p.key == key).and_then(|p| Plan::from_toml(p.toml).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_valid_plan_and_survives_both_forms() {
        for preset in &PRESETS {
            let plan = Plan::from_toml(preset.toml).unwrap();
            assert_eq!(Plan::from_toml(&plan.to_toml()).as_ref(), Ok(&plan), "{}", preset.key);
            assert_eq!(Plan::from_json(&serde_json::to_string(&plan).unwrap()).as_ref(), Ok(&plan));
        }
    }
}
