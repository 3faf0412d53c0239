//! Owns what is said to find runs, in a query or on the command line: words, values and days; and the filter that it is.
//! Must not know how anything is found.

use crate::orchestrate::utc_offset_minutes;
use serde::{Deserialize, Serialize};
use shared::calendar;
use shared::caveat::Verdict;
use shared::event::RunState;
use shared::history::Filter;
use utoipa::IntoParams;

const MS_PER_DAY: i64 = 86_400_000;
/// Longest search text, characters.
const MAX_SEARCH_CHARS: usize = 200;

/// Which rows of the list of runs. What they are looked for by holds all at once; `/api/v1/history/facets` has the values.
#[derive(Clone, Debug, Default, clap::Args, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Most rows, 1 to 200; 50 by default.
    #[arg(long)]
    pub limit: Option<usize>,
    /// Only runs older than this one: the last of an answer gives the next.
    #[arg(long)]
    pub before: Option<String>,
    /// Words, each the beginning of one in name, engine, model, GPU, tags, note or id.
    #[arg(long)]
    pub q: Option<String>,
    /// Engine, by its words.
    #[arg(long)]
    pub engine: Option<String>,
    /// Model.
    #[arg(long)]
    pub model: Option<String>,
    /// Type of a GPU.
    #[arg(long)]
    pub gpu: Option<String>,
    /// A tag.
    #[arg(long)]
    pub tag: Option<String>,
    /// `valid`, `doubtful`, `invalid` or `not judged`.
    #[arg(long)]
    pub verdict: Option<String>,
    /// State, such as `done`.
    #[arg(long)]
    pub state: Option<String>,
    /// Pinned baselines, or all but those.
    #[arg(long)]
    pub pinned: Option<bool>,
    /// First day of the creation, `2026-11-27`, by the host's time zone as it is now.
    #[arg(long)]
    pub from: Option<String>,
    /// Last day of it.
    #[arg(long)]
    pub to: Option<String>,
}

impl Asked {
    /// What it asks for; a text that is empty asks for nothing, as a form's field does.
    ///
    /// # Errors
    /// A sentence where a value cannot be.
    pub fn filter(self) -> Result<Filter, String> {
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let q = some(self.q);
        if q.as_ref().is_some_and(|q| q.chars().count() > MAX_SEARCH_CHARS) {
            let sentence = format!("q is longer than {MAX_SEARCH_CHARS} characters: search for fewer words.");
            return Err(sentence);
        }
        let (verdict, state) = (some(self.verdict), some(self.state));
        let verdicts = [Verdict::Valid, Verdict::Doubtful, Verdict::Invalid, Verdict::NotJudged];
        one_of("verdict", verdict.as_deref(), &verdicts.map(Verdict::label))?;
        one_of("state", state.as_deref(), &RunState::ALL.map(RunState::label))?;
        Ok(Filter {
            q,
            engine: some(self.engine),
            model: some(self.model),
            gpu: some(self.gpu),
            tag: some(self.tag).map(|tag| tag.to_lowercase()),
            verdict,
            state,
            pinned: self.pinned,
            from_unix_ms: some(self.from).map(|day| day_begins("from", &day, 0)).transpose()?,
            until_unix_ms: some(self.to).map(|day| day_begins("to", &day, 1)).transpose()?,
        })
    }
}

fn one_of(key: &str, value: Option<&str>, known: &[&str]) -> Result<(), String> {
    match value {
        Some(value) if !known.contains(&value) => {
            let value: String = value.chars().take(40).collect();
            let sentence = format!("{key} is \"{value}\", but must be one of {}.", known.join(", "));
            Err(sentence)
        }
        _ => Ok(()),
    }
}

/// When a day, or so many days after it, begins on the host's clock, Unix ms.
fn day_begins(key: &str, text: &str, later: i64) -> Result<u64, String> {
    let refused = || {
        let text: String = text.chars().take(40).collect();
        format!("{key} is \"{text}\", but must be a day such as 2026-11-27.")
    };
    let parts: Option<Vec<i64>> = text.split('-').map(|part| part.parse().ok()).collect();
    let Some([year, month, day]) = parts.as_deref() else { return Err(refused()) };
    let days = calendar::days(*year, *month, *day);
    if !(1970..=9999).contains(year) || calendar::date(days) != (*year, *month, *day) {
        return Err(refused());
    }
    let utc_ms = (days + later) * MS_PER_DAY;
    let offset = utc_offset_minutes(u64::try_from(utc_ms).unwrap_or(0)).unwrap_or(0);
    Ok(u64::try_from(utc_ms - i64::from(offset) * 60_000).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_becomes_a_filter_or_a_sentence() {
        let check = |query: Asked, expect: Result<Filter, &str>| {
            let got = query.filter();
            match expect {
                Ok(expect) => assert_eq!(got.unwrap(), expect),
                Err(words) => assert!(got.as_ref().unwrap_err().contains(words), "{got:?}"),
            }
        };
        let some = |text: &str| Some(text.to_owned());
        check(Asked::default(), Ok(Filter::default()));
        check(Asked { q: some(""), tag: some(""), ..Asked::default() }, Ok(Filter::default()));
        check(
            Asked { tag: some("Nightly"), ..Asked::default() },
            Ok(Filter { tag: some("nightly"), ..Filter::default() }),
        );
        check(Asked { verdict: some("good"), ..Asked::default() }, Err("one of valid, doubtful"));
        check(Asked { state: some("Done"), ..Asked::default() }, Err("one of queued, starting"));
        check(Asked { q: Some("x".repeat(201)), ..Asked::default() }, Err("longer than 200"));
        for day in ["2026-02-30", "2026-11", "yesterday", "2026-11-27-1", "1969-12-31", "2026-13-01"] {
            check(Asked { from: some(day), ..Asked::default() }, Err("must be a day such as"));
        }
    }

    #[test]
    fn days_are_whole_ones_of_the_hosts_clock() {
        let both = Asked { from: Some("2026-11-27".to_owned()), to: Some("2026-11-27".to_owned()), ..Asked::default() };
        let filter = both.filter().unwrap();
        let (from, until) = (filter.from_unix_ms.unwrap(), filter.until_unix_ms.unwrap());
        assert_eq!(until - from, 86_400_000);
        let offset = i64::from(utc_offset_minutes(from).unwrap_or(0)) * 60_000;
        assert_eq!((i64::try_from(from).unwrap() + offset).rem_euclid(86_400_000), 0);
    }
}
