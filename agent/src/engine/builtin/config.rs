//! Owns the size presets of the built-in model and the shapes they stand for.
//! Must not know weights, scheduling or HTTP.

use super::token::VOCAB_SIZE;
use shared::engine::ModelShape;

/// Bytes of every number: all are f32.
const BYTES: usize = size_of::<f32>();

/// How large a model the built-in engine builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Preset {
    /// About 1 million parameters: fast on any machine, for tests and first runs.
    #[value(name = "1m")]
    P1m,
    /// About 15 million parameters.
    #[value(name = "15m")]
    P15m,
    /// About 110 million parameters: slow enough on a CPU for the KV cache to matter a lot.
    #[value(name = "110m")]
    P110m,
}

impl Preset {
    /// The preset's name as plans and the command line write it.
    pub fn name(self) -> &'static str {
        match self {
            Preset::P1m => "1m",
            Preset::P15m => "15m",
            Preset::P110m => "110m",
        }
    }

    /// The shapes of this preset.
    pub fn config(self) -> ModelConfig {
        let (hidden_size, layers, heads, kv_heads, ffn_size, max_model_len) = match self {
            Preset::P1m => (128, 5, 4, 2, 384, 2048),
            Preset::P15m => (384, 9, 6, 2, 1088, 2048),
            Preset::P110m => (768, 12, 12, 4, 3264, 1024),
        };
        ModelConfig {
            hidden_size,
            layers,
            heads,
            kv_heads,
            ffn_size,
            max_model_len,
            rope_theta: 10_000.0,
            rms_eps: 1e-5,
        }
    }
}

impl std::fmt::Display for Preset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The shapes of a Llama: grouped-query attention, SwiGLU, RMSNorm, rotary positions, untied output head.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Number of decoder layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of the feed-forward layer.
    pub ffn_size: usize,
    /// Longest sequence (prompt and output), in tokens.
    pub max_model_len: usize,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Epsilon of RMSNorm.
    pub rms_eps: f64,
}

impl ModelConfig {
    /// Width of one head.
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.heads
    }

    /// Width of all key (or value) heads together.
    pub fn kv_size(&self) -> usize {
        self.kv_heads * self.head_dim()
    }

    /// Number of parameters of the model.
    pub fn parameters(&self) -> usize {
        let attention = 2 * self.hidden_size * self.hidden_size + 2 * self.hidden_size * self.kv_size();
        let feed_forward = 3 * self.hidden_size * self.ffn_size;
        let layer = attention + feed_forward + 2 * self.hidden_size;
        self.layers * layer + 2 * VOCAB_SIZE * self.hidden_size + self.hidden_size
    }

    /// KV-cache bytes that one token of one sequence takes: key and value, every layer, 4 bytes a number (f32).
    pub fn kv_bytes_per_token(&self) -> usize {
        2 * self.layers * self.kv_size() * BYTES
    }

    /// The same shapes as they are told of any engine.
    pub fn shape(&self) -> ModelShape {
        let bytes = Some(BYTES as f64);
        ModelShape {
            family: "llama".to_owned(),
            layers: self.layers as u32,
            hidden_size: self.hidden_size as u32,
            heads: self.heads as u32,
            kv_heads: self.kv_heads as u32,
            head_dim: self.head_dim() as u32,
            ffn_size: self.ffn_size as u32,
            vocabulary: VOCAB_SIZE as u32,
            parameters: self.parameters() as u64,
            active_parameters: self.parameters() as u64,
            bytes_per_weight: bytes,
            bytes_per_element: bytes,
            bytes_per_kv_element: bytes,
            ..ModelShape::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_about_the_parameters_they_are_named_for() {
        for (preset, millions) in [(Preset::P1m, 1.0), (Preset::P15m, 15.0), (Preset::P110m, 110.0)] {
            let config = preset.config();
            let ratio = config.parameters() as f64 / (millions * 1e6);
            assert!((0.9..1.1).contains(&ratio), "{preset}: {}", config.parameters());
            assert_eq!(config.heads * config.head_dim(), config.hidden_size);
            assert_eq!(config.heads % config.kv_heads, 0);
            let shape = config.shape();
            assert_eq!(shape.kv_bytes_per_token(), Some(config.kv_bytes_per_token() as f64));
            assert_eq!(shape.weight_bytes(), Some(4 * config.parameters() as u64));
        }
    }
}
