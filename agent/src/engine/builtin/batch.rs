//! Owns one static batch: prompts in, one column of tokens a step, until every row has ended.
//! Must not know where rows come from or go to.

use candle_core::Result;

use super::model::{KvCache, Llama, Padded};
use super::sample::{Ending, Sampler, Sampling};
use super::token::{EOS, PAD};

/// What one row is to generate.
#[derive(Clone, Debug)]
pub struct RowRequest {
    /// The prompt's tokens, at least one.
    pub prompt: Vec<u32>,
    /// Tokens after which the row ends.
    pub max_tokens: usize,
    /// Tokens before which the row may not end.
    pub min_tokens: usize,
    /// Never end before `max_tokens`.
    pub ignore_eos: bool,
    /// How tokens are chosen.
    pub sampling: Sampling,
}

/// A token that a row has generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepOutput {
    /// Index of the row.
    pub row: usize,
    /// The token.
    pub token: u32,
    /// Set when this token is the row's last.
    pub ending: Option<Ending>,
}

struct Row {
    /// Prompt and output so far; padding goes on after the row has ended.
    tokens: Vec<u32>,
    generated: usize,
    request: RowRequest,
    sampler: Sampler,
    live: bool,
}

/// A batch being generated. Rows that end leave the output but stay in the arithmetic as padding, as a static
/// batch does.
pub struct Batch {
    rows: Vec<Row>,
    padding: Vec<usize>,
    started: bool,
}

impl Batch {
    /// Pads the prompts of `requests` to one length.
    pub fn new(requests: Vec<RowRequest>) -> Self {
        let padding = Padded::left(requests.iter().map(|request| request.prompt.as_slice())).padding;
        let row = |request: RowRequest| Row {
            tokens: request.prompt.clone(),
            generated: 0,
            sampler: Sampler::new(request.sampling),
            live: request.max_tokens > 0 && !request.prompt.is_empty(),
            request,
        };
        Self { rows: requests.into_iter().map(row).collect(), padding, started: false }
    }

    /// Whether every row has ended.
    pub fn is_done(&self) -> bool {
        self.rows.iter().all(|row| !row.live)
    }

    /// Ends a row whose output nobody waits for any more.
    pub fn end_row(&mut self, row: usize) {
        if let Some(row) = self.rows.get_mut(row) {
            row.live = false;
        }
    }

    /// Generates the next token of every live row. Without a cache the whole sequence is computed again.
    ///
    /// # Errors
    /// When candle refuses the arithmetic, for instance because the cache is full.
    pub fn step(&mut self, model: &Llama, mut cache: Option<&mut KvCache>) -> Result<Vec<StepOutput>> {
        if self.rows.is_empty() {
            return Ok(Vec::new());
        }
        let input = if self.started && cache.is_some() {
            let last = |row: &Row| row.tokens.last().copied().unwrap_or(PAD);
            Padded { tokens: self.rows.iter().map(last).collect(), padding: self.padding.clone(), width: 1 }
        } else {
            if let Some(cache) = cache.as_deref_mut() {
                cache.reset(self.rows.len());
            }
            Padded::left(self.rows.iter().map(|row| row.tokens.as_slice()))
        };
        let logits = model.forward(&input, cache)?.to_vec2::<f32>()?;
        self.started = true;
        let mut outputs = Vec::with_capacity(self.rows.len());
        for (index, (row, logits)) in self.rows.iter_mut().zip(logits).enumerate() {
            if !row.live {
                row.tokens.push(PAD);
                continue;
            }
            row.generated += 1;
            let may_end = !row.request.ignore_eos && row.generated > row.request.min_tokens;
            let token = row.sampler.choose(&logits, may_end);
            row.tokens.push(token);
            let ending = if token == EOS {
                Some(Ending::Stop)
            } else if row.generated >= row.request.max_tokens {
                Some(Ending::Length)
            } else {
                None
            };
            row.live = ending.is_none();
            outputs.push(StepOutput { row: index, token, ending });
        }
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Preset;
    use super::super::token::encode_text;
    use super::*;

    fn request(prompt: &str, max_tokens: usize) -> RowRequest {
        let sampling = Sampling { temperature: 0.0, seed: 0 };
        RowRequest { prompt: encode_text(prompt), max_tokens, min_tokens: 0, ignore_eos: true, sampling }
    }

    fn generate(model: &Llama, requests: &[RowRequest], cached: bool) -> Vec<Vec<u32>> {
        let mut cache = KvCache::new(model.config(), requests.len(), 128).unwrap();
        let mut rows = vec![Vec::new(); requests.len()];
        let mut batch = Batch::new(requests.to_vec());
        while !batch.is_done() {
            for output in batch.step(model, cached.then_some(&mut cache)).unwrap() {
                rows[output.row].push(output.token);
            }
        }
        rows
    }

    #[test]
    fn cache_and_batching_change_no_token() {
        let model = Llama::new(Preset::P1m.config(), 3).unwrap();
        let requests = [request("first", 6), request("a much longer second prompt", 12), request("", 1)];
        let cached = generate(&model, &requests, true);
        assert_eq!(cached.iter().map(Vec::len).collect::<Vec<_>>(), [6, 12, 1]);
        assert_eq!(cached, generate(&model, &requests, false));
        for (row, request) in requests.iter().enumerate() {
            assert_eq!(generate(&model, std::slice::from_ref(request), true)[0], cached[row]);
        }
    }

    #[test]
    fn a_row_may_end_early_but_not_before_min_tokens() {
        let model = Llama::new(Preset::P1m.config(), 3).unwrap();
        let ends = |min_tokens| {
            let row = |seed| {
                let sampling = Sampling { temperature: 50.0, seed };
                RowRequest { ignore_eos: false, min_tokens, sampling, ..request("x", 24) }
            };
            generate(&model, &(0..16).map(row).collect::<Vec<_>>(), true)
        };
        let stopped = |rows: &[Vec<u32>]| rows.iter().filter(|row| row.last() == Some(&EOS)).count();
        assert!(stopped(&ends(0)) > 0);
        let late = ends(16);
        assert!(late.iter().all(|row| row.len() > 16));
        assert_eq!(stopped(&ends(24)), 0);
    }

    #[test]
    fn ended_rows_leave_and_the_rest_go_on() {
        let model = Llama::new(Preset::P1m.config(), 3).unwrap();
        let mut cache = KvCache::new(model.config(), 2, 64).unwrap();
        let mut batch = Batch::new(vec![request("one", 1), request("two", 3)]);
        let rows = |outputs: Vec<StepOutput>| outputs.iter().map(|o| (o.row, o.ending)).collect::<Vec<_>>();
        assert_eq!(rows(batch.step(&model, Some(&mut cache)).unwrap()), [(0, Some(Ending::Length)), (1, None)]);
        assert_eq!(rows(batch.step(&model, Some(&mut cache)).unwrap()), [(1, None)]);
        batch.end_row(1);
        assert!(batch.is_done());
    }
}
