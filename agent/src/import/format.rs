//! Owns what a file is, by its content and never by its name, and hands it to who reads it.
//! Must not know what any format holds.

use super::cell::{Cell, Row};
use super::json::Bounded;
use super::trial::Trial;
use super::{aiperf, file, gpu_timeline, guidellm, json, kv_timeline, own, tgi_script, vllm_bench};
use crate::export::{RunForm, SIDECAR_KEY, is_header};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;

/// Most trials of one file.
pub(super) const MAX_TRIALS: usize = 10_000;
/// Most names of an object that are looked at.
const MAX_NAMES: usize = 2000;

/// What a file comes to.
#[derive(Debug)]
pub(super) enum Read {
    /// Trials that another tool measured.
    Trials(Vec<Trial>),
    /// Runs of our own, whole.
    Runs(Vec<RunForm>),
}

/// What a file holds; `folder` is where it lies.
///
/// # Errors
/// A sentence: what it is not, or what is wrong with it.
pub(super) fn read(bytes: &[u8], folder: &str) -> Result<Read, String> {
    let text = file::text(bytes)?;
    let trials = match text.trim_start().as_bytes().first() {
        Some(b'{' | b'[') => {
            let text = json::finite(text);
            if let Some(runs) = own_runs(&text)? {
                return Ok(Read::Runs(runs));
            }
            of_json(&text, folder)?
        }
        _ => of_csv(text, folder)?,
    };
    match trials.len() {
        0 => Err("It holds no measurement.".to_owned()),
        n if n > MAX_TRIALS => Err(format!("It holds {n} measurements, more than the {MAX_TRIALS} that are read.")),
        _ => Ok(Read::Trials(trials)),
    }
}

/// The runs of our own form; nothing where it is another.
fn own_runs(text: &str) -> Result<Option<Vec<RunForm>>, String> {
    let Ok(Top::Object(names)) = json::parse(text) else { return Ok(None) };
    let has = |name: &str| names.contains(name);
    if own::is_run(has) {
        return own::run(text).map(Some);
    }
    if own::is_several(has) { own::several(text).map(Some) } else { Ok(None) }
}

/// What stands at a text's top.
enum Top {
    /// An object with these names.
    Object(BTreeSet<String>),
    /// A list whose first element is an object with these names.
    List(BTreeSet<String>),
    /// Anything else.
    Other,
}

fn of_json(text: &str, folder: &str) -> Result<Vec<Trial>, String> {
    // One value after the other is how results are added to a file.
    let tops: Vec<Top> = json::parse_all(text, MAX_TRIALS)?;
    match tops.as_slice() {
        [Top::Object(names)] => {
            let has = |name: &str| names.contains(name);
            if vllm_bench::is_named(has) {
                return Ok(vec![vllm_bench::trial(&json::parse::<Row>(text)?, folder)?]);
            }
            if guidellm::is_named(has) {
                return guidellm::trials(text, folder);
            }
            if aiperf::is_named(has) {
                return Ok(vec![aiperf::trial(text, folder)?]);
            }
            if kv_timeline::is_named(has) {
                return Ok(vec![kv_timeline::trial(text, folder)?]);
            }
            if gpu_timeline::is_named(has) {
                return Ok(vec![gpu_timeline::trial(text, folder)?]);
            }
            if has(SIDECAR_KEY) {
                return Err("It says how the figures of the sweep beside it were computed: it holds none.".to_owned());
            }
            if has("error_type") && has("run_number") {
                return Err("It is a sweep's note that a run failed: it holds no figures.".to_owned());
            }
            Err(unknown("JSON"))
        }
        [Top::List(names)] if vllm_bench::is_named(|name| names.contains(name)) => {
            rows(json::parse::<Bounded<Row, MAX_TRIALS>>(text)?.0.into_iter().map(Ok), folder, true)
        }
        // A file that results were added to is their first place, not a copy.
        [Top::Object(first), .., Top::Object(_)] if vllm_bench::is_named(|name| first.contains(name)) => {
            rows(json::parse_all(text, MAX_TRIALS)?.into_iter().map(Ok), folder, false)
        }
        _ => Err(unknown("JSON")),
    }
}

fn of_csv(text: &str, folder: &str) -> Result<Vec<Trial>, String> {
    let broken = |error: csv::Error| format!("It is broken: {error}.");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
    if is_header(&names) {
        return Err("It is a table of runs, which their files in JSON hold to the last digit: import those.".to_owned());
    }
    let is_sweep = vllm_bench::is_named(|name| names.iter().any(|have| have == name));
    if !is_sweep && !tgi_script::is_named(&names) {
        return Err(unknown("text"));
    }
    // One line after the other: a row takes more room than its line.
    let rows_of = reader.into_records().map(|record| {
        let record = record.map_err(broken)?;
        Ok(Row(names.iter().cloned().zip(record.iter().map(Cell::of_csv)).collect()))
    });
    if is_sweep { rows(rows_of, folder, true) } else { tgi_script::trials(rows_of, folder) }
}

/// The results of a sweep's summary.
fn rows(rows: impl Iterator<Item = Result<Row, String>>, folder: &str, are_copies: bool) -> Result<Vec<Trial>, String> {
    let mut trials = Vec::new();
    for (place, row) in (1..).zip(rows.take(MAX_TRIALS + 1)) {
        let row = row?;
        if !vllm_bench::is_one(&row) {
            return Err(format!("Its result {place} lacks what a result has."));
        }
        let trial = vllm_bench::trial(&row, folder).map_err(|why| format!("Its result {place}: {why}"))?;
        trials.push(Trial { is_copy: are_copies, ..trial });
    }
    Ok(trials)
}

fn unknown(what: &str) -> String {
    format!(
        "It is {what}, but no result that is known here: those of vLLM's bench and its sweeps, GuideLLM, AIPerf, the \
         published study's scripts and Tokenprism's own exports are."
    )
}

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TopVisitor)
    }
}

/// Names alone: what stands behind them is checked and dropped, so that a long file takes no memory.
struct TopVisitor;

impl<'de> Visitor<'de> for TopVisitor {
    type Value = Top;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
            if names.len() < MAX_NAMES {
                names.insert(name);
            }
        }
        Ok(Top::Object(names))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Top, A::Error> {
        let first = seq.next_element()?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Top::List(if let Some(Top::Object(names)) = first { names } else { BTreeSet::new() }))
    }

    fn visit_unit<E>(self) -> Result<Top, E> {
        Ok(Top::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Top, E> {
        Ok(Top::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Top, E> {
        Ok(Top::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Top, E> {
        Ok(Top::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Top, E> {
        Ok(Top::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Top, E> {
        Ok(Top::Other)
    }
}
