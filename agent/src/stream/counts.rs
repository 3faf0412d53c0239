//! Owns the rule that turns a server's running token count into tokens per chunk.
//! Must not know where in an event the count stood.

/// What is known of the server's completion count before the next chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Baseline {
    /// No output and no running count yet: the count is zero by definition.
    Start,
    /// The server's count, or the sum of its token ids, so far.
    Known(u32),
    /// Output came without a count.
    Unknown,
}

/// What one chunk says.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkCounts {
    /// It carries text on some channel.
    pub(super) has_text: bool,
    /// How many token ids it names.
    pub(super) token_ids: Option<u32>,
    /// The completion count that stands on it.
    pub(super) running: Option<u32>,
    /// It carries a finish reason.
    pub(super) is_final: bool,
}

/// Tokens of a chunk that is output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// Tokens in it, when known.
    pub(super) tokens: Option<u32>,
}

/// Follows the completion count of one stream.
#[derive(Debug)]
pub(super) struct RunningCount {
    baseline: Baseline,
}

impl RunningCount {
    pub(super) fn new() -> Self {
        Self { baseline: Baseline::Start }
    }

    /// `None` when the chunk is not output.
    pub(super) fn step(&mut self, chunk: ChunkCounts) -> Option<Counted> {
        let has_ids = chunk.token_ids.is_some_and(|ids| ids > 0);
        // Ollama writes a zero count beside every piece of text: that is no count.
        let running = chunk.running.filter(|&count| count > 0 || !(chunk.has_text || has_ids));
        let growth = match (running, self.baseline) {
            (Some(count), Baseline::Start) => Some(count),
            // A count that went down says nothing about this chunk.
            (Some(count), Baseline::Known(before)) => count.checked_sub(before),
            _ => None,
        };
        // llama.cpp and transformers put the total on a finish chunk without text. Where no running count
        // was seen before, that is the account of the whole answer and no sign of a token just made.
        let is_total = chunk.is_final && self.baseline == Baseline::Start;
        let is_output = chunk.has_text
            || has_ids
            || (chunk.token_ids.is_none() && !is_total && growth.is_some_and(|tokens| tokens > 0));
        self.baseline = match (running, chunk.token_ids, self.baseline) {
            (Some(count), _, Baseline::Known(before)) => Baseline::Known(count.max(before)),
            (Some(count), _, _) => Baseline::Known(count),
            (None, Some(ids), Baseline::Start) if ids > 0 => Baseline::Known(ids),
            (None, Some(ids), Baseline::Known(before)) => Baseline::Known(before.saturating_add(ids)),
            (None, None, _) if chunk.has_text => Baseline::Unknown,
            (None, _, baseline) => baseline,
        };
        is_output.then_some(Counted { tokens: chunk.token_ids.or(growth) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chunks in short: `t` text, `f` finish, `i3` three token ids, `u7` usage 7. Expected: tokens, `?` unknown,
    /// `-` not output.
    fn check(chunks: &str, expect: &str) {
        let mut count = RunningCount::new();
        let got: Vec<String> = chunks
            .split(' ')
            .map(|word| {
                let number = |mark: char| {
                    let digits: String = word.split_once(mark)?.1.chars().take_while(char::is_ascii_digit).collect();
                    digits.parse().ok()
                };
                let chunk = ChunkCounts {
                    has_text: word.contains('t'),
                    token_ids: number('i'),
                    running: number('u'),
                    is_final: word.contains('f'),
                };
                match count.step(chunk) {
                    None => "-".to_owned(),
                    Some(Counted { tokens: None }) => "?".to_owned(),
                    Some(Counted { tokens: Some(tokens) }) => tokens.to_string(),
                }
            })
            .collect();
        assert_eq!(got.join(" "), expect, "{chunks}");
    }

    #[test]
    fn continuous_usage_counts_by_growth() {
        check("u0 tu1 tu3 u4 tfu5", "- 1 2 1 1");
        check("u10 u20 tu25", "10 10 5");
        check("tu1f", "1");
        check("u0 fu1", "- 1");
    }

    #[test]
    fn a_total_at_the_end_is_not_a_token() {
        check("t t fu7", "? ? -");
        check("fu7", "-");
        check("t t tfu3", "? ? ?");
    }

    #[test]
    fn token_ids_come_first_and_carry_the_baseline() {
        check("ti2u2 i1u3 ti0u3 f", "2 1 0 -");
        check("ti2 ti3 tfu6", "2 3 1");
        check("i0 ti1", "- 1");
    }

    #[test]
    fn zero_beside_text_is_no_count() {
        check("tu0 tu0 fu9", "? ? -");
        check("u0 tu0 tu0 fu9", "- ? ? -");
    }

    #[test]
    fn a_falling_count_says_nothing() {
        check("tu2 tu1 tu3 u3 u1", "2 ? 1 - -");
    }

    #[test]
    fn a_gap_in_the_counts_is_not_filled_in() {
        check("tu1 t tu3 tu4", "1 ? ? 1");
    }
}
