//! Owns the proof that `doctor --observer` says what sampling costs: this host alone, and beside an engine in pairs.
//! Must not know the agent's insides: the program is run as a user runs it.

use crate::fake_nvml::FakeNvml;
use crate::played_engine::{ABLE, play};
use serde_json::Value;
use std::process::{Command, Output};
use tokenprism::bench::{PacerConfig, spawn_pacer_in_process};

const GPU: &str = "[[device]]\nuuid = \"GPU-1\"\nname = \"NVIDIA L4\"\nsays = { power = 60000 }\n";

fn doctor(args: &[&str], more: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokenprism"));
    command.args(["doctor", "--observer"]).args(args);
    if !args.contains(&"--seconds") {
        command.args(["--seconds", "0.4"]);
    }
    more(&mut command);
    command.output().unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn names(figures: &Value) -> Vec<&str> {
    figures["readers"].as_array().unwrap().iter().map(|reader| reader["name"].as_str().unwrap()).collect()
}

#[test]
fn this_host_is_looked_at_alone() {
    let fake = FakeNvml::playing(GPU);
    let said = json(&doctor(&["--rate-hz", "20", "--json"], |command| {
        command.env("TOKENPRISM_NVML", fake.driver());
    }));
    let alone = &said["alone"];
    assert_eq!(names(alone), ["gpu", "gpu-slow", "host", "host-processes"]);
    assert!(alone["cpu_share"].as_f64().unwrap() > 0.0, "{alone}");
    let gpu = &alone["readers"][0];
    assert_eq!(gpu["asked_hz"], 20.0);
    assert!(gpu["reads"].as_u64().unwrap() > 1 && gpu["read_mean_ms"].as_f64().unwrap() > 0.0, "{gpu}");
    assert_eq!((&said["beside"], &said["rate_hz"]), (&Value::Null, &20.0.into()));
}

#[test]
fn beside_an_engine_pairs_of_trials_tell_what_changes() {
    let pacer = PacerConfig { ttft_ns: 2_000_000, gap_ns: 1_000_000, ..PacerConfig::default() };
    let (pacer, data) = (spawn_pacer_in_process(pacer).unwrap(), tempfile::tempdir().unwrap());
    let args = ["--engine", &format!("http://{}", pacer.addr), "--model", "pacer", "--pairs", "5"];
    let run = |more: &[&str]| {
        doctor(&[&args, more].concat(), |command| {
            command.arg("--data").arg(data.path());
        })
    };
    let said = json(&run(&["--json"]));
    let beside = &said["beside"];
    assert_eq!((beside["model"].as_str(), beside["pairs"].as_array().map(Vec::len)), (Some("pacer"), Some(5)));
    let mut differences = Vec::new();
    for pair in beside["pairs"].as_array().unwrap() {
        let of = |key: &str| pair[key].as_f64().unwrap();
        assert!(of("with_ms") >= 0.9 && of("without_ms") >= 0.9, "{pair}");
        differences.push(of("with_ms") - of("without_ms"));
    }
    let mean = differences.iter().sum::<f64>() / 5.0;
    let difference = &beside["difference_ms"];
    assert!((difference["mean"].as_f64().unwrap() - mean).abs() < 1e-9 && difference["n"] == 5, "{difference}");
    let noise = mean.abs() <= difference["half_width"].as_f64().unwrap();
    assert_eq!(beside["within_noise"], noise);
    assert_eq!(names(&beside["observer"]), ["engine-metrics", "host", "host-processes"]);
    let text = String::from_utf8(run(&[]).stdout).unwrap();
    for words in ["Sampling at 10 Hz took", "TPOT over 5 pairs of trials", "Sampling changed it by"] {
        assert!(text.contains(words), "{words} in {text}");
    }
}

#[test]
fn what_cannot_be_measured_is_a_sentence() {
    let (played, data) = (play(ABLE), tempfile::tempdir().unwrap());
    let check = |args: &[&str], words: &str| {
        let output = doctor(args, |command| {
            command.arg("--data").arg(data.path());
        });
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words), "{args:?}: {said}");
    };
    // Its answers come at once.
    check(&["--engine", &played.url], "have no time per output token");
    check(&["--engine", "http://127.0.0.1:1"], "127.0.0.1:1");
    check(&["--rate-hz", "100"], "a run samples at 0.1 to 20 Hz");
    check(&["--seconds", "0"], "must be from 0.1 to 600");
    check(&["--engine", "builtin", "--pairs", "4"], "4 is not in 5..=1000");
}
