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
}

/// All presets, in the order of the page.
pub const PRESETS: [Preset; 13] = [
    Preset { key: "first", title: "First run", about: "Half a minute on the built-in engine: see the whole way once." },
    Preset { key: "latency", title: "Latency", about: "Few requests at once: how fast is one answer?" },
    Preset {
        key: "throughput",
        title: "Throughput",
        about: "From one request to many at once: how much does the engine carry?",
    },
    Preset {
        key: "sweep",
        title: "Engine sweep",
        about: "The built-in engine with and without KV cache and batches: what is each worth?",
    },
    Preset { key: "study_vllm", title: "Study: vLLM", about: "Llama-2-7B on one GPU, launched on this host." },
    Preset { key: "study_tgi", title: "Study: TGI", about: "The same in its last image, by Docker." },
    Preset {
        key: "study_baseline",
        title: "Study: baseline",
        about: "The same with Transformers' own generate, in static batches.",
    },
    Preset {
        key: "kv_vllm",
        title: "KV cache: vLLM",
        about: "1,000 requests, 128 at once: how full is the cache, and how many requests fill it?",
    },
    Preset {
        key: "kv_sglang",
        title: "KV cache: SGLang",
        about: "The same on SGLang, which tells its cache's use, too.",
    },
    Preset { key: "kv_tgi", title: "KV cache: TGI", about: "The same, whose use shows in the device's memory alone." },
    Preset {
        key: "kv_llama_server",
        title: "KV cache: llama.cpp",
        about: "The same on llama.cpp's server with a GGUF file of yours, whose use shows in the device's memory alone.",
    },
    Preset {
        key: "kv_baseline",
        title: "KV cache: baseline",
        about: "The same with Transformers' own generate, which measures its cache.",
    },
    Preset {
        key: "kv_builtin",
        title: "KV cache: built-in",
        about: "A minute on the built-in engine: its cache measured, and by arithmetic.",
    },
];

/// The TOML of a preset by its key. Apart from the cards, since the page gets plans from the agent.
#[must_use]
pub fn toml(key: &str) -> Option<&'static str> {
    Some(match key {
        "first" => include_str!("../presets/first.toml"),
        "latency" => include_str!("../presets/latency.toml"),
        "throughput" => include_str!("../presets/throughput.toml"),
        "sweep" => include_str!("../presets/sweep.toml"),
        "study_vllm" => include_str!("../presets/study_vllm.toml"),
        "study_tgi" => include_str!("../presets/study_tgi.toml"),
        "study_baseline" => include_str!("../presets/study_baseline.toml"),
        "kv_vllm" => include_str!("../presets/kv_vllm.toml"),
        "kv_sglang" => include_str!("../presets/kv_sglang.toml"),
        "kv_tgi" => include_str!("../presets/kv_tgi.toml"),
        "kv_llama_server" => include_str!("../presets/kv_llama_server.toml"),
        "kv_baseline" => include_str!("../presets/kv_baseline.toml"),
        "kv_builtin" => include_str!("../presets/kv_builtin.toml"),
        _ => return None,
    })
}

/// The plan of a preset by its key.
#[must_use]
pub fn find(key: &str) -> Option<Plan> {
    Plan::from_toml(toml(key)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_valid_plan_and_survives_both_forms() {
        for preset in &PRESETS {
            let plan = Plan::from_toml(toml(preset.key).unwrap()).unwrap();
            assert_eq!(Plan::from_toml(&plan.to_toml()).as_ref(), Ok(&plan), "{}", preset.key);
            assert_eq!(Plan::from_json(&serde_json::to_string(&plan).unwrap()).as_ref(), Ok(&plan));
        }
    }
}
