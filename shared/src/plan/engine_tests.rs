//! Owns the cases of a plan's engine: what is taken, what is refused, and with which sentence.
//! Must not know how an engine is started.

use super::*;

/// A plan with these lines in `[engine]`; the sentence it is refused with must hold the words.
fn check(engine: &str, expect: Result<(), &str>) {
    let text = format!(
        "schema = 1\nname = \"x\"\n[workload]\ninput_tokens = 8\noutput_tokens = 4\n[load]\nconcurrency = [1, 4]\n\
         requests = 9\n[engine]\n{engine}\n"
    );
    match (Plan::from_toml(&text), expect) {
        (Ok(plan), Ok(())) => {
            assert_eq!(Plan::from_toml(&plan.to_toml()).as_ref(), Ok(&plan), "TOML of {text}");
            assert_eq!(Plan::from_json(&serde_json::to_string(&plan).unwrap()).as_ref(), Ok(&plan), "JSON of {text}");
        }
        (Err(error), Err(words)) => {
            let sentence = error.to_string();
            assert!(sentence.contains(words), "{sentence} lacks {words}");
        }
        (got, expect) => panic!("{text}: {got:?}, not {expect:?}"),
    }
}

const NATIVE: &str = "kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"m\"\n";
const DOCKER: &str = "kind = \"tgi\"\nlaunch = \"docker\"\nmodel = \"m\"\nimage = \"tgi:3.3.5\"\n";
const BY_URL: &str = "kind = \"vllm\"\nurl = \"http://box:8000\"\n";

#[test]
fn an_engine_is_started_or_attached() {
    check(NATIVE, Ok(()));
    check(DOCKER, Ok(()));
    check(BY_URL, Ok(()));
    check("kind = \"vllm\"", Err("engine.launch in the plan is missing: say how vLLM is started"));
    check("kind = \"openai_chat\"", Err("engine.url in the plan is missing"));
    check("kind = \"openai_chat\"\nlaunch = \"native\"", Err("OpenAI chat cannot be: a server of this kind"));
    check("kind = \"transformers\"\nlaunch = \"docker\"\nmodel = \"m\"", Err("can be started as native, or reached"));
    check(&format!("{BY_URL}launch = \"native\""), Err("engine.url in the plan is set beside launch"));
    check("kind = \"vllm\"\nlaunch = \"native\"", Err("engine.model in the plan is missing"));
    check("kind = \"builtin\"\nlaunch = \"native\"", Err("starts in one way only"));
    check("kind = \"builtin\"\nurl = \"http://x\"", Err("started by the agent"));
}

#[test]
fn a_server_that_runs_already_takes_no_parameters() {
    check(&format!("{BY_URL}gpu = \"L4\"\ngpus = 2"), Ok(()));
    check(&format!("{BY_URL}params = {{ max_num_seqs = 4 }}"), Err("takes none"));
}

#[test]
fn gpus_are_a_number_or_a_list() {
    check(&format!("{NATIVE}gpus = 2"), Ok(()));
    check(&format!("{NATIVE}gpus = [0, 3]"), Ok(()));
    check(&format!("{NATIVE}gpus = [\"GPU-8f3a\", \"GPU-91cc\"]"), Ok(()));
    check(&format!("{NATIVE}gpus = 0"), Err("engine.gpus in the plan must be from 1"));
    check(&format!("{NATIVE}gpus = []"), Err("engine.gpus in the plan must be from 1"));
    check(&format!("{NATIVE}gpus = [1, 1]"), Err("twice"));
    check(&format!("{NATIVE}gpus = [\"0,1\"]"), Err("nvidia-smi -L"));
    check(&format!("{NATIVE}gpus = \"all\""), Err("gpus are a number, or a list"));
}

#[test]
fn what_varies_gives_configurations_that_somebody_can_wait_for() {
    check(&format!("{NATIVE}vary = {{ max_num_seqs = [1, 64], prefix_caching = [true, false] }}"), Ok(()));
    check(&format!("{NATIVE}order = \"interleaved\"\nvary = {{ max_num_seqs = [1, 64] }}"), Ok(()));
    check(&format!("{NATIVE}order = \"interleaved\""), Err("engine.order in the plan needs an engine that varies"));
    check(&format!("{NATIVE}vary = {{ x = [] }}"), Err("engine.vary in the plan needs 1 to 64 values"));
    check(&format!("{NATIVE}vary = {{ x = [1, 1] }}"), Err("no two of them alike"));
    check(&format!("{NATIVE}params = {{ x = 1 }}\nvary = {{ x = [1, 2] }}"), Err("and so has engine.params"));
    check(&format!("{BY_URL}vary = {{ x = [1, 2] }}"), Err("needs an engine that the agent starts"));
    let nine = "[1, 2, 3, 4, 5, 6, 7, 8, 9]";
    check(&format!("{NATIVE}vary = {{ x = {nine}, y = {nine} }}"), Err("64 configurations"));
    check("kind = \"builtin\"\nvary = { batch = [1, 8] }", Ok(()));
}

#[test]
fn levels_that_are_searched_for_do_not_go_with_what_varies() {
    let text = "schema = 1\nname = \"x\"\n[workload]\ninput_tokens = 8\noutput_tokens = 4\n[load]\nduration_s = 1.0\n\
                search = { goal = \"saturation\", from = 1.0, to = 9.0 }\n\
                [engine]\nkind = \"builtin\"\nvary = { batch = [1, 8] }\n";
    assert!(Plan::from_toml(text).unwrap_err().to_string().contains("cannot stand beside load.search"));
}
