//! Owns what happens when the disk is full or refuses to store: a sentence and an end, never a wait.
//! Must not know how the log is stored.

use crate::small_disk::on_a_small_disk;
use crate::support::{Agent, LONG_PLAN, PROGRAM, SHORT_PLAN, engines_of, finished, state};
use serde_json::Value;
use std::process::{Command, Output};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
const FULL: &str = "The disk that holds the log is full";

fn refused(command: &mut Command, expect: &str) -> String {
    let Output { status, stderr, .. } = finished(command);
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.lines().any(|line| line.starts_with("tokenprism: ") && line.contains(expect)), "{said}");
    said
}

fn plan(dir: &std::path::Path, text: &str) -> String {
    let path = dir.join("plan.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_command_whose_disk_fills_up_ends_with_a_sentence() {
    let (dir, plans) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plan = plan(plans.path(), LONG_PLAN);
    let Some(mut run) = on_a_small_disk(dir.path(), 768, PROGRAM) else { return };
    refused(run.args(["run", &plan, "--data"]).arg(dir.path()), FULL);
    // No room for anything from the start.
    for command in [vec!["run", &plan], vec!["serve", "--listen", "127.0.0.1:0"]] {
        let mut program = on_a_small_disk(dir.path(), 16, PROGRAM).unwrap();
        refused(program.args(command).arg("--data").arg(dir.path()), FULL);
    }
}

#[tokio::test]
async fn a_run_whose_disk_fills_up_fails_with_a_sentence_until_no_more_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let Some(program) = on_a_small_disk(dir.path(), 768, PROGRAM) else { return };
    let agent = Agent::of(program, dir.path(), "127.0.0.1:0");
    for taken in 0.. {
        let (status, body) = agent.post("/api/v1/runs", LONG_PLAN.to_owned(), "application/toml").await;
        if status != 201 {
            assert!(taken > 0, "{body}");
            assert_eq!(status, 409, "{body}");
            assert!(body["error"].as_str().unwrap().starts_with(FULL), "{body}");
            break;
        }
        let run = body["run"].as_str().unwrap();
        let view = agent.wait(run, LIMIT, |view| state(view) == "failed").await;
        // Whichever file found no room first: the log, or the list of started engines.
        let reason = view["reason"].as_str().unwrap();
        assert!(reason.starts_with(FULL) || reason.contains("No space left on device"), "{reason}");
        let (_, rows) = agent.get("/api/v1/runs").await;
        assert_eq!(rows[0]["state"], Value::from("failed"));
        assert!(engines_of(agent.child.id()).is_empty());
    }
}

#[test]
fn a_command_whose_log_cannot_be_written_ends_with_a_sentence() {
    // No file may grow beyond a size that the log soon has: not a full disk, but nothing can be stored, not even that.
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(dir.path(), LONG_PLAN);
    let script = "trap '' XFSZ; ulimit -f 1100; exec \"$0\" \"$@\"";
    let mut run = Command::new("sh");
    run.args(["-c", script, PROGRAM, "run", &plan, "--data"]).arg(dir.path().join("data"));
    let said = refused(&mut run, "the end of the run could not be logged");
    assert!(said.contains("log.sqlite could not store events") && said.contains("Check that the disk"), "{said}");
}

#[test]
fn figures_that_cannot_be_written_say_where_they_still_are() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(dir.path(), SHORT_PLAN);
    let mut run = Command::new(PROGRAM);
    run.args(["run", &plan, "--json", "/dev/full", "--data"]).arg(dir.path().join("data"));
    refused(&mut run, "/dev/full could not be written; the run itself is kept in the log");
}
