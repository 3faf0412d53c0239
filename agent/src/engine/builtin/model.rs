//! Owns the Llama forward pass: rows of different lengths in one batch, with or without a KV cache.
//! Must not know sampling, scheduling or HTTP.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Embedding, Linear, Module, RmsNorm, ops, rotary_emb};

use super::config::ModelConfig;
use super::token::{PAD, VOCAB_SIZE};
use super::weights::Weights;

/// Score of a key that a query must not see. Finite, so that a padding query, which sees nothing, stays a number.
const MASKED: f32 = -1e30;
/// Queries handled at once by attention: bounds the score matrix of a long prompt.
const QUERY_BLOCK: usize = 256;

/// A batch of prompts padded on the left to one length, so that all rows end, and go on, at the same column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Padded {
    /// Row after row, `width` tokens each.
    pub tokens: Vec<u32>,
    /// Columns at the start of each row that hold no token.
    pub padding: Vec<usize>,
    /// Columns of each row.
    pub width: usize,
}

impl Padded {
    /// Pads `rows` on the left to the longest of them.
    pub fn left<'a>(rows: impl IntoIterator<Item = &'a [u32]> + Clone) -> Self {
        let width = rows.clone().into_iter().map(<[u32]>::len).max().unwrap_or(0);
        let mut tokens = Vec::new();
        let mut padding = Vec::new();
        for row in rows {
            let pad = width - row.len();
            tokens.extend(std::iter::repeat_n(PAD, pad));
            tokens.extend_from_slice(row);
            padding.push(pad);
        }
        Self { tokens, padding, width }
    }
}

/// Keys and values of one layer: `[rows, kv_heads, max_tokens, head_dim]`, written in place.
struct LayerCache {
    key: Tensor,
    value: Tensor,
}

/// The KV cache: allocated once for the largest batch, filled column by column.
pub struct KvCache {
    layers: Vec<LayerCache>,
    rows: usize,
    columns: usize,
}

impl KvCache {
    /// Allocates room for `max_rows` sequences of `max_tokens` tokens (pages are touched only when written).
    pub fn new(config: &ModelConfig, max_rows: usize, max_tokens: usize) -> Result<Self> {
        let shape = (max_rows, config.kv_heads, max_tokens, config.head_dim());
        let zeros = || Tensor::zeros(shape, DType::F32, &Device::Cpu);
        let layers =
            (0..config.layers).map(|_| Ok(LayerCache { key: zeros()?, value: zeros()? })).collect::<Result<_>>()?;
        Ok(Self { layers, rows: 0, columns: 0 })
    }

    /// Forgets what is held and makes room for a batch of `rows` sequences.
    pub fn reset(&mut self, rows: usize) {
        self.rows = rows;
        self.columns = 0;
    }

    /// Bytes of the tensors behind the cache.
    pub fn capacity_bytes(&self) -> usize {
        self.layers.iter().map(|layer| tensor_bytes(&layer.key) + tensor_bytes(&layer.value)).sum()
    }

    /// Bytes of the filled part, padding included, read from the tensors that attention reads.
    pub fn held_bytes(&self) -> Result<usize> {
        let mut bytes = 0;
        for layer in &self.layers {
            bytes += tensor_bytes(&self.filled(&layer.key, self.columns)?);
            bytes += tensor_bytes(&self.filled(&layer.value, self.columns)?);
        }
        Ok(bytes)
    }

    fn filled(&self, tensor: &Tensor, columns: usize) -> Result<Tensor> {
        tensor.narrow(0, 0, self.rows)?.narrow(2, 0, columns)
    }

    /// Writes the keys and values of new columns and returns all that the layer now holds.
    fn append(&self, layer: usize, key: &Tensor, value: &Tensor) -> Result<(Tensor, Tensor)> {
        let Some(cache) = self.layers.get(layer) else { candle_core::bail!("the KV cache has no layer {layer}") };
        let columns = self.columns + key.dim(2)?;
        for (target, new) in [(&cache.key, key), (&cache.value, value)] {
            target.narrow(0, 0, self.rows)?.slice_set(&new.contiguous()?, 2, self.columns)?;
        }
        Ok((self.filled(&cache.key, columns)?, self.filled(&cache.value, columns)?))
    }
}

fn tensor_bytes(tensor: &Tensor) -> usize {
    tensor.elem_count() * tensor.dtype().size_in_bytes()
}

struct Layer {
    attention_norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    ffn_norm: RmsNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
}

/// What every layer of one forward pass shares.
struct Pass {
    cos: Tensor,
    sin: Tensor,
    /// `[rows, 1, queries, keys]`, absent when every query may see every key.
    mask: Option<Tensor>,
}

/// The model: random weights, f32, on the CPU.
pub struct Llama {
    config: ModelConfig,
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: RmsNorm,
    head: Linear,
    cos: Tensor,
    sin: Tensor,
}

impl Llama {
    /// Builds the model with weights drawn from `seed`.
    pub fn new(config: ModelConfig, seed: u64) -> Result<Self> {
        let mut weights = Weights::new(seed);
        let (hidden, kv, ffn) = (config.hidden_size, config.kv_size(), config.ffn_size);
        let norm = || {
            Ok::<_, candle_core::Error>(RmsNorm::new(Tensor::ones(hidden, DType::F32, &Device::Cpu)?, config.rms_eps))
        };
        let embedding = Embedding::new(weights.uniform((VOCAB_SIZE, hidden), 1.0)?, hidden);
        let mut layers = Vec::with_capacity(config.layers);
        for _ in 0..config.layers {
            layers.push(Layer {
                attention_norm: norm()?,
                query: weights.linear(hidden, hidden)?,
                key: weights.linear(hidden, kv)?,
                value: weights.linear(hidden, kv)?,
                output: weights.linear(hidden, hidden)?,
                ffn_norm: norm()?,
                gate: weights.linear(hidden, ffn)?,
                up: weights.linear(hidden, ffn)?,
                down: weights.linear(ffn, hidden)?,
            });
        }
        let head = weights.linear(hidden, VOCAB_SIZE)?;
        let (cos, sin) = rotary_tables(&config)?;
        Ok(Self { norm: norm()?, embedding, layers, head, cos, sin, config })
    }

    /// The model's shapes.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Runs the columns of `input` and returns the logits of the last one, `[rows, VOCAB_SIZE]`.
    ///
    /// With a cache, `input` holds the columns that follow the ones held, and `input.padding` counts from column 0.
    pub fn forward(&self, input: &Padded, cache: Option<&mut KvCache>) -> Result<Tensor> {
        let rows = input.padding.len();
        let start = cache.as_ref().map_or(0, |cache| cache.columns);
        let pass = self.pass(input, start)?;
        let tokens = Tensor::from_slice(&input.tokens, (rows, input.width), &Device::Cpu)?;
        let mut hidden = self.embedding.forward(&tokens)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let attended =
                self.attend(layer, index, &layer.attention_norm.forward(&hidden)?, &pass, cache.as_deref())?;
            hidden = (hidden + attended)?;
            let normed = layer.ffn_norm.forward(&hidden)?;
            let gated = (ops::silu(&layer.gate.forward(&normed)?)? * layer.up.forward(&normed)?)?;
            hidden = (hidden + layer.down.forward(&gated)?)?;
        }
        if let Some(cache) = cache {
            cache.columns += input.width;
        }
        let last = hidden.narrow(1, input.width - 1, 1)?.contiguous()?;
        self.head.forward(&self.norm.forward(&last)?)?.squeeze(1)
    }

    fn pass(&self, input: &Padded, start: usize) -> Result<Pass> {
        let (rows, width) = (input.padding.len(), input.width);
        let positions: Vec<u32> = input
            .padding
            .iter()
            .flat_map(|pad| (start..start + width).map(move |column| column.saturating_sub(*pad) as u32))
            .collect();
        let positions = Tensor::from_vec(positions, rows * width, &Device::Cpu)?;
        let table = |table: &Tensor| table.index_select(&positions, 0)?.reshape((rows, width, ()));
        let mask = if width == 1 && input.padding.iter().all(|pad| *pad == 0) {
            None
        } else {
            let keys = start + width;
            let mut mask = vec![MASKED; rows * width * keys];
            let queries = input.padding.iter().flat_map(|pad| (start..keys).map(move |query| (*pad, query)));
            for (scores, (pad, query)) in mask.chunks_exact_mut(keys).zip(queries) {
                if let Some(seen) = scores.get_mut(pad..=query) {
                    seen.fill(0.0);
                }
            }
            Some(Tensor::from_vec(mask, (rows, 1, width, keys), &Device::Cpu)?)
        };
        Ok(Pass { cos: table(&self.cos)?, sin: table(&self.sin)?, mask })
    }

    fn attend(&self, layer: &Layer, index: usize, x: &Tensor, pass: &Pass, cache: Option<&KvCache>) -> Result<Tensor> {
        let (rows, width, hidden) = x.dims3()?;
        let (heads, kv_heads, head_dim) = (self.config.heads, self.config.kv_heads, self.config.head_dim());
        let split = |projected: Tensor, heads: usize| {
            projected.reshape((rows, width, heads, head_dim))?.transpose(1, 2)?.contiguous()
        };
        let query = rotary_emb::rope(&split(layer.query.forward(x)?, heads)?, &pass.cos, &pass.sin)?;
        let query = (query * (1.0 / (head_dim as f64).sqrt()))?;
        let key = rotary_emb::rope(&split(layer.key.forward(x)?, kv_heads)?, &pass.cos, &pass.sin)?;
        let value = split(layer.value.forward(x)?, kv_heads)?;
        let (key, value) = match cache {
            Some(cache) => cache.append(index, &key, &value)?,
            None => (key, value),
        };
        let keys = key.dim(2)?;
        let key = key.t()?;
        let group = heads / kv_heads;
        let mut blocks = Vec::new();
        for from in (0..width).step_by(QUERY_BLOCK) {
            let queries = QUERY_BLOCK.min(width - from);
            // The query heads that share a key head are stacked, so that keys are not repeated in memory.
            let block = query.narrow(2, from, queries)?.contiguous()?;
            let block = block.reshape((rows, kv_heads, group * queries, head_dim))?;
            let mut scores = block.matmul(&key)?.reshape((rows, heads, queries, keys))?;
            if let Some(mask) = &pass.mask {
                scores = scores.broadcast_add(&mask.narrow(2, from, queries)?)?;
            }
            let weights = ops::softmax_last_dim(&scores)?.reshape((rows, kv_heads, group * queries, keys))?;
            blocks.push(weights.matmul(&value)?.reshape((rows, heads, queries, head_dim))?);
        }
        let attended = if blocks.len() == 1 { blocks.remove(0) } else { Tensor::cat(&blocks, 2)? };
        let attended = attended.transpose(1, 2)?.contiguous()?.reshape((rows, width, hidden))?;
        layer.output.forward(&attended)
    }
}

/// Cosines and sines of every position, `[max_model_len, head_dim / 2]` (RoFormer, Su et al. 2021, eq. 15).
fn rotary_tables(config: &ModelConfig) -> Result<(Tensor, Tensor)> {
    let half = config.head_dim() / 2;
    let mut angles = Vec::with_capacity(config.max_model_len * half);
    for position in 0..config.max_model_len {
        for pair in 0..half {
            let frequency = config.rope_theta.powf(-(2.0 * pair as f64) / config.head_dim() as f64);
            angles.push((position as f64 * frequency) as f32);
        }
    }
    let angles = Tensor::from_vec(angles, (config.max_model_len, half), &Device::Cpu)?;
    Ok((angles.cos()?, angles.sin()?))
}

#[cfg(test)]
mod tests;
