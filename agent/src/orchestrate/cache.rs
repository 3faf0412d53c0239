//! Owns what the engine's prefix cache did during a trial: by the engine's counters, else by its answers' own counts.
//! Must not know how the counters are read or what the hits are worth.

use crate::engine::{Engine, PrefixReading};
use crate::record::RequestRecord;
use shared::summary::PrefixCache;

/// What the engine's counters show; absent where it has none.
pub(super) async fn reading(engine: &Engine) -> Option<PrefixReading> {
    engine.prefix_counters.as_ref()?.read().await
}

/// What happened between two readings, or, without them, by the counts of the answers.
pub(super) fn during(
    before: Option<PrefixReading>,
    after: Option<PrefixReading>,
    records: &[RequestRecord],
) -> Option<PrefixCache> {
    let counted = before.zip(after).and_then(|(before, after)| after.since(before));
    counted.or_else(|| by_answers(records))
}

/// The sum over the answers that ended well; absent where one of them does not say, or there is none.
fn by_answers(records: &[RequestRecord]) -> Option<PrefixCache> {
    let mut answers = records.iter().filter(|record| record.outcome.is_ok()).peekable();
    answers.peek()?;
    answers.try_fold(PrefixCache::default(), |sum, record| {
        Some(PrefixCache {
            queries: sum.queries + u64::from(record.prompt_tokens?),
            hits: sum.hits + u64::from(record.cached_tokens?),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orchestrate::batch::tests::record;
    use shared::outcome::Outcome;

    fn check(answers: &[(Outcome, Option<u32>, Option<u32>)], expect: Option<(u64, u64)>) {
        let records: Vec<RequestRecord> = answers
            .iter()
            .map(|(outcome, prompt_tokens, cached_tokens)| RequestRecord {
                outcome: *outcome,
                prompt_tokens: *prompt_tokens,
                cached_tokens: *cached_tokens,
                ..record(0)
            })
            .collect();
        let got = during(None, None, &records).map(|cache| (cache.queries, cache.hits));
        assert_eq!(got, expect, "{answers:?}");
    }

    #[test]
    fn answers_are_summed_where_all_of_them_say_what_was_cached() {
        let (ok, failed) = (Outcome::Ok, Outcome::Refused);
        check(&[(ok, Some(100), Some(20)), (ok, Some(50), Some(0))], Some((150, 20)));
        check(&[(ok, Some(100), Some(20)), (failed, None, None)], Some((100, 20)));
        check(&[(ok, Some(100), Some(20)), (ok, Some(50), None)], None);
        check(&[(ok, None, Some(20))], None);
        check(&[(failed, Some(1), Some(1))], None);
        check(&[], None);
    }
}
