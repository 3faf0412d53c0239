//! Owns what was asked of an engine's numbers before it was started: the precision of weights and KV cache.
//! Must not know how many bytes that is.

use super::{Adapter, Serving};
use crate::engine::shape::{Asked, Precision};

/// Arguments with which an engine takes another config than its model's.
const RESHAPING: [&str; 3] = ["--hf-overrides", "--json-model-override-args", "--config"];

impl Adapter {
    /// What was asked of the precision of its numbers.
    ///
    /// # Errors
    /// Where its model need not be what its config says, as a sentence.
    pub fn precision(&self, serving: &Serving<'_>) -> Result<Precision, String> {
        if let Some(argument) = RESHAPING.iter().find(|flag| serving.names(flag)) {
            return Err(format!(
                "engine.extra_args has {argument}, so that the model need not be what its config says."
            ));
        }
        let quantisation = ["quantization", "quantize"].map(|key| self.asked(key, serving));
        Ok(Precision {
            dtype: self.asked("dtype", serving),
            kv_cache: self.asked("kv_cache_dtype", serving),
            quantisation: quantisation.into_iter().find(|asked| *asked != Asked::Nothing).unwrap_or(Asked::Nothing),
        })
    }

    /// What was asked of the parameter of a key.
    fn asked(&self, key: &str, serving: &Serving<'_>) -> Asked {
        let entry = self.entries.iter().find(|entry| entry.parameter.key == key);
        if let Some(flag) = entry.and_then(|entry| entry.flag.name()).filter(|flag| serving.names(flag)) {
            return Asked::Unknown(format!("engine.extra_args has {flag}: give it as engine.params.{key}."));
        }
        self.value(key, serving).map_or(Asked::Nothing, |value| Asked::Value(value.to_string()))
    }
}

impl Serving<'_> {
    /// The arguments that follow all others name this flag.
    fn names(&self, flag: &str) -> bool {
        self.extra
            .iter()
            .any(|word| word.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
    }
}
