//! Owns how many bytes weights and KV cache take: by what was asked of the engine, by its config, by its files.
//! Must not know the parameters that they are multiplied with.

use super::config::Config;
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What was asked of a value, before the engine was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Asked {
    /// The engine's own choice.
    Nothing,
    /// This.
    Value(String),
    /// Nobody knows; why, as a sentence.
    Unknown(String),
}

impl Asked {
    /// The word that was asked for; nothing for `auto`, which is the engine's own choice.
    ///
    /// # Errors
    /// Why it is unknown.
    fn word(&self) -> Result<Option<&str>, String> {
        match self {
            Asked::Nothing => Ok(None),
            Asked::Value(word) => Ok(Some(word.as_str()).filter(|word| *word != "auto")),
            Asked::Unknown(why) => Err(why.clone()),
        }
    }
}

/// What was asked of an engine's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Precision {
    /// Of weights and activations.
    pub dtype: Asked,
    /// Of the KV cache.
    pub kv_cache: Asked,
    /// How weights are quantised.
    pub quantisation: Asked,
}

/// How many bytes weights take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Weights {
    /// Each so many.
    Each(f64),
    /// All of them so many.
    All(u64),
}

impl Weights {
    /// Bytes of a weight, where there are so many.
    pub fn per_weight(self, parameters: u64) -> f64 {
        match self {
            Weights::Each(bytes) => bytes,
            Weights::All(bytes) => bytes as f64 / parameters as f64,
        }
    }
}

/// Bytes of a model's numbers, or why they are unknown.
#[derive(Debug, PartialEq)]
pub(super) struct Bytes {
    /// Of what layers hand on, and of tables that are not quantised.
    pub element: Result<f64, String>,
    /// Of weights.
    pub weights: Result<Weights, String>,
    /// Of an element of the KV cache.
    pub kv_element: Result<f64, String>,
}

impl Bytes {
    /// What follows from config and questions; `files` is how many bytes the files of quantised weights hold.
    pub fn of(config: &Config, precision: &Precision, files: Option<u64>) -> Self {
        let element =
            precision.dtype.word().and_then(|word| word.map_or(Ok(16), bits).map(|bits| f64::from(bits) / 8.0));
        let weights = match (precision.quantisation.word(), &config.quantisation) {
            (Err(why), _) => Err(why),
            (Ok(_), Some(_)) => files.map(Weights::All).ok_or_else(|| {
                "How many bytes its quantised weights take is unknown: no file beside its config.json says so."
                    .to_owned()
            }),
            (Ok(Some(word)), None) => {
                Err(format!("How many bytes its weights take is unknown: the engine itself makes them {word}."))
            }
            (Ok(None), None) => element.clone().map(Weights::Each),
        };
        // Quantised weights may bring scales for a cache of their own precision, which an engine then takes by itself.
        let brings_cache = config.quantisation.as_ref().is_some_and(|quantisation| {
            let is_said = |key: &str| quantisation.get(key).is_some_and(|said| !said.is_null());
            is_said("kv_cache_scheme") || is_said("kv_cache_quant_algo")
        });
        let kv_element = match precision.kv_cache.word() {
            Err(why) => Err(why),
            Ok(Some(word)) => bits(word).map(|bits| f64::from(bits) / 8.0),
            Ok(None) if brings_cache => {
                Err("The precision of its KV cache is unknown: the model brings one of its own. Name it.".to_owned())
            }
            Ok(None) => element.clone(),
        };
        Self { element, weights, kv_element }
    }
}

/// Bits of a number of this name. Scales that stand beside quantised numbers are not counted.
fn bits(word: &str) -> Result<u32, String> {
    match word {
        "float32" | "fp32" | "float" | "f32" => Ok(32),
        "float16" | "fp16" | "half" | "bfloat16" | "bf16" | "f16" => Ok(16),
        "fp8" | "fp8_e4m3" | "fp8_e4m3fn" | "fp8_e5m2" | "fp8_inc" | "int8" => Ok(8),
        "fp4_e2m1" | "int4" => Ok(4),
        other => Err(format!("How many bytes a number of {other} takes is unknown here.")),
    }
}

#[derive(Deserialize)]
struct Index {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    total_size: u64,
}

/// How many bytes the tensors in a folder hold: as the index of its safetensors says, or as its only file has behind
/// the header (safetensors: eight bytes with the header's length, the header, the tensors).
pub(super) fn of_files(folder: &Path) -> Option<u64> {
    let index = std::fs::read(folder.join("model.safetensors.index.json")).ok();
    if let Some(index) = index {
        return serde_json::from_slice::<Index>(&index).ok().map(|index| index.metadata.total_size);
    }
    let mut file = File::open(folder.join("model.safetensors")).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let all = file.metadata().ok()?.len();
    all.checked_sub(8)?.checked_sub(u64::from_le_bytes(length))
}
