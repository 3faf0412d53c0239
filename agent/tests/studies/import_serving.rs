//! Owns the test of the import command beside a serving agent: the files reach it, and so do the answers.
//! Must not know how files are read.

use crate::support::{Agent, PROGRAM, finished};
use std::path::Path;
use std::process::Command;

#[tokio::test]
async fn the_serving_agent_takes_a_folder_in() {
    let data = tempfile::tempdir().unwrap();
    let agent = Agent::start(data.path());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/import");
    let import = || {
        let output = finished(Command::new(PROGRAM).arg("import").arg(&folder).arg("--data").arg(data.path()));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let told = import();
    assert!(told.contains("refused: import/README.md: ") && told.contains("7 files, import/sweep/"), "{told}");
    let (_, rows) = agent.get("/api/v1/runs").await;
    let sources: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["source"].as_str().unwrap()).collect();
    assert!(told.ends_with(&format!("new runs: {}\n", sources.len())), "{told}");
    for tool in ["vLLM bench", "GuideLLM", "AIPerf", "the study's TGI script", "the study's KV cache script"] {
        assert!(sources.contains(&tool), "{tool} is not in {sources:?}");
    }
    let again = import();
    assert!(again.ends_with("1 refused; new runs: 0\n"), "{again}");
    assert_eq!(agent.get("/api/v1/runs").await.1, rows);
}
