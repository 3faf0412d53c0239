//! Owns the cases of plans that are taken and refused.
//! Must not know how plans are executed.

use super::*;

/// A plan of these lines in `[workload]` and `[load]`; the sentence it is refused with must hold the word.
fn check(workload: &str, load: &str, expect: Result<&[Level], &str>) {
    let slo = if load.contains("slo") { "[slo]\nttft_ms = 200.0\n" } else { "" };
    let text = format!(
        "schema = 1\nname = \"x\"\n{slo}[engine]\nkind = \"builtin\"\n[workload]\n{workload}\n[load]\n{load}\n"
    );
    match (Plan::from_toml(&text), expect) {
        (Ok(plan), Ok(levels)) => {
            assert_eq!(plan.load.levels(), levels, "{text}");
            assert_eq!(Plan::from_toml(&plan.to_toml()).as_ref(), Ok(&plan), "TOML of {text}");
            assert_eq!(Plan::from_json(&serde_json::to_string(&plan).unwrap()).as_ref(), Ok(&plan), "JSON of {text}");
        }
        (Err(error), Err(word)) => {
            let sentence = error.to_string();
            assert!(sentence.contains(word), "{sentence} lacks {word}");
        }
        (got, expect) => panic!("{text}: {got:?}, not {expect:?}"),
    }
}

const FIXED: &str = "input_tokens = 8\noutput_tokens = 4";

#[test]
fn arrivals() {
    let load = |load: &str, expect| check(FIXED, load, expect);
    load("concurrency = [1, 4]\nrequests = 9", Ok(&[Level::Concurrency(1), Level::Concurrency(4)]));
    load("arrival = \"burst\"\nconcurrency = [8]\nrequests = 16", Ok(&[Level::Burst(8)]));
    load("arrival = \"constant\"\nrate = [2.0, 0.5]\nduration_s = 9.0", Ok(&[Level::Rate(2.0), Level::Rate(0.5)]));
    load(
        "arrival = \"gamma\"\nburstiness = 0.5\nrate = [2.0]\nduration_s = 9.0\nmax_in_flight = 7",
        Ok(&[Level::Rate(2.0)]),
    );
    load(
        "arrival = \"ramp\"\nramp = { from_rate = 1.0, to_rate = 9.0, curve = \"exponential\" }\nduration_s = 9.0",
        Ok(&[Level::Ramp { from: 1.0, to: 9.0 }]),
    );
    load("search = { goal = \"saturation\", from = 1.0, to = 64.0 }\nduration_s = 5.0", Ok(&[]));
    load("arrival = \"poisson\"\nsearch = { goal = \"slo\", from = 0.5, to = 64.0 }\nduration_s = 5.0", Ok(&[]));
    check(
        "",
        "arrival = \"trace\"\ntrace = { file = \"t.jsonl\", speed_up = 2.0 }",
        Ok(&[Level::Trace { speed_up: 2.0 }]),
    );
}

#[test]
fn what_would_be_ignored_or_cannot_be_is_refused() {
    let load = |load: &str, word| check(FIXED, load, Err(word));
    load("requests = 9", "load.concurrency in the plan needs 1 to 64 levels");
    load("arrival = \"poisson\"\nduration_s = 1.0", "load.rate in the plan needs");
    load("arrival = \"poisson\"\nconcurrency = [4]\nrate = [1.0]\nduration_s = 1.0", "arrival is Poisson: remove it");
    load("concurrency = [4]\nrate = [1.0]\nduration_s = 1.0", "load.rate");
    load("concurrency = [4]\nburstiness = 1.0\nduration_s = 1.0", "load.burstiness");
    load("concurrency = [4]\nmax_in_flight = 5\nduration_s = 1.0", "load.max_in_flight");
    load("arrival = \"gamma\"\nrate = [1.0]\nduration_s = 1.0", "load.burstiness in the plan is missing");
    load("arrival = \"poisson\"\nrate = [0.0]\nduration_s = 1.0", "above 0");
    load("arrival = \"poisson\"\nrate = [1.0, 1.0]\nduration_s = 1.0", "twice");
    load("arrival = \"poisson\"\nrate = [100000.0]\nduration_s = 3600.0", "10,000,000 requests");
    load("arrival = \"ramp\"\nduration_s = 1.0", "load.ramp in the plan is missing");
    load("arrival = \"ramp\"\nramp = { from_rate = 1.0, to_rate = 2.0 }\nrequests = 5", "load.duration_s");
    load(
        "concurrency = [1]\nsearch = { goal = \"saturation\", from = 1.0, to = 9.0 }\nduration_s = 1.0",
        "finds its levels itself",
    );
    load("search = { goal = \"saturation\", from = 9.0, to = 1.0 }\nduration_s = 1.0", "load.search");
    load("search = { goal = \"saturation\", from = 1.5, to = 9.0 }\nduration_s = 1.0", "whole numbers");
    load("search = { goal = \"saturation\", from = 1.0, to = 9.0, attainment = 0.9 }\nduration_s = 1.0", "attainment");
    check(
        FIXED,
        "search = { goal = \"slo\", from = 1.0, to = 9.0, attainment = 1.0 }\nduration_s = 1.0",
        Err("attainment"),
    );
    load("concurrency = [1]\nlevels = 3\nrequests = 1", "levels");
}

#[test]
fn a_search_for_limits_needs_limits() {
    let text = "schema = 1\nname = \"x\"\n[engine]\nkind = \"builtin\"\n[workload]\ninput_tokens = 8\noutput_tokens = 4\n\
                [load]\nduration_s = 1.0\nsearch = { goal = \"slo\", from = 1.0, to = 9.0 }\n";
    assert!(Plan::from_toml(text).unwrap_err().to_string().contains("slo in the plan is missing"));
}

#[test]
fn telemetry_has_a_rate() {
    let check = |lines: &str, expect: Result<f64, &str>| {
        let text = format!(
            "schema = 1\nname = \"x\"\n[engine]\nkind = \"builtin\"\n[workload]\n{FIXED}\n[load]\nconcurrency = [1]\n\
             requests = 1\n{lines}\n"
        );
        match (Plan::from_toml(&text), expect) {
            (Ok(plan), Ok(rate)) => {
                assert_eq!(plan.telemetry_hz(), rate, "{lines}");
                assert_eq!(Plan::from_toml(&plan.to_toml()).as_ref(), Ok(&plan), "{lines}");
            }
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (got, expect) => panic!("{lines}: {got:?}, not {expect:?}"),
        }
    };
    check("", Ok(1.0));
    check("[telemetry]", Ok(1.0));
    check("[telemetry]\nrate_hz = 10.0", Ok(10.0));
    check("[telemetry]\nrate_hz = 0.0", Err("telemetry.rate_hz in the plan must be from 0.1 to 20"));
    check("[telemetry]\nrate_hz = 50.0", Err("telemetry.rate_hz in the plan"));
    check("[telemetry]\nrate_hz = nan", Err("telemetry.rate_hz in the plan"));
    check("[telemetry]\nrate = 1.0", Err("rate"));
}

#[test]
fn workloads() {
    let one: &[Level] = &[Level::Concurrency(1)];
    let workload = |workload: &str, expect| check(workload, "concurrency = [1]\nrequests = 9", expect);
    workload("input_tokens = { distribution = \"uniform\", min = 4, max = 9 }\noutput_tokens = 4", Ok(one));
    workload(
        "input_tokens = { distribution = \"normal\", mean = 9.0, sd = 2.0, min = 4, max = 20 }\noutput_tokens = 4",
        Ok(one),
    );
    workload(
        "prompts = \"all\"\noutput_tokens = { distribution = \"log_normal\", median = 9.0, sigma = 0.5, min = 1, max = 90 }",
        Ok(one),
    );
    workload(
        "prompts = \"all\"\noutput_tokens = { distribution = \"histogram\", bins = [[4, 1.0], [9, 0.5]] }",
        Ok(one),
    );
    workload("input_tokens = 9\noutput_tokens = 4\nprefix = { groups = 3, tokens = 64 }", Ok(one));
    workload("input_tokens = 9\noutput_tokens = 4\nsessions = { turns = 3, think_s = 0.5 }", Ok(one));
    workload("input_tokens = 9\nprompts = \"all\"\noutput_tokens = 4", Err("exactly one"));
    workload("input_tokens = 9", Err("workload.output_tokens in the plan is missing"));
    workload("input_tokens = 0\noutput_tokens = 4", Err("workload.input_tokens"));
    workload(
        "input_tokens = { distribution = \"uniform\", min = 9, max = 4 }\noutput_tokens = 4",
        Err("max not below"),
    );
    workload("input_tokens = { distribution = \"histogram\", bins = [] }\noutput_tokens = 4", Err("pairs"));
    for strange in [
        "\"cauchy\"",
        "\"uniform\", min = 4",
        "\"uniform\", min = 4, max = 9, mean = 5.0",
        "\"uniform\", min = 4, max = 9, x = 1",
    ] {
        let input = format!("input_tokens = {{ distribution = {strange} }}\noutput_tokens = 4");
        workload(&input, Err("distributions are uniform"));
    }
    workload("prompts = \"all\"\noutput_tokens = 4\nprefix = { groups = 3, tokens = 64 }", Err("synthetic"));
    workload("prompts = \"all\"\noutput_tokens = 4\nsessions = { turns = 3 }", Err("one turn"));
    check(FIXED, "arrival = \"trace\"\ntrace = { file = \"t.jsonl\" }", Err("whose own hold"));
}
