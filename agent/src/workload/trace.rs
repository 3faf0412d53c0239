//! Owns recorded traces: when each request came, how long it was, and which blocks of its prompt others had too.
//! Must not know when requests are sent.

use super::file::{at_line, lines, text};
use super::nonce::Subject;
use super::passage::Passage;
use super::{Means, Planned, WorkloadRefused};
use crate::engine::Ask;
use serde::Deserialize;
use shared::plan::TracePlan;
use shared::units::NS_PER_MS;
use std::sync::Arc;

/// Tokens of a block that `hash_ids` names, the last of a prompt excepted, which can be shorter.
const BLOCK_TOKENS: u32 = 512;
/// Most tokens of a prompt or an output, as in plans.
const MAX_TOKENS: u32 = 1_000_000;

/// One line, as it is written.
#[derive(Deserialize)]
struct Line {
    timestamp: f64,
    input_length: u32,
    output_length: u32,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

/// A request of the trace.
#[derive(Clone, Debug)]
struct Request {
    line: usize,
    input: u32,
    output: u32,
    blocks: Box<[u64]>,
}

/// A trace.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    offsets: Arc<[u64]>,
    requests: Vec<Request>,
}

impl Trace {
    /// Reads the plan's trace.
    pub fn of(plan: &TracePlan) -> Result<Self, WorkloadRefused> {
        Self::parse(&plan.file, &text(&plan.file, "load.trace.file")?, plan.speed_up)
    }

    fn parse(path: &str, text: &str, speed_up: f64) -> Result<Self, WorkloadRefused> {
        let (mut offsets, mut requests) = (Vec::new(), Vec::new());
        let (mut first, mut last) = (None, f64::NEG_INFINITY);
        for (number, line) in lines(text) {
            let line: Line = serde_json::from_str(line).map_err(|error| {
                let shape = "Each line is an object with timestamp (ms), input_length and output_length (tokens), and \
                             hash_ids where blocks are shared.";
                at_line(path, number, format!("cannot be read: {error}. {shape}"))
            })?;
            check(&line, last).map_err(|problem| at_line(path, number, problem))?;
            last = line.timestamp;
            let since_first_ms = line.timestamp - *first.get_or_insert(line.timestamp);
            offsets.push((since_first_ms / speed_up * NS_PER_MS as f64) as u64);
            requests.push(Request {
                line: number,
                input: line.input_length,
                output: line.output_length,
                blocks: line.hash_ids.into(),
            });
        }
        if requests.is_empty() {
            return Err(WorkloadRefused::Empty(path.to_owned(), "request"));
        }
        Ok(Self { offsets: offsets.into(), requests })
    }

    /// When each request is due, ns after the first, in order.
    pub fn offsets(&self) -> Arc<[u64]> {
        Arc::clone(&self.offsets)
    }

    /// The request of one line. Within a trial `id` and `index` go up together, so that their difference tells trials
    /// apart: a block is shared by a trial's requests, but a repeat does not find it in the cache.
    pub fn ask(&self, means: &Means, index: u64, id: u64) -> Ask {
        let request = &self.requests[(index % self.requests.len() as u64) as usize];
        let nonce = means.nonce.of_trial(id.wrapping_sub(index));
        let mut left = request.input;
        let mut passages = Vec::with_capacity(request.blocks.len() + 1);
        for block in &request.blocks {
            let tokens = left.min(BLOCK_TOKENS);
            passages.push(Passage { key: nonce.shared(Subject::Block, *block), tokens });
            left -= tokens;
        }
        passages.push(Passage { key: nonce.own(Subject::Own, id, 0), tokens: left });
        Ask { prompt: means.alphabet.prompt(&passages), output_tokens: request.output, ignore_eos: means.ignore_eos }
    }

    /// The longest request.
    pub fn longest(&self) -> Option<Planned> {
        let planned = self.requests.iter().map(|request| Planned {
            input: u64::from(request.input),
            output: u64::from(request.output),
            what: format!("The request in line {} of the trace", request.line),
        });
        planned.max_by_key(Planned::total)
    }
}

/// What is wrong with a line, to follow its place.
fn check(line: &Line, last_ms: f64) -> Result<(), String> {
    if line.timestamp < 0.0 {
        return Err("has a timestamp below 0: count milliseconds from the trace's start.".into());
    }
    if line.timestamp < last_ms {
        return Err("has a timestamp before that of the line above: sort the trace by time.".into());
    }
    for (name, tokens) in [("input_length", line.input_length), ("output_length", line.output_length)] {
        if !(1..=MAX_TOKENS).contains(&tokens) {
            return Err(format!("has an {name} of {tokens}: it must be from 1 to 1,000,000 tokens."));
        }
    }
    let room = line.input_length.div_ceil(BLOCK_TOKENS) as usize;
    if line.hash_ids.len() > room {
        let blocks = line.hash_ids.len();
        return Err(format!("names {blocks} blocks of {BLOCK_TOKENS} tokens, but its prompt has room for {room}."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, speed_up: f64) -> Result<Trace, String> {
        Trace::parse("t.jsonl", text, speed_up).map_err(|error| error.to_string())
    }

    fn refused(text: &str, expect: &str) {
        let error = parse(text, 1.0).unwrap_err();
        assert!(error.contains(expect) && error.contains("t.jsonl"), "{error}");
    }

    const TWO: &str = "{\"timestamp\": 500, \"input_length\": 3, \"output_length\": 2}\n\n\
                       {\"timestamp\": 1500.5, \"input_length\": 4, \"output_length\": 1, \"hash_ids\": [9]}\n";

    #[test]
    fn offsets_count_from_the_first_request_and_shrink_by_the_speed_up() {
        assert_eq!(parse(TWO, 1.0).unwrap().offsets()[..], [0, 1_000_500_000]);
        assert_eq!(parse(TWO, 10.0).unwrap().offsets()[..], [0, 100_050_000]);
        assert_eq!(parse(TWO, 0.5).unwrap().offsets()[..], [0, 2_001_000_000]);
    }

    #[test]
    fn what_cannot_be_played_is_refused_by_its_line() {
        let line = |timestamp: &str, input: &str, output: &str, rest: &str| {
            format!("{{\"timestamp\": {timestamp}, \"input_length\": {input}, \"output_length\": {output}{rest}}}")
        };
        let good = line("7", "5", "5", "");
        refused("", "at least one request");
        refused(&format!("{good}\n{}", line("6", "5", "5", "")), "Line 2 of the file t.jsonl has a timestamp before");
        refused(&line("-1", "5", "5", ""), "Line 1 of the file t.jsonl has a timestamp below 0");
        refused(&line("7", "0", "5", ""), "has an input_length of 0");
        refused(&line("7", "5", "2000000", ""), "has an output_length of 2000000");
        refused(&line("7", "-5", "5", ""), "cannot be read");
        refused(&line("7", "513", "5", ", \"hash_ids\": [1, 2, 3]"), "names 3 blocks of 512 tokens");
        refused("[]", "Line 1 of the file t.jsonl cannot be read");
        refused(&format!("{good}\n\n{{\"timestamp\": 8}}"), "Line 3");
    }

    #[test]
    fn the_longest_request_is_named_by_its_line() {
        let longest = parse(TWO, 1.0).unwrap().longest().unwrap();
        assert_eq!((longest.input, longest.output), (4, 1));
        assert!(longest.what.contains("line 3"), "{}", longest.what);
    }
}
