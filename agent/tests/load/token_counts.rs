//! Owns the proof that tokens are counted by the best source there is, that it is named, and that doubts are shown.
//! Must not know how streams are decoded: raw servers stream, and records and figures are looked at.

use crate::raw_engine::{DONE, HEAD, chunk, run, serve, spec};
use serde_json::{Value, json};
use shared::caveat::Caveat;
use shared::outcome::Outcome;
use shared::summary::{Summary, TokenSource};
use std::io::Write;
use tokenprism::load::Stop;
use tokenprism::record::{ClientSide, RequestRecord, Tally, Terms, Window};
use tokenprism::stream::Protocol;
use tokenprism::workload::Workload;

fn text(text: &str) -> Value {
    json!({"choices": [{"index": 0, "text": text, "finish_reason": null}]})
}

fn with_ids(text: &str, ids: &[u32]) -> Value {
    json!({"choices": [{"index": 0, "text": text, "finish_reason": null, "token_ids": ids}]})
}

fn finish() -> Value {
    json!({"choices": [{"index": 0, "text": "", "finish_reason": "length"}]})
}

fn usage(prompt: u32, completion: u32) -> Value {
    json!({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})
}

/// Requests that are answered with these events, one after the other: their records, and what they amount to.
fn measure(protocol: Protocol, answers: Vec<Vec<Value>>) -> (Vec<RequestRecord>, Summary) {
    let requests = answers.len() as u32;
    let (port, _) = serve(move |n, stream| {
        stream.write_all(HEAD.as_bytes())?;
        for event in &answers[n as usize] {
            chunk(stream, &format!("data: {event}\n\n"))?;
        }
        chunk(stream, DONE)?;
        stream.write_all(b"0\r\n\r\n").map(|()| true)
    });
    let mut spec = spec(port, 1, Stop::Requests(requests));
    spec.target.protocol = protocol;
    let trial = run(spec);
    assert!(trial.records.iter().all(|r| r.outcome.is_ok()), "{:?}", trial.records);
    let window = Window {
        start_ns: trial.end.window_start_ns,
        end_ns: trial.end.window_end_ns,
        load_end_ns: trial.end.load_end_ns,
        by_count: true,
        arrival: shared::plan::Arrival::Closed,
    };
    let summary = Tally::of(&trial.records, window, &ClientSide::default()).summary(&Terms::default());
    (trial.records, summary)
}

fn completions(answers: Vec<Vec<Value>>) -> (Vec<RequestRecord>, Summary) {
    measure(Protocol::OpenAiCompletions, answers)
}

fn words(n: usize) -> Vec<Value> {
    vec![text("word"); n]
}

#[test]
fn without_usage_tokens_are_unknown_and_a_chunk_is_not_taken_for_one() {
    // CASES B14: usage was asked for and never came.
    let (records, summary) = completions(vec![[words(4), vec![finish()]].concat()]);
    assert_eq!((records[0].output_tokens, records[0].token_source), (None, TokenSource::Unknown));
    assert_eq!((summary.output_tokens, summary.output_throughput, summary.total_throughput), (None, None, None));
    assert_eq!((summary.tpot.n, summary.tpot.absent, summary.ttft.n), (Some(0), Some(1), Some(1)));
    assert_eq!(summary.token_source, TokenSource::Unknown);
    assert!(summary.caveats.contains(&Caveat::TokenCountUnknown), "{:?}", summary.caveats);
}

#[test]
fn token_ids_stand_in_for_a_missing_usage_and_are_named() {
    let chunks = vec![with_ids("ab", &[1, 2]), with_ids("c", &[3]), finish()];
    let (records, summary) = completions(vec![chunks]);
    assert_eq!((records[0].output_tokens, records[0].token_source), (Some(3), TokenSource::TokenIds));
    assert_eq!((summary.output_tokens, summary.token_source), (Some(3), TokenSource::TokenIds));
}

#[test]
fn one_answer_without_a_count_leaves_the_sum_unknown_and_not_smaller() {
    // CASES B14: sources are never mixed in one figure.
    let counted = [words(4), vec![finish(), usage(7, 4)]].concat();
    let uncounted = [words(4), vec![finish()]].concat();
    let (records, summary) = completions(vec![counted, uncounted]);
    assert_eq!((records[0].output_tokens, records[1].output_tokens), (Some(4), None));
    assert_eq!((summary.ok, summary.output_tokens, summary.token_source), (2, None, TokenSource::Unknown));
    assert!(summary.caveats.contains(&Caveat::TokenCountUnknown), "{:?}", summary.caveats);
}

#[test]
fn the_servers_count_comes_before_any_other() {
    // CASES B15: 100 spaces, which a tokenizer would count as a handful.
    let spaces = [vec![text(" "); 100], vec![finish(), usage(7, 100)]].concat();
    let (records, summary) = completions(vec![spaces]);
    assert_eq!((records[0].output_tokens, records[0].chunks.len()), (Some(100), 100));
    assert_eq!((summary.output_tokens, summary.token_source), (Some(100), TokenSource::ServerUsage));
    assert!(!summary.caveats.contains(&Caveat::TokenCountsDoubtful), "{:?}", summary.caveats);
}

#[test]
fn a_count_that_contradicts_the_servers_total_is_shown_as_a_doubt_and_not_used() {
    // CASES B15: token ids that tell of 7 tokens where the total says 100.
    let few = (0..100).map(|n| with_ids(" ", if n < 7 { &[1] } else { &[] }));
    let (records, summary) = completions(vec![few.chain([finish(), usage(7, 100)]).collect()]);
    assert_eq!((records[0].output_tokens, records[0].token_source), (Some(100), TokenSource::ServerUsage));
    assert_eq!(summary.output_tokens, Some(100));
    for caveat in [Caveat::TokenCountsDoubtful, Caveat::ChunkCountsEstimated] {
        assert!(summary.caveats.contains(&caveat), "{caveat:?} in {:?}", summary.caveats);
    }
}

#[test]
fn prompt_tokens_are_those_that_the_server_read_and_the_plan_keeps_its_own() {
    // CASES B16: 512 planned, 1,606 read with the chat template.
    let mut plan = shared::preset::find("first").unwrap();
    plan.workload.input_tokens = Some(shared::plan::Lengths::Fixed(512));
    assert_eq!(Workload::of(&plan, 1).unwrap().planned_tokens().unwrap().input, 512);
    let (records, summary) = completions(vec![[words(4), vec![finish(), usage(1606, 4)]].concat()]);
    assert_eq!((records[0].prompt_tokens, summary.prompt_tokens), (Some(1606), Some(1606)));
    let total = summary.total_throughput.unwrap() * summary.window_s;
    assert!((total - 1610.0).abs() < 1e-6, "{total}");
}

#[test]
fn more_reasoning_than_output_underflows_nothing_and_is_a_doubt() {
    // CASES B17.
    let delta =
        |delta: Value, finish: Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    let (all, reasoning) = (23_870, 23_871);
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": all,
        "completion_tokens_details": {"reasoning_tokens": reasoning}}});
    let answer = vec![
        delta(json!({"reasoning_content": "hm"}), Value::Null),
        delta(json!({"content": "so"}), Value::Null),
        delta(json!({}), json!("stop")),
        usage,
    ];
    let (records, summary) = measure(Protocol::OpenAiChat, vec![answer]);
    assert_eq!((records[0].outcome, records[0].output_tokens), (Outcome::Ok, Some(all)));
    assert_eq!(summary.output_tokens, Some(u64::from(all)));
    assert!(summary.caveats.contains(&Caveat::TokenCountsDoubtful), "{:?}", summary.caveats);
}

#[test]
fn a_total_that_falls_is_a_doubt() {
    // CASES B13: the greatest total stands.
    let falling = [words(4), vec![usage(7, 4), finish(), usage(7, 3)]].concat();
    let (records, summary) = completions(vec![falling]);
    assert_eq!(records[0].output_tokens, Some(4));
    assert!(summary.caveats.contains(&Caveat::TokenCountsDoubtful), "{:?}", summary.caveats);
}
