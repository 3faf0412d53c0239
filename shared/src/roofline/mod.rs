//! Owns the least time and the most tokens that hardware allows for a model: floors and ceilings, pure arithmetic.
//! Must not know how anything was measured. Each bound is on the side that no true measurement can beat.

mod limit;

pub use limit::{Bound, Limit, Origin, Seen};

use crate::engine::{EngineInfo, ModelShape, Operands};

/// What an engine's hardware can do at the most, and what its model asks of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Roofline {
    /// GPUs that it is of.
    pub gpus: u32,
    /// Most bytes that their memories give in a second, all together.
    pub bytes_per_s: f64,
    /// Most operations in a second, all together.
    pub flops_per_s: f64,
    /// Bytes that their caches can give in place of their memories.
    cache_bytes: f64,
    /// Bytes of the weights that a step reads.
    pub weight_bytes: u64,
    /// True where the engine may have kept what prompts begin with.
    keeps_prompts: bool,
    shape: ModelShape,
}

/// How long the texts of requests are, means over requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lengths {
    /// Tokens of a prompt.
    pub prompt: f64,
    /// Tokens of an output.
    pub output: f64,
}

impl Lengths {
    /// Tokens that a text has on the mean while it is written: its prompt, and half of its output.
    #[must_use]
    pub fn context(self) -> f64 {
        self.prompt + self.written()
    }

    /// Tokens of those that the engine wrote itself.
    fn written(self) -> f64 {
        self.output / 2.0
    }
}

impl Roofline {
    /// The roofline of an engine.
    ///
    /// # Errors
    /// Why there is none, as a sentence.
    pub fn of(info: &EngineInfo) -> Result<Self, String> {
        let Some(shape) = &info.shape else {
            let why = "The shape of the engine's model is unknown.";
            return Err(info.no_shape.clone().unwrap_or_else(|| why.to_owned()));
        };
        if let Some(why) = &info.other_work {
            return Err(why.clone());
        }
        let unknown =
            || shape.unknown.first().cloned().unwrap_or_else(|| "The bytes of its weights are unknown.".into());
        let weight_bytes = shape.step_weight_bytes().ok_or_else(unknown)?;
        if info.gpus.is_empty() {
            return Err("No GPU is known that the engine computes on.".to_owned());
        }
        // Numbers that are stored narrower than they are handed on may be multiplied as narrow as they are stored.
        let is_narrow = shape.bytes_per_weight.is_some_and(|bytes| bytes < 2.0);
        let operands = if is_narrow { Operands::Eight } else { Operands::Sixteen };
        let mut each = Vec::new();
        for gpu in &info.gpus {
            let bounds = gpu
                .bounds
                .and_then(|bounds| Some((bounds.bytes_per_s()?, bounds.flops_per_s(operands)?, bounds.cache_bytes()?)));
            let name = gpu.name.as_deref().unwrap_or("a GPU");
            each.push(bounds.ok_or_else(|| format!("How much {name} reads and computes in a second is unknown."))?);
        }
        let used = info.gpus_used.map_or(each.len(), |used| (used as usize).min(each.len()));
        // Which ones it computes on is not known: the best of each bound them.
        let best = |of: fn(&(f64, f64, f64)) -> f64| {
            let mut values: Vec<f64> = each.iter().map(of).collect();
            values.sort_unstable_by(|a, b| b.total_cmp(a));
            values.iter().take(used).sum()
        };
        Ok(Self {
            gpus: used as u32,
            bytes_per_s: best(|gpu| gpu.0),
            flops_per_s: best(|gpu| gpu.1),
            cache_bytes: best(|gpu| gpu.2),
            weight_bytes,
            keeps_prompts: info.may_keep_prompts,
            shape: shape.clone(),
        })
    }

    /// The same where the engine was seen to have kept prompts.
    #[must_use]
    pub fn keeping_prompts(&self) -> Self {
        Self { keeps_prompts: true, ..self.clone() }
    }

    /// The least time of a decode step by memory, s (METRICS.md `bandwidth_floor`): (weight bytes + KV bytes of the
    /// batch's texts − bytes that caches hold) / memory bandwidth. Where prompts may be kept, all of the batch may begin
    /// with the same one, which is then read once for all. Absent where the KV bytes are.
    #[must_use]
    pub fn bandwidth_floor_s(&self, batch: f64, text: Lengths) -> Option<f64> {
        let whole = self.shape.kv_bytes_read(text.context())?;
        let own = if self.keeps_prompts { self.shape.kv_bytes_read(text.written())? } else { whole };
        let bytes = self.weight_bytes as f64 + whole + (batch - 1.0).max(0.0) * own;
        Some((bytes - self.cache_bytes).max(0.0) / self.bytes_per_s)
    }

    /// The least time of a prefill by arithmetic, s (METRICS.md `compute_floor`): 2 × parameters of the layers × prompt
    /// tokens / peak, and the output head for one token. Attention's own products are left out.
    #[must_use]
    pub fn compute_floor_s(&self, prompt_tokens: f64) -> f64 {
        (prompt_tokens * self.layer_flops() + self.head_flops()) / self.flops_per_s
    }

    /// The least time of a decode step, s: by memory or by arithmetic (2 × parameters × batch), whichever is longer.
    #[must_use]
    pub fn step_floor_s(&self, batch: f64, text: Lengths) -> Option<f64> {
        let compute = batch * (self.layer_flops() + self.head_flops()) / self.flops_per_s;
        Some(self.bandwidth_floor_s(batch, text)?.max(compute))
    }

    /// The least time to the first token of one prompt alone, s: its prefill by arithmetic as far as it is sure to be
    /// done, or reading the weights once.
    #[must_use]
    pub fn first_token_floor_s(&self, prompt_tokens: f64) -> f64 {
        let weights = (self.weight_bytes as f64 - self.cache_bytes).max(0.0) / self.bytes_per_s;
        self.compute_floor_s(self.computed(prompt_tokens)).max(weights)
    }

    /// The most output tokens in a second with `batch` requests of these lengths under way, each text half written on
    /// the mean.
    ///
    /// A request takes its share of what all decode steps read, and the operations of its prefill and of its decode
    /// steps. Prefill and decode may run side by side, and one may read while the other computes: so its time is the
    /// longer of all its bytes' and all its operations', never their sum. Reading weights for prefill is left out,
    /// since a step of decode can share it.
    #[must_use]
    pub fn throughput_ceiling(&self, batch: f64, text: Lengths) -> Option<f64> {
        // The first token comes out of the prefill.
        let steps = (text.output - 1.0).max(0.0);
        let read = steps * self.bandwidth_floor_s(batch, text)? / batch;
        let passes = self.computed(text.prompt) + steps;
        let compute = (passes * self.layer_flops() + text.output * self.head_flops()) / self.flops_per_s;
        Some(text.output / read.max(compute))
    }

    /// Tokens of a prompt that are sure to be computed: where it may have been kept, the last one, whose output is the first
    /// token.
    fn computed(&self, prompt_tokens: f64) -> f64 {
        if self.keeps_prompts { prompt_tokens.min(1.0) } else { prompt_tokens }
    }

    /// Operations of all layers for a token: a multiplication and an addition for each parameter.
    fn layer_flops(&self) -> f64 {
        2.0 * self.shape.layer_parameters() as f64
    }

    /// The same of the output head.
    fn head_flops(&self) -> f64 {
        2.0 * self.shape.table_parameters() as f64
    }
}

#[cfg(test)]
mod tests;
