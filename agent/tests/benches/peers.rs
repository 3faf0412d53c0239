//! Owns the comparison with other load tools as a user runs it, with scripts in their place: a tool that works, one that
//! fails, one that is absent; and no process of theirs is left, whatever becomes of the bench.
//! Must not know how a tool's figures are read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// A script that says a version and, called otherwise, does what the lines say.
fn script(folder: &Path, name: &str, lines: &str) -> PathBuf {
    let path = folder.join(name);
    let text = format!("#!/bin/sh\ncase \"$*\" in *--version*) echo \"{name} 1.2.3\"; exit;; esac\n{lines}\n");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn bench(tools: &[(&str, &Path)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokenprism"));
    command
        // None of the real tools.
        .env("PATH", "/usr/bin:/bin")
        .args(["bench", "client", "--streams", "2", "--tokens", "4", "--ttft-ms", "2", "--gap-ms", "1"])
        .args(["--repeats", "1", "--full-speed-streams", "0", "--many-streams", "0", "--long-prompt-tokens", "0"])
        .args(["--rate", "0", "--peers", "--peer-streams", "2"]);
    for (name, path) in tools {
        command.arg("--peer-command").arg(format!("{name}={}", path.display()));
    }
    command
}

fn alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits for what a script writes there.
fn written(file: &Path) -> String {
    for _ in 0..600 {
        match fs::read_to_string(file) {
            Ok(text) if text.ends_with('\n') => return text,
            _ => sleep(Duration::from_millis(50)),
        }
    }
    panic!("{} was not written", file.display());
}

fn assert_gone(pid: &str) {
    for _ in 0..600 {
        if !alive(pid) {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("process {pid} was left");
}

#[test]
fn every_tool_has_its_line_and_those_that_are_there_their_row() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("left");
    let works = script(
        folder.path(),
        "works",
        &format!(
            "sleep 1000 & echo $! > {}\necho '{{\"completed\": 130, \"mean_ttft_ms\": 7.5, \"failed\": 2}}' > result.json",
            left.display()
        ),
    );
    let fails = script(folder.path(), "fails", "echo 'no | such | file'; exit 3");
    let output = bench(&[("vllm", &works), ("aiperf", &fails)]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_gone(&written(&left));

    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("--peers --peer-streams 2 --peer-repeats 1`"), "{text}");
    let (_, peers) = text.split_once("\n## Peers\n").unwrap();
    assert!(peers.contains("- vLLM bench 1.2.3: "), "{peers}");
    assert!(peers.contains("- GuideLLM: not present. `pip install "), "{peers}");
    assert!(peers.contains("- inference-benchmarker: not present."), "{peers}");
    let row = |title: &str| {
        let start = format!("| 2 | {title} | ");
        let line = peers.lines().find(|line| line.starts_with(&start)).unwrap();
        line.trim_matches('|').split('|').map(str::trim).map(str::to_owned).collect::<Vec<_>>()
    };
    let ours = row("Tokenprism");
    // Whether the second stream still begins one when the first has ended the last is a matter of microseconds.
    let agree = |n: u32| ours[2] == format!("{n} / {n} (1.00)") && ours[8] == format!("{0} / {0} (1.00)", n * 4);
    assert!(agree(129) || agree(130), "{ours:?}");
    let theirs = row("vLLM bench");
    // It sent nothing, and so nothing is true of it.
    assert_eq!((theirs[2].as_str(), theirs[4].as_str()), ("130 / 0", "7.50 / –"));
    assert_eq!(theirs.last().unwrap(), "says that 2 requests failed");
    let notes = row("AIPerf").pop().unwrap();
    assert_eq!(notes, "gave no result: it ended with exit status: 3; it printed: no / such / file");
}

#[test]
fn a_killed_bench_leaves_no_tool_behind() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let stays = script(folder.path(), "stays", &format!("echo $$ > {}\nexec sleep 1000", pid.display()));
    let mut bench = bench(&[("guidellm", &stays)]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = written(&pid);
    assert!(alive(&pid));
    bench.kill().unwrap();
    bench.wait().unwrap();
    assert_gone(&pid);
}
