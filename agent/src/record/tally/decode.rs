//! Owns what a window saw of decoding: the time of requests between first and last token, and the tokens of it.
//! Must not know limits, nor what they are compared with.

use super::shares::Shares;
use super::window::Span;
use crate::record::RequestRecord;
use shared::units::{finite, ns_to_ms};

/// Sums over the requests that were decoding in a window, whichever it is that they belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoding {
    /// Time of each between its first and its last chunk, ns.
    time_ns: u64,
    /// Tokens of the chunks after each first one, thousandths.
    millitokens: u64,
}

impl Decoding {
    /// Looks at every record of a trial; `mean` is what a chunk without a count has, thousandths of a token.
    pub fn of(records: &[RequestRecord], span: &Span, mean: Option<u64>) -> Self {
        let mut decoding = Self::default();
        for record in records {
            let Some((first, rest)) = record.chunks.split_first() else { continue };
            let Some(last) = rest.last() else { continue };
            decoding.time_ns += last.t_ns.min(span.end_ns).saturating_sub(first.t_ns.max(span.start_ns));
            let shares = Shares::of(record, mean);
            let counted = rest.iter().filter(|chunk| span.contains(chunk.t_ns));
            decoding.millitokens += counted.map(|chunk| shares.millitokens(chunk)).sum::<u64>();
        }
        decoding
    }

    /// Pools another trial's.
    pub fn merge(&mut self, other: &Self) {
        self.time_ns += other.time_ns;
        self.millitokens += other.millitokens;
    }

    /// Time-weighted mean of requests that were decoding.
    pub fn mean(&self, window_ns: u64) -> Option<f64> {
        finite(self.time_ns as f64 / window_ns as f64)
    }

    /// Time over tokens, ms.
    pub fn ms_per_token(&self) -> Option<f64> {
        finite(ns_to_ms(self.time_ns) / (self.millitokens as f64 / 1000.0)).filter(|_| self.time_ns > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture::{MS, duration, request};

    #[test]
    fn only_what_lies_in_the_window_and_after_a_first_token_counts() {
        let records = [
            // Tokens at 100, 200, 300 and 400 ms; the window holds those at 200 and 300.
            request(0, 0, &[100 * MS, 200 * MS, 300 * MS, 400 * MS]),
            // Its first token is within, and one more.
            request(1, 0, &[250 * MS, 300 * MS]),
            // It had one token, which came out of a prefill.
            request(2, 0, &[250 * MS]),
        ];
        let window = duration(150 * MS, 350 * MS);
        let decoding = Decoding::of(&records, &Span::of(&records, window), None);
        assert_eq!(decoding, Decoding { time_ns: 250 * MS, millitokens: 3000 });
        assert_eq!(decoding.mean(200 * MS), Some(1.25));
        assert!((decoding.ms_per_token().unwrap() - 250.0 / 3.0).abs() < 1e-9);
        let mut twice = decoding;
        twice.merge(&decoding);
        assert_eq!((twice.mean(400 * MS), twice.ms_per_token()), (Some(1.25), decoding.ms_per_token()));
        assert_eq!((Decoding::default().mean(0), Decoding::default().ms_per_token()), (None, None));
    }
}
