//! Owns the reading of a model's `config.json`: its fields by name, its family, and the parameters that both give.
//! Must not know bytes, nor where the file lies.

use super::family::{Bias, Family, Mixture, Windows};
use serde::Deserialize;
use serde_json::Value;
use shared::engine::{Attention, Experts, ModelShape};

/// A config, and the family that it belongs to.
#[derive(Debug)]
pub(super) struct Config {
    family: &'static Family,
    fields: Fields,
    /// How its weights are stored, where they are quantised.
    pub quantisation: Option<Value>,
    /// It is the text part of a model that has others.
    pub is_nested: bool,
}

/// The fields by their names in the file. Those of one family are absent in another.
#[derive(Debug, Deserialize)]
struct Fields {
    num_hidden_layers: u32,
    hidden_size: u32,
    intermediate_size: u32,
    num_attention_heads: Option<u32>,
    num_key_value_heads: Option<u32>,
    head_dim: Option<u32>,
    vocab_size: Option<u32>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    qkv_bias: Option<bool>,
    mlp_bias: Option<bool>,
    num_local_experts: Option<u32>,
    num_experts: Option<u32>,
    num_experts_per_tok: Option<u32>,
    moe_intermediate_size: Option<u32>,
    shared_expert_intermediate_size: Option<u32>,
    decoder_sparse_step: Option<u32>,
    mlp_only_layers: Option<Vec<u32>>,
    sliding_window: Option<u32>,
    use_sliding_window: Option<bool>,
    max_window_layers: Option<u32>,
    layer_types: Option<Vec<String>>,
}

impl Config {
    /// Reads a config; of a model with several parts that of its text.
    ///
    /// # Errors
    /// Why its arithmetic is unknown, as a sentence.
    pub fn of(text: &str) -> Result<Self, String> {
        let whole: Value = serde_json::from_str(text).map_err(|error| format!("Its config.json is none: {error}."))?;
        let part = whole.get("text_config").filter(|part| part.is_object());
        let mut of_text = part.unwrap_or(&whole).clone();
        if let (Some(tied), Some(fields)) = (whole.get("tie_word_embeddings"), of_text.as_object_mut()) {
            fields.entry("tie_word_embeddings").or_insert_with(|| tied.clone());
        }
        let model_type = of_text.get("model_type").and_then(Value::as_str).unwrap_or("no model_type");
        if whole.get("is_encoder_decoder").and_then(Value::as_bool) == Some(true) {
            return Err(format!(
                "Its config.json says {model_type} with an encoder, whose arithmetic is unknown here."
            ));
        }
        let Some(family) = Family::of(model_type) else {
            return Err(format!("Its config.json says {model_type}, whose arithmetic is unknown here."));
        };
        let said = |key: &str| whole.get(key).or_else(|| of_text.get(key)).filter(|said| said.is_object()).cloned();
        let quantisation = said("quantization_config").or_else(|| said("compression_config"));
        let is_nested = part.is_some();
        let fields = serde_json::from_value(of_text.clone());
        let fields = fields.map_err(|error| format!("Its config.json is not as {model_type} has it: {error}."))?;
        Ok(Self { family, fields, quantisation, is_nested })
    }

    /// The shape, without bytes.
    ///
    /// # Errors
    /// Which field is missing or cannot be, as a sentence.
    pub fn shape(&self) -> Result<ModelShape, String> {
        let Self { family, fields, .. } = self;
        let (default_heads, default_kv_heads, default_vocabulary) = match family.defaults {
            Some((heads, kv_heads, vocabulary)) => (Some(heads), Some(kv_heads), Some(vocabulary)),
            None => (None, None, None),
        };
        let heads = some(fields.num_attention_heads.or(default_heads), "num_attention_heads")?;
        let default_kv_heads = default_kv_heads.or(family.repeats_heads.then_some(heads));
        let head_dim = fields.head_dim.or(family.head_dim);
        let mut shape = ModelShape {
            family: family.name.to_owned(),
            layers: some(Some(fields.num_hidden_layers), "num_hidden_layers")?,
            hidden_size: some(Some(fields.hidden_size), "hidden_size")?,
            heads,
            kv_heads: some(fields.num_key_value_heads.or(default_kv_heads), "num_key_value_heads")?,
            head_dim: some(head_dim.or_else(|| fields.hidden_size.checked_div(heads)), "head_dim")?,
            ffn_size: some(Some(fields.intermediate_size), "intermediate_size")?,
            vocabulary: some(fields.vocab_size.or(default_vocabulary), "vocab_size")?,
            tied_embeddings: fields.tie_word_embeddings.unwrap_or(family.is_tied),
            experts: self.experts()?,
            attention: self.attention()?,
            ..ModelShape::default()
        };
        shape.parameters = self.parameters(&shape).ok_or("Its config.json has numbers that no model has.")?;
        let idle = shape.experts.map_or(0, |experts| {
            let one = 3 * u64::from(shape.hidden_size) * u64::from(experts.ffn_size);
            u64::from(experts.layers) * u64::from(experts.total - experts.active) * one
        });
        shape.active_parameters = shape.parameters - idle;
        Ok(shape)
    }

    fn experts(&self) -> Result<Option<Experts>, String> {
        let fields = &self.fields;
        let Some(mixture) = self.family.mixture else { return Ok(None) };
        let (total, name, ffn_size, layers) = match mixture {
            Mixture::EveryLayer => (
                fields.num_local_experts,
                "num_local_experts",
                Some(fields.intermediate_size),
                fields.num_hidden_layers,
            ),
            Mixture::SomeLayers { .. } => {
                let step = fields.decoder_sparse_step.unwrap_or(1).max(1);
                let is_dense = |layer: &u32| fields.mlp_only_layers.as_ref().is_some_and(|list| list.contains(layer));
                let layers = (0..fields.num_hidden_layers).filter(|n| !is_dense(n) && (n + 1).is_multiple_of(step));
                (fields.num_experts, "num_experts", fields.moe_intermediate_size, layers.count() as u32)
            }
        };
        let total = some(total, name)?;
        let active = some(fields.num_experts_per_tok, "num_experts_per_tok")?;
        if active > total {
            return Err(format!("Its config.json has {active} of {total} experts active."));
        }
        Ok(Some(Experts { total, active, ffn_size: some(ffn_size, "moe_intermediate_size")?, layers }))
    }

    fn attention(&self) -> Result<Attention, String> {
        let fields = &self.fields;
        let window = || some(fields.sliding_window, "sliding_window");
        if let Some(types) = &fields.layer_types {
            let count = |name: &str| types.iter().filter(|kind| *kind == name).count();
            return match (count("full_attention"), count("sliding_attention")) {
                (full, sliding) if full + sliding < types.len() => {
                    Err("Its config.json has layers that are no attention, whose arithmetic is unknown here."
                        .to_owned())
                }
                (_, 0) => Ok(Attention::Full),
                (0, _) => window().map(Attention::Window),
                _ => window().map(Attention::Mixed),
            };
        }
        match (self.family.windows, fields.sliding_window) {
            (Windows::Some, _) => window().map(Attention::Mixed),
            (Windows::All, Some(tokens)) => Ok(Attention::Window(tokens)),
            (Windows::Later, Some(tokens)) if fields.use_sliding_window == Some(true) => {
                match fields.max_window_layers {
                    None => Err(missing("max_window_layers")),
                    Some(0) => Ok(Attention::Window(tokens)),
                    Some(first) if first >= fields.num_hidden_layers => Ok(Attention::Full),
                    Some(_) => Ok(Attention::Mixed(tokens)),
                }
            }
            (Windows::All | Windows::Later, _) => Ok(Attention::Full),
        }
    }

    /// All parameters: embedding table, layers, last norm, and an output head where that is not the table. Absent
    /// where they are more than a number can hold.
    fn parameters(&self, shape: &ModelShape) -> Option<u64> {
        let [hidden, layers] = [shape.hidden_size, shape.layers].map(u64::from);
        let query = u64::from(shape.heads).checked_mul(shape.head_dim.into())?;
        let key = u64::from(shape.kv_heads).checked_mul(shape.head_dim.into())?;
        let biases = match self.family.bias {
            Bias::Qkv if self.fields.qkv_bias != Some(false) => query + 2 * key,
            Bias::Asked if self.fields.attention_bias == Some(true) => query + 2 * key + hidden,
            Bias::None | Bias::Qkv | Bias::Asked => 0,
        };
        let norms =
            self.family.norms * hidden + if self.family.has_qk_norms { 2 * u64::from(shape.head_dim) } else { 0 };
        let attention = hidden.checked_mul((2 * query).checked_add(2 * key)?)?;
        let each = attention.checked_add(biases + norms)?.checked_mul(layers)?;
        let tables = if shape.tied_embeddings { 1 } else { 2 };
        let tables = u64::from(shape.vocabulary).checked_mul(hidden)?.checked_mul(tables)?;
        each.checked_add(self.feed_forward(shape)?)?.checked_add(tables)?.checked_add(hidden)
    }

    /// Parameters of all layers' feed-forward parts: gate, up and down, each hidden size × width.
    fn feed_forward(&self, shape: &ModelShape) -> Option<u64> {
        let [hidden, layers] = [shape.hidden_size, shape.layers].map(u64::from);
        let of_width = |width: u32| hidden.checked_mul(3 * u64::from(width));
        let has_bias = self.family.has_mlp_bias && self.fields.mlp_bias == Some(true);
        let bias = if has_bias { 2 * u64::from(shape.ffn_size) + hidden } else { 0 };
        let dense = of_width(shape.ffn_size)?.checked_add(bias)?;
        let Some(experts) = shape.experts else { return dense.checked_mul(layers) };
        let shared = match self.family.mixture {
            Some(Mixture::SomeLayers { has_shared: true }) => {
                of_width(self.fields.shared_expert_intermediate_size?)?.checked_add(hidden)?
            }
            _ => 0,
        };
        let router = hidden.checked_mul(experts.total.into())?;
        let mixture = of_width(experts.ffn_size)?.checked_mul(experts.total.into())?;
        let mixture = mixture.checked_add(router)?.checked_add(shared)?.checked_mul(experts.layers.into())?;
        dense.checked_mul(layers - u64::from(experts.layers))?.checked_add(mixture)
    }
}

/// A number that must be there and cannot be zero.
fn some(value: Option<u32>, name: &str) -> Result<u32, String> {
    value.filter(|n| *n > 0).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> String {
    format!("Its config.json has no {name}.")
}
