//! Owns the engine configurations of a plan and its points: configurations × load levels.
//! Must not know how an engine is configured.

use super::{Level, Plan};
use crate::engine::ParamValue;
use crate::ids::ConfigurationIndex;
use std::collections::BTreeMap;

/// One way in which the plan's engine is started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configuration {
    /// All its parameters: those of the plan, and its own values of those that vary.
    pub params: BTreeMap<String, ParamValue>,
    /// Its own values of those that vary.
    pub varied: Vec<(String, ParamValue)>,
}

impl Configuration {
    /// What tells it from the others: "max_num_seqs 64, prefix_caching off"; empty where nothing varies.
    #[must_use]
    pub fn words(&self) -> String {
        let words: Vec<String> = self.varied.iter().map(|(key, value)| format!("{key} {value}")).collect();
        words.join(", ")
    }
}

/// A point as it is planned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlannedPoint {
    /// The engine's configuration.
    pub configuration: ConfigurationIndex,
    /// How hard it is asked.
    pub level: Level,
}

impl Plan {
    /// The engine's configurations: the product of what varies, keys in alphabetical order, the last one fastest. One
    /// where nothing varies.
    #[must_use]
    pub fn configurations(&self) -> Vec<Configuration> {
        let base = Configuration { params: self.engine.params.clone(), varied: Vec::new() };
        self.engine.vary.iter().fold(vec![base], |configurations, (key, values)| {
            let with = |configuration: &Configuration, value: &ParamValue| {
                let mut with = configuration.clone();
                with.params.insert(key.clone(), value.clone());
                with.varied.push((key.clone(), value.clone()));
                with
            };
            configurations.iter().flat_map(|c| values.iter().map(move |value| with(c, value))).collect()
        })
    }

    /// Points that the plan names; none where a search finds them. Point `c × levels + l` is the level `l` at the
    /// configuration `c`, so that a plan whose engine does not vary numbers its points as it numbers its levels.
    #[must_use]
    pub fn points(&self) -> Vec<PlannedPoint> {
        let levels = self.load.levels();
        let configurations = 0..self.configurations().len() as ConfigurationIndex;
        configurations
            .flat_map(|configuration| levels.iter().map(move |level| PlannedPoint { configuration, level: *level }))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(engine: &str) -> Plan {
        Plan::from_toml(&format!(
            "schema = 1\nname = \"x\"\n[workload]\ninput_tokens = 8\noutput_tokens = 4\n[load]\nconcurrency = [1, 16]\n\
             requests = 32\n[engine]\nkind = \"builtin\"\n{engine}"
        ))
        .unwrap()
    }

    fn check(engine: &str, configurations: &[&str], points: &[(u32, u32)]) {
        let plan = plan(engine);
        let words: Vec<String> = plan.configurations().iter().map(Configuration::words).collect();
        assert_eq!(words, configurations, "{engine}");
        let expect = points.iter().map(|(c, n)| PlannedPoint { configuration: *c, level: Level::Concurrency(*n) });
        assert_eq!(plan.points(), expect.collect::<Vec<_>>(), "{engine}");
    }

    #[test]
    fn points_are_configurations_times_levels() {
        check("", &[""], &[(0, 1), (0, 16)]);
        check("params = { batch = 4 }", &[""], &[(0, 1), (0, 16)]);
        check(
            "params = { seed = 3 }\nvary = { kv_cache = [true, false], batch = [1, 8] }",
            &["batch 1, kv_cache on", "batch 1, kv_cache off", "batch 8, kv_cache on", "batch 8, kv_cache off"],
            &[(0, 1), (0, 16), (1, 1), (1, 16), (2, 1), (2, 16), (3, 1), (3, 16)],
        );
    }

    #[test]
    fn a_configuration_has_the_plans_parameters_too() {
        let configurations = plan("params = { seed = 3 }\nvary = { batch = [1, 8] }").configurations();
        let of = |place: usize, key: &str| configurations[place].params.get(key).cloned();
        assert_eq!((of(1, "seed"), of(1, "batch")), (Some(ParamValue::Int(3)), Some(ParamValue::Int(8))));
    }
}
