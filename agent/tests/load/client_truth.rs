//! Owns the proof that the client counts what the server sent, and that a client which could not keep up says so
//! wherever its numbers are read.
//! Must not know the load generator's inside.
// clippy's own exemption covers test functions, not the helpers that they share.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokenprism::bench::{PacerConfig, PacerHandle, spawn_pacer_in_process};

const MS: u64 = 1_000_000;

fn pacer(ttft_ms: u64, gap_ms: u64) -> PacerHandle {
    let config = PacerConfig { ttft_ns: ttft_ms * MS, gap_ns: gap_ms * MS, ..PacerConfig::default() };
    spawn_pacer_in_process(config).unwrap()
}

/// A headless run against a pacing server, whose process `meanwhile` may torment; what it printed, and its file.
fn run(pacer: &PacerHandle, load: &str, meanwhile: impl FnOnce(Pid, &AtomicBool) + Send) -> (Output, Value) {
    let folder = tempfile::tempdir().unwrap();
    let plan = format!(
        "schema = 1\nname = \"truth\"\n[engine]\nkind = \"openai_completions\"\nurl = \"http://{}\"\n\
         [workload]\ninput_tokens = 4\noutput_tokens = 32\n[load]\n{load}\n",
        pacer.addr
    );
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("plan.toml"), plan).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_tokenprism"))
        .args(["run".as_ref(), at("plan.toml").as_os_str(), "--json".as_ref(), at("out.json").as_os_str()])
        .env("TOKENPRISM_DATA", at("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (pid, is_over) = (Pid::from_raw(i32::try_from(child.id()).unwrap()), AtomicBool::new(false));
    let output = std::thread::scope(|scope| {
        scope.spawn(|| meanwhile(pid, &is_over));
        let output = child.wait_with_output().unwrap();
        is_over.store(true, Ordering::SeqCst);
        output
    });
    (output, read(&at("out.json")))
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_clients_count_of_tokens_is_the_servers() {
    // CASES B41: 256 streams; the server's own account is the truth.
    let pacer = pacer(20, 8);
    let (output, file) = run(&pacer, "concurrency = [256]\nrequests = 512", |_, _| {});
    let said = String::from_utf8_lossy(&output.stdout);
    let account = pacer.account().unwrap();
    // The probe asks for a token of its own before load.
    let served: usize = account.requests.iter().map(|r| r.chunks.len()).filter(|n| *n == 32).sum();
    let trial = &file["points"][0]["summary"];
    assert_eq!(trial["ok"], trial["attempted"], "{said}");
    assert_eq!(served, 32 * (512 + 255), "{said}");
    assert_eq!(trial["tokens_per_chunk"], 1.0);
    assert_eq!(trial["in_flight_peak"], 256);
}

#[test]
fn a_client_that_was_held_up_does_not_pass_for_valid() {
    // CASES B43: the client's process gets a fifth of the time. The server's pace is the same as ever.
    let pacer = pacer(20, 5);
    let starve = |pid: Pid, is_over: &AtomicBool| {
        while !is_over.load(Ordering::SeqCst) {
            for (signal, ms) in [(Signal::SIGSTOP, 80), (Signal::SIGCONT, 20)] {
                // It may have ended meanwhile.
                if kill(pid, signal).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(ms));
            }
        }
    };
    let (output, file) = run(&pacer, "concurrency = [8]\nrequests = 120", starve);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(matches!(output.status.code(), Some(3 | 4)), "{:?}: {said}", output.status);
    assert_ne!(file["verdict"], "valid", "{said}");
    let labels: Vec<&str> =
        file["points"][0]["findings"].as_array().unwrap().iter().filter_map(|f| f["label"].as_str()).collect();
    assert!(labels.iter().any(|label| label.starts_with("client")), "{labels:?}");
    assert!(said.contains("client"), "{said}");
    // What the server says of itself does not move with the client.
    let account = pacer.account().unwrap();
    let mut ttft: Vec<u64> = account
        .requests
        .iter()
        .filter(|r| r.chunks.len() == 32)
        .filter_map(tokenprism::bench::Served::ttft_ns)
        .collect();
    ttft.sort_unstable();
    assert!(ttft[ttft.len() / 2] < 40 * MS, "{} ms", ttft[ttft.len() / 2] / MS);
}
