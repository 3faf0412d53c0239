//! Owns the shape of an engine's model, and what follows from it: parameters, bytes, KV cache, work a token.
//! Must not know where a shape is read from, nor the hardware that computes it.

use serde::{Deserialize, Serialize};

/// The shape of a decoder-only transformer. Its arithmetic is exact for the families that are read, and no other is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelShape {
    /// Whose arithmetic it has, as its config names it: `llama`, `qwen3_moe`.
    pub family: String,
    /// Decoder layers.
    pub layers: u32,
    /// Width of the residual stream.
    pub hidden_size: u32,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads.
    pub kv_heads: u32,
    /// Width of a head.
    pub head_dim: u32,
    /// Width of the feed-forward part; of one expert where every layer is a mixture.
    pub ffn_size: u32,
    /// Rows of the embedding table.
    pub vocabulary: u32,
    /// The output head is the embedding table.
    pub tied_embeddings: bool,
    /// Mixture of experts, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<Experts>,
    /// How far back its layers look.
    #[serde(default)]
    pub attention: Attention,
    /// All parameters; tied tables count once.
    pub parameters: u64,
    /// Those that one token goes through, tables included; all of them where there are no experts.
    pub active_parameters: u64,
    /// Bytes of a weight, their mean where weights are quantised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_weight: Option<f64>,
    /// Bytes of a weight of the embedding table, which quantisation leaves alone, and of what layers hand on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_element: Option<f64>,
    /// Bytes of an element of the KV cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_kv_element: Option<f64>,
    /// Why some of these bytes are unknown, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// A mixture of experts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Experts {
    /// Experts of a layer that a token is routed to one or several of; shared ones are not among them.
    pub total: u32,
    /// Those that compute one token.
    pub active: u32,
    /// Width of one.
    pub ffn_size: u32,
    /// Layers that have them.
    pub layers: u32,
}

/// How far back the layers of a model look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// Every layer sees the whole text.
    #[default]
    Full,
    /// Every layer sees this many tokens.
    Window(u32),
    /// Some layers see this many tokens, others the whole text.
    Mixed(u32),
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

impl ModelShape {
    /// Parameters of the embedding table, which are those of the output head, too: vocabulary × hidden size.
    #[must_use]
    pub fn table_parameters(&self) -> u64 {
        u64::from(self.vocabulary) * u64::from(self.hidden_size)
    }

    /// Parameters of the layers that one token goes through: no table is among them.
    #[must_use]
    pub fn layer_parameters(&self) -> u64 {
        let tables = if self.tied_embeddings { 1 } else { 2 };
        self.active_parameters.saturating_sub(tables * self.table_parameters())
    }

    /// Bytes of all weights: parameters × bytes of a weight.
    #[must_use]
    pub fn weight_bytes(&self) -> Option<u64> {
        Some((self.parameters as f64 * self.bytes_per_weight?).round() as u64)
    }

    /// Bytes of the weights that a decode step reads at the least, however large its batch ("weight bytes" of
    /// `bandwidth_floor` in the definitions of metrics).
    ///
    /// All weights, without
    /// - the embedding table, of which a row for each token is looked up; a tied one is read as the output head, and
    ///   left out only where weights are quantised, since their files may hold it twice;
    /// - experts that no token is routed to: all tokens of a batch may choose the same, so that as many are certain as
    ///   one token needs.
    #[must_use]
    pub fn step_weight_bytes(&self) -> Option<u64> {
        let (weight, element) = (self.bytes_per_weight?, self.bytes_per_element?);
        let is_looked_up = !self.tied_embeddings || weight < element;
        let table = if is_looked_up { self.table_parameters() as f64 * element.max(weight) } else { 0.0 };
        let read = self.active_parameters as f64 * weight - table;
        Some(read.max(0.0).floor() as u64)
    }

    /// Bytes of the KV cache that one token takes: 2 (key and value) × layers × KV heads × head dim × bytes of an
    /// element (`kv_bytes` in the definitions of metrics). Absent where it is not the same for every token.
    #[must_use]
    pub fn kv_bytes_per_token(&self) -> Option<f64> {
        match self.attention {
            Attention::Full | Attention::Window(_) => self.all_layers_kv_bytes(),
            Attention::Mixed(_) | Attention::Unknown => None,
        }
    }

    /// Bytes of the KV cache that a decode step reads for one sequence of so many tokens: those that layers see.
    /// Absent where some layers see fewer of them than others.
    #[must_use]
    pub fn kv_bytes_read(&self, tokens: f64) -> Option<f64> {
        let seen = match self.attention {
            Attention::Full => tokens,
            Attention::Window(window) => tokens.min(f64::from(window)),
            Attention::Mixed(window) if tokens <= f64::from(window) => tokens,
            Attention::Mixed(_) | Attention::Unknown => return None,
        };
        Some(self.all_layers_kv_bytes()? * seen)
    }

    fn all_layers_kv_bytes(&self) -> Option<f64> {
        let elements = 2 * u64::from(self.layers) * u64::from(self.kv_heads) * u64::from(self.head_dim);
        Some(elements as f64 * self.bytes_per_kv_element?)
    }
}

/// Llama-2-7B in float16, whose bytes stand in its papers and everybody's notes.
#[cfg(test)]
pub(crate) fn llama_2_7b() -> ModelShape {
    ModelShape {
        family: "llama".into(),
        layers: 32,
        hidden_size: 4096,
        heads: 32,
        kv_heads: 32,
        head_dim: 128,
        ffn_size: 11_008,
        vocabulary: 32_000,
        parameters: 6_738_415_616,
        active_parameters: 6_738_415_616,
        bytes_per_weight: Some(2.0),
        bytes_per_element: Some(2.0),
        bytes_per_kv_element: Some(2.0),
        ..ModelShape::default()
    }
}

#[cfg(test)]
mod tests {
    use super::llama_2_7b as llama;
    use super::*;

    #[test]
    fn bytes_of_llama() {
        let llama = llama();
        assert_eq!(llama.weight_bytes(), Some(13_476_831_232));
        assert_eq!(llama.step_weight_bytes(), Some(13_476_831_232 - 2 * 32_000 * 4096));
        assert_eq!(llama.kv_bytes_per_token(), Some(524_288.0));
        assert_eq!(llama.kv_bytes_read(4096.0), Some(2.0 * 1024.0 * 1024.0 * 1024.0));
        assert_eq!(llama.layer_parameters(), 6_738_415_616 - 2 * 32_000 * 4096);
    }

    #[test]
    fn a_tied_table_is_read_as_the_head_and_a_quantised_one_may_not_be() {
        let tied = ModelShape { tied_embeddings: true, ..llama() };
        assert_eq!(tied.step_weight_bytes(), tied.weight_bytes());
        let quantised = ModelShape { bytes_per_weight: Some(0.6), ..tied };
        let all = (6_738_415_616.0_f64 * 0.6).round() as u64;
        assert_eq!(quantised.weight_bytes(), Some(all));
        assert!(quantised.step_weight_bytes().unwrap().abs_diff(all - 2 * 32_000 * 4096) <= 1);
    }

    #[test]
    fn experts_that_nobody_needs_are_not_read() {
        let mixture = ModelShape { active_parameters: 2_000_000_000, ..llama() };
        assert_eq!(mixture.step_weight_bytes(), Some(2 * (2_000_000_000 - 32_000 * 4096)));
        assert_eq!(mixture.weight_bytes(), llama().weight_bytes());
    }

    #[test]
    fn windows_bound_what_is_read() {
        let of = |attention| ModelShape { attention, ..llama() };
        let check = |attention, tokens: f64, expect: Option<f64>| {
            let read = of(attention).kv_bytes_read(tokens).map(|bytes| bytes / 524_288.0);
            assert_eq!(read, expect, "{attention:?} {tokens}");
        };
        check(Attention::Full, 5000.0, Some(5000.0));
        check(Attention::Window(4096), 100.0, Some(100.0));
        check(Attention::Window(4096), 5000.0, Some(4096.0));
        check(Attention::Mixed(4096), 4096.0, Some(4096.0));
        check(Attention::Mixed(4096), 4097.0, None);
        check(Attention::Unknown, 1.0, None);
        assert_eq!(of(Attention::Window(1)).kv_bytes_per_token(), Some(524_288.0));
        assert_eq!(of(Attention::Mixed(4096)).kv_bytes_per_token(), None);
    }

    #[test]
    fn unknown_bytes_stay_unknown_and_are_carried() {
        let shape = ModelShape { bytes_per_weight: None, bytes_per_kv_element: None, ..llama() };
        assert_eq!((shape.weight_bytes(), shape.step_weight_bytes(), shape.kv_bytes_per_token()), (None, None, None));
        let written = serde_json::to_string(&shape).unwrap();
        assert_eq!(serde_json::from_str::<ModelShape>(&written).unwrap(), shape);
        let later: Attention = serde_json::from_str("\"chunked\"").unwrap();
        assert_eq!(later, Attention::Unknown);
    }
}
