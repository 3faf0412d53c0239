//! Owns how many requests fill a KV cache: by what was seen of it, and by arithmetic.
//! Must not know how an engine is read.

use super::{KvRead, KvTerms};
use crate::record::RequestRecord;
use shared::telemetry::{FillSign, KvCapacity, KvFill, KvPrediction};

/// In use from here on it is full, millionths: the last blocks are never all given.
const FULL_PPM: u64 = 990_000;

/// What was seen; absent where the engine does not tell how full it is, nor that it took memory away.
pub(super) fn filled(records: &[RequestRecord], reads: &[KvRead], terms: &KvTerms) -> Option<KvFill> {
    let prompt = mean(records, |record| record.prompt_tokens.map(f64::from));
    let mut before: Option<&KvRead> = None;
    for read in reads {
        if let Some(sign) = sign(read, prompt, terms) {
            // What was taken away ran before it was: the read before knows more.
            let running = before.filter(|_| sign == FillSign::Preempted).and_then(|before| before.running);
            let running = read.running.max(running)?;
            return Some(KvFill::At { running, at_ns: read.at_ns(), sign });
        }
        before = Some(read);
    }
    let fullest = reads.iter().filter(|read| read.used_ppm.is_some()).max_by_key(|read| read.used_ppm)?;
    Some(KvFill::Not { share: fullest.share()?, running: fullest.running })
}

/// By what a read shows that the cache is full.
fn sign(read: &KvRead, prompt: Option<f64>, terms: &KvTerms) -> Option<FillSign> {
    if read.used_ppm.is_some_and(|ppm| ppm >= FULL_PPM) {
        return Some(FillSign::Used);
    }
    if read.preempted.is_some_and(|n| n > 0) {
        return Some(FillSign::Preempted);
    }
    // Requests also wait for their turn to be computed: only where the next one does not fit is it for room.
    let (waiting, running, most) = (read.waiting?, read.running?, terms.max_running?);
    let left = (1.0 - read.share()?) * terms.capacity.tokens? as f64;
    (waiting > 0 && running < most && left < prompt?).then_some(FillSign::NoRoom)
}

/// What follows from the capacity and the tokens of the requests that ended well, as they were counted.
pub(super) fn predicted(records: &[RequestRecord], terms: &KvTerms) -> Option<KvPrediction> {
    let KvCapacity { tokens: capacity, block_tokens, .. } = terms.capacity;
    let block = block_tokens.unwrap_or(1).max(1);
    let kept = |tokens: u64| terms.window.map_or(tokens, |window| tokens.min(window)).div_ceil(block) * block;
    // On its way it has half of its output.
    let held = |of_output: u64| {
        mean(records, |record| {
            let (prompt, output) = (u64::from(record.prompt_tokens?), u64::from(record.output_tokens?));
            Some(kept(prompt + output / of_output) as f64)
        })
    };
    KvPrediction::of(capacity?, held(1)?, held(2)?)
}

/// The mean over requests that ended well; absent where one of them does not say, or there is none.
fn mean(records: &[RequestRecord], of: impl Fn(&RequestRecord) -> Option<f64>) -> Option<f64> {
    let ok = || records.iter().filter(|record| record.outcome.is_ok());
    let sum: f64 = ok().map(of).sum::<Option<f64>>()?;
    shared::units::finite(sum / ok().count() as f64)
}
