//! Owns what requests in flight hold at a moment, by their records: prompt, and what has come of the output.
//! Must not know what an engine says of it.

use crate::record::RequestRecord;
use crate::record::tally::Shares;

/// What requests hold at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Requests of which output had come.
    pub requests: u64,
    /// Tokens of their prompts and output, but for each one's last: it enters the cache with the next step.
    pub tokens: u64,
    /// Requests without output yet.
    pub starting: u64,
    /// Tokens of their prompts.
    pub starting_tokens: u64,
    /// Some output was credited in shares.
    pub estimated: bool,
}

impl Held {
    /// At this time, ns of run time, of each request at most a window; absent where nobody counted the tokens of one in
    /// flight.
    pub fn at(records: &[RequestRecord], at_ns: u64, window: Option<u64>) -> Option<Self> {
        let in_flight =
            |record: &&RequestRecord| record.sent_ns.is_some_and(|sent_ns| sent_ns <= at_ns) && at_ns < over_ns(record);
        records.iter().filter(in_flight).try_fold(Self::default(), |held, record| held.with(record, at_ns, window))
    }

    fn with(mut self, record: &RequestRecord, at_ns: u64, window: Option<u64>) -> Option<Self> {
        let prompt = u64::from(record.prompt_tokens?);
        let kept = |tokens: u64| window.map_or(tokens, |window| tokens.min(window));
        let come: Vec<_> = record.chunks.iter().filter(|chunk| chunk.t_ns <= at_ns).collect();
        if come.is_empty() {
            self.starting += 1;
            self.starting_tokens += kept(prompt);
            return Some(self);
        }
        let shares = Shares::of(record, None);
        let output: u64 = come.iter().map(|chunk| shares.millitokens(chunk)).sum();
        // Without a total and without counts there is nothing to share out.
        let is_known = record.output_tokens.is_some() || come.iter().all(|chunk| chunk.tokens.is_some());
        self.requests += 1;
        self.tokens += kept((prompt + output.div_ceil(1000)).saturating_sub(1));
        self.estimated |= come.iter().any(|chunk| shares.estimates(chunk));
        is_known.then_some(self)
    }
}

/// When an engine lets go of a request: with its last token, since the rest of the stream holds no memory.
fn over_ns(record: &RequestRecord) -> u64 {
    match record.chunks.last() {
        Some(last) if record.outcome.is_ok() => last.t_ns,
        _ => record.end_ns,
    }
}
