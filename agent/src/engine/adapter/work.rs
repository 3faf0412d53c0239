//! Owns how an engine was asked to work: whether a token costs what its model's shape says, and on how many GPUs.
//! Must not know what is computed of that.

use super::{Adapter, Program, Serving};
use shared::engine::ParamValue;

/// Beginnings of arguments with which an engine guesses tokens before it computes them.
const GUESSING: [&str; 5] = ["--spec", "-sc", "--draft", "-md", "--model-draft"];
/// Arguments with which it keeps the beginnings of prompts.
const KEEPING: [&str; 1] = ["--enable-prefix-caching"];
/// Beginnings of arguments that share the work out among GPUs in other ways than the parameter.
const SHARING: [&str; 10] = [
    "--tensor-parallel",
    "-tp",
    "--tp",
    "--pipeline-parallel",
    "-pp",
    "--pp",
    "--data-parallel",
    "-dp",
    "--dp",
    "--num-shard",
];
/// Parameters that say how many GPUs share each layer.
const PARALLEL: &str = "tensor_parallel_size";

impl Adapter {
    /// Why its work for a token need not be what its model's shape says, as a sentence; nothing where it is.
    #[must_use]
    pub fn other_work(&self, serving: &Serving<'_>) -> Option<String> {
        let why = if self.value("speculative_config", serving).is_some() || begins(serving, &GUESSING) {
            "The engine guesses tokens ahead (speculative decoding), so that a step may give more than one."
        } else if self.value("kv_cache", serving) == Some(ParamValue::Bool(false)) {
            "The engine has no KV cache and computes the whole text anew for each token."
        } else {
            return None;
        };
        Some(why.to_owned())
    }

    /// True where it was asked to keep what prompts begin with (prefix caching), so that it need not compute that again.
    #[must_use]
    pub fn may_keep_prompts(&self, serving: &Serving<'_>) -> bool {
        self.value("prefix_caching", serving) == Some(ParamValue::Bool(true)) || begins(serving, &KEEPING)
    }

    /// How many GPUs it computes on; absent where that is its own choice, or arguments may say otherwise.
    #[must_use]
    pub fn gpus_used(&self, serving: &Serving<'_>) -> Option<u32> {
        if self.program == Program::Baseline {
            return Some(1);
        }
        let is_one_of_ours = self.entries.iter().any(|entry| entry.parameter.key == PARALLEL);
        if !is_one_of_ours || serving.extra.iter().any(|word| SHARING.iter().any(|one| word.starts_with(one))) {
            return None;
        }
        match self.value(PARALLEL, serving) {
            Some(ParamValue::Int(gpus)) => u32::try_from(gpus).ok(),
            Some(_) => None,
            // What each engine with this parameter does without it.
            None => Some(1),
        }
    }
}

/// True where an argument of the plan's own begins with one of these.
fn begins(serving: &Serving<'_>, beginnings: &[&str]) -> bool {
    serving.extra.iter().any(|word| beginnings.iter().any(|one| word.starts_with(one)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::engine::EngineKind;
    use std::collections::BTreeMap;

    fn check(kind: EngineKind, params: &str, extra: &[&str], words: Option<&str>, gpus: Option<u32>) {
        let params: BTreeMap<String, ParamValue> = serde_json::from_str(params).unwrap();
        let extra: Vec<String> = extra.iter().map(|word| (*word).to_owned()).collect();
        let serving = Serving { model: "m", name: None, params: &params, extra: &extra, reuses_prefixes: false };
        let adapter = Adapter::of(kind).unwrap();
        let why = adapter.other_work(&serving);
        assert_eq!(why.is_some(), words.is_some(), "{why:?}");
        assert!(words.is_none_or(|words| why.clone().unwrap().contains(words)), "{why:?}");
        assert_eq!(adapter.gpus_used(&serving), gpus, "{extra:?}");
    }

    #[test]
    fn work_that_is_not_the_shapes() {
        use EngineKind::{Builtin, LlamaServer, Sglang, Tgi, Transformers, Vllm};
        check(Vllm, "{}", &[], None, Some(1));
        check(Vllm, r#"{"tensor_parallel_size": 4}"#, &["--no-enable-prefix-caching"], None, Some(4));
        check(Vllm, r#"{"speculative_config": "{}"}"#, &[], Some("guesses"), Some(1));
        check(Vllm, "{}", &["--speculative-config={}"], Some("guesses"), Some(1));
        check(Vllm, r#"{"prefix_caching": true}"#, &["-pp", "2"], None, None);
        check(Vllm, "{}", &["--enable-prefix-caching"], None, Some(1));
        check(Sglang, "{}", &["--speculative-algorithm", "EAGLE"], Some("guesses"), Some(1));
        check(Tgi, "{}", &["--speculate", "2"], Some("guesses"), None);
        check(LlamaServer, "{}", &["-md", "small.gguf"], Some("guesses"), None);
        check(Transformers, r#"{"kv_cache": false}"#, &[], Some("no KV cache"), Some(1));
        check(Builtin, "{}", &[], None, None);
    }

    #[test]
    fn what_prompts_begin_with_may_be_kept_where_that_was_asked_for() {
        let check = |params: &str, extra: &[&str], expect: bool| {
            let params: BTreeMap<String, ParamValue> = serde_json::from_str(params).unwrap();
            let extra: Vec<String> = extra.iter().map(|word| (*word).to_owned()).collect();
            let serving = Serving { model: "m", name: None, params: &params, extra: &extra, reuses_prefixes: false };
            assert_eq!(Adapter::of(EngineKind::Vllm).unwrap().may_keep_prompts(&serving), expect, "{extra:?}");
        };
        check("{}", &[], false);
        check(r#"{"prefix_caching": true}"#, &[], true);
        check(r#"{"prefix_caching": false}"#, &["--no-enable-prefix-caching"], false);
        check("{}", &["--enable-prefix-caching"], true);
    }
}
