//! Owns the proof that workloads ask what their plan says: files of every format, traces, and lengths to the token.
//! Must not know how prompts are made.

use crate::raw_engine::{run, spec};
use std::sync::Arc;
use tokenprism::engine::builtin::{self, BuiltinOptions};
use tokenprism::engine::{Ask, Extras, Message, Prompt, RequestShape, Role, Vocabulary};
use tokenprism::load::{Request, Stop, Work};
use tokenprism::stream::Protocol;
use tokenprism::workload::{Workload, WorkloadRefused};

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/workloads/{name}", env!("CARGO_MANIFEST_DIR"))
}

const CLOSED: &str = "concurrency = [2]\nrequests = 8";

/// The workload of a plan on the built-in engine, made of the lines of its two sections.
fn workload(workload: &str, load: &str) -> Result<Workload, WorkloadRefused> {
    let plan = format!(
        "schema = 1\nname = \"W\"\n[engine]\nkind = \"builtin\"\n[workload]\nseed = 11\n{workload}\n[load]\n{load}\n"
    );
    Workload::of(&shared::plan::Plan::from_toml(&plan).unwrap(), 5)
}

fn from_file(name: &str, more: &str) -> Result<Workload, WorkloadRefused> {
    workload(&format!("file = \"{}\"\noutput_tokens = 9\nnonce = false\n{more}", fixture(name)), CLOSED)
}

fn asks(work: &Workload, index: u64) -> Vec<Ask> {
    work.piece(index, index).asks
}

fn said(prompt: &Prompt) -> Vec<(Role, &str)> {
    let Prompt::Messages(messages) = prompt else { panic!("messages expected, not {prompt:?}") };
    messages.iter().map(|Message { role, content }| (*role, content.as_str())).collect()
}

#[test]
fn a_text_file_has_a_prompt_a_line() {
    let work = from_file("prompts.txt", "").unwrap();
    let prompts: Vec<Prompt> = (0..3).map(|index| asks(&work, index).remove(0).prompt).collect();
    let text = |text: &str| Prompt::Text(text.to_owned());
    assert_eq!(prompts, [text("What is 2 + 2?"), text("Name a colour."), text("What is 2 + 2?")]);
}

#[test]
fn a_jsonl_file_has_texts_token_ids_and_messages_and_lengths_of_their_own() {
    let work = from_file("prompts.jsonl", "").unwrap();
    let [text, ids, messages] = [0, 1, 2].map(|index| asks(&work, index).remove(0));
    assert_eq!((text.prompt, text.output_tokens), (Prompt::Text("Name a river.".into()), 5));
    assert_eq!((ids.prompt, ids.output_tokens), (Prompt::TokenIds(vec![72, 105, 33]), 9));
    assert_eq!((said(&messages.prompt).len(), messages.output_tokens), (4, 9));
    // Token ids have a length that is known, so it is checked.
    let longest = work.planned_tokens().unwrap();
    assert_eq!((longest.input, longest.output), (3, 9));
    let error = work.clone().fitted(Some(Vocabulary::builtin()), Some(11)).unwrap_err().to_string();
    assert!(error.contains("The prompt in line 3"), "{error}");
    let error = work.fitted(None, None).unwrap_err().to_string();
    assert!(error.starts_with("The prompt in line 3 is a list of token ids"), "{error}");
}

#[test]
fn in_sessions_messages_are_turns_with_the_planned_replies_between_them() {
    let work = from_file("prompts.jsonl", "sessions = { turns = 5, think_s = 0.5 }").unwrap();
    let piece = work.piece(2, 2);
    assert_eq!((piece.asks.len(), piece.think_ns), (2, 500_000_000));
    assert_eq!(said(&piece.asks[0].prompt), [(Role::System, "Be brief."), (Role::User, "Why?")]);
    let all = said(&piece.asks[1].prompt);
    assert_eq!(all[2..], [(Role::Assistant, "Because."), (Role::User, "And then?")]);
    assert_eq!(asks(&work, 0).len(), 1);
}

#[test]
fn conversations_give_their_first_question_or_in_sessions_their_turns() {
    let first = from_file("conversations.json", "").unwrap();
    assert_eq!(said(&asks(&first, 0)[0].prompt), [(Role::User, "Name a tree.")]);
    // Without its beginning in the middle, and with two questions in a row as one; the empty one is passed over.
    let mended = [(Role::System, "Be brief."), (Role::User, "Name a hill.\n\nA high one.")];
    assert_eq!(said(&asks(&first, 1)[0].prompt), mended);

    let sessions = from_file("conversations.json", "sessions = { turns = 2 }").unwrap();
    let turns = asks(&sessions, 0);
    assert_eq!(turns.len(), 2);
    let oak = (Role::Assistant, "An oak.");
    assert_eq!(said(&turns[1].prompt), [(Role::User, "Name a tree."), oak, (Role::User, "And a bird?")]);
}

#[test]
fn with_a_nonce_every_session_begins_with_its_own_mark() {
    let file = format!("file = \"{}\"\noutput_tokens = 9\nsessions = {{ turns = 3 }}", fixture("conversations.json"));
    let work = workload(&file, CLOSED).unwrap();
    let (one, again) = (asks(&work, 0), work.piece(2, 50).asks);
    let first = |ask: &Ask| said(&ask.prompt)[0].1.to_owned();
    assert!(first(&one[0]).starts_with('[') && first(&one[0]).ends_with("] Name a tree."), "{}", first(&one[0]));
    assert_eq!(first(&one[0]), first(&one[2]));
    assert_ne!(first(&one[0])[..18], first(&again[0])[..18]);
}

/// A file with this content and ending is refused with these words, after its own path.
fn refused(ending: &str, content: &str, expect: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(format!("prompts.{ending}"));
    std::fs::write(&path, content).unwrap();
    let lines = format!("file = \"{}\"\noutput_tokens = 9", path.display());
    let error = workload(&lines, CLOSED).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(expect), "{error}");
}

#[test]
fn broken_files_are_refused_with_the_place_and_what_to_do() {
    refused("csv", "a,b", "does not say by its ending what it holds");
    refused("txt", "\n", "holds no prompt");
    refused("jsonl", "\n", "holds nothing to ask");
    refused("jsonl", "{\"prompt\": \"a\"}\nhello", "Line 2 of the file");
    refused("jsonl", "{\"text\": \"a\"}", "needs either `prompt` or `messages`");
    refused("jsonl", "{\"prompt\": \"\"}", "has an empty prompt");
    refused("jsonl", "{\"prompt\": []}", "has an empty prompt");
    refused("jsonl", "{\"prompt\": [1, -1]}", "prompt must be a text or a list of token ids");
    refused("jsonl", "{\"prompt\": \"a\", \"output_tokens\": 0}", "asks for 0 output_tokens");
    refused("jsonl", "{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\"}]}", "nothing is asked");
    refused("jsonl", "{\"messages\": [{\"role\": \"robot\", \"content\": \"a\"}]}", "robot");
    refused("json", "{\"conversations\": []}", "ShareGPT's form is a list");
    refused("json", "[{\"conversations\": [{\"from\": \"human\"}]}]", "missing field `value`");
    refused("json", "[{\"conversations\": [{\"from\": \"robot\", \"value\": \"a\"}]}]", "Conversation 1");
    refused("json", "[{\"conversations\": []}]", "holds nothing to ask");
    let error = from_file("absent.txt", "").map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("absent.txt could not be read") && error.contains("workload.file"), "{error}");
}

fn traced(speed_up: f64) -> Workload {
    let file = fixture("trace.jsonl");
    let trace = format!("arrival = \"trace\"\ntrace = {{ file = \"{file}\", speed_up = {speed_up} }}");
    workload("", &trace).unwrap()
}

fn traced_ids(work: &Workload, trial: u64, line: u64) -> Vec<u32> {
    match work.piece(line, trial * 1000 + line).asks.remove(0).prompt {
        Prompt::TokenIds(ids) => ids,
        other => panic!("token ids expected, not {other:?}"),
    }
}

#[test]
fn a_trace_gives_its_times_its_lengths_and_the_blocks_that_its_requests_share() {
    let work = traced(2.0);
    assert_eq!(work.offsets()[..], [0, 125_000_000, 125_000_000, 500_000_000]);
    let all: Vec<Vec<u32>> = (0..4).map(|line| traced_ids(&work, 0, line)).collect();
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [1100, 1024, 600, 80]);
    assert_eq!(asks(&work, 3)[0].output_tokens, 6);
    assert_eq!(all[0][..1024], all[1][..]);
    assert_eq!(all[0][..512], all[2][..512]);
    assert_ne!(all[0][512..528], all[2][512..528]);
    assert_ne!(all[0][..16], all[3][..16]);
    // A repeat shares blocks among its own requests, and none with the trial before.
    assert_ne!(traced_ids(&work, 1, 0)[..16], all[0][..16]);
    assert_eq!(traced_ids(&work, 1, 0)[..1024], traced_ids(&work, 1, 1)[..]);
    let error = work.fitted(None, Some(1102)).unwrap_err().to_string();
    assert!(error.starts_with("The request in line 1 of the trace: 1100 prompt tokens and 3 output"), "{error}");
}

#[test]
fn every_example_of_the_documentation_is_a_valid_plan() {
    let pages = [
        include_str!("../../../docs/workloads.md"),
        include_str!("../../../docs/load.md"),
        include_str!("../../../docs/engines.md"),
    ];
    let examples: Vec<&str> = pages
        .iter()
        .flat_map(|page| page.split("```toml\n").skip(1))
        .filter_map(|rest| rest.split_once("```"))
        .map(|(example, _)| example)
        .collect();
    assert!(examples.len() >= 12, "{examples:?}");
    for example in examples {
        let load = if example.contains("[load]") { String::new() } else { format!("[load]\n{CLOSED}\n") };
        let work =
            if example.contains("[workload]") { "" } else { "[workload]\nprompts = \"all\"\noutput_tokens = 4\n" };
        let engine = if example.contains("[engine]") { "" } else { "[engine]\nkind = \"builtin\"\n" };
        let text = format!("schema = 1\nname = \"W\"\n{engine}{work}{example}{load}");
        let plan = shared::plan::Plan::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        tokenprism::engine::check(&plan).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}

/// What the built-in engine counted for the first requests of a workload, and what was planned.
async fn counted(workload: Workload, requests: u32) -> Vec<(Option<u32>, Option<u32>)> {
    let engine = builtin::spawn(BuiltinOptions { batch: 4, ..BuiltinOptions::default() }).await.unwrap();
    let mut spec = spec(engine.address().port(), 4, Stop::Requests(requests));
    let model = "tokenprism-builtin-1m".to_owned();
    let shape =
        RequestShape { protocol: Protocol::OpenAiCompletions, model, extras: Extras::TokenIds, keeps_prompts: true };
    spec.work = Arc::new(move |at| {
        let piece = workload.piece(at.index, at.id);
        let request = |ask: &Ask| Request { body: shape.body(ask), expect_output_tokens: ask.output_tokens };
        Work { requests: piece.asks.iter().map(request).collect(), think_ns: piece.think_ns }
    });
    let trial = tokio::task::spawn_blocking(move || run(spec)).await.unwrap();
    assert!(trial.records.iter().all(|record| record.outcome.is_ok()), "{:?}", trial.records);
    trial.records.iter().map(|record| (record.prompt_tokens, record.output_tokens)).collect()
}

/// The lengths of the first requests, numbered from 100 on.
fn planned(workload: &Workload, requests: usize) -> Vec<(Option<u32>, Option<u32>)> {
    let mut planned = Vec::new();
    for index in 0.. {
        for ask in workload.piece(index, 100 + planned.len() as u64).asks {
            let Prompt::TokenIds(ids) = ask.prompt else { panic!("token ids expected") };
            planned.push((Some(ids.len() as u32), Some(ask.output_tokens)));
        }
        if planned.len() >= requests {
            break;
        }
    }
    planned.truncate(requests);
    planned
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_counts_what_was_planned_for_every_distribution() {
    // CASES B53, to the token.
    let lengths = [
        "input_tokens = 1\noutput_tokens = 3",
        "input_tokens = { distribution = \"uniform\", min = 1, max = 60 }\noutput_tokens = { distribution = \"uniform\", \
         min = 1, max = 9 }",
        "input_tokens = { distribution = \"normal\", mean = 40.0, sd = 20.0, min = 2, max = 90 }\noutput_tokens = 2",
        "input_tokens = { distribution = \"log_normal\", median = 30.0, sigma = 0.8, min = 2, max = 200 }\n\
         output_tokens = { distribution = \"histogram\", bins = [[1, 1.0], [7, 2.0]] }",
        "input_tokens = { distribution = \"histogram\", bins = [[5, 1.0], [50, 1.0]] }\noutput_tokens = 2\n\
         prefix = { groups = 2, tokens = 33 }",
        "input_tokens = { distribution = \"uniform\", min = 3, max = 12 }\noutput_tokens = 4\nsessions = { turns = 3 }",
    ];
    for lines in lengths {
        let work = workload(lines, CLOSED).unwrap();
        let counted = counted(work.clone(), 12).await;
        assert_eq!(counted, planned(&work, counted.len()), "{lines}");
    }
}
