//! Owns the client bench as a user runs it: every row is there, nothing failed, and reader and account agree.
//! Must not know how it measures.

use std::process::Command;

#[test]
fn the_tables_have_every_row_and_no_request_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made/client.md");
    let output = Command::new(env!("CARGO_BIN_EXE_tokenprism"))
        .args(["bench", "client", "--streams", "2,8", "--tokens", "4", "--ttft-ms", "2", "--gap-ms", "1"])
        .args(["--repeats", "1", "--full-speed-streams", "4", "--many-streams", "0", "--long-prompt-tokens", "0"])
        .args(["--rate", "200", "--rate-seconds", "0.7", "--out"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| streams"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let streams: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(streams, ["2", "8", "4, full speed", "2", "8", "4, full speed", "offered", "200 requests/s"]);
    for row in rows.iter().filter(|row| row[0] != "offered") {
        let (ok, begun) = row[1].split_once(" / ").unwrap();
        assert!(ok == begun && ok.parse::<u32>().unwrap() >= 128, "{row:?}");
        // Busy machines may make the server late; nothing may make the two accounts disagree.
        let notes = row.last().unwrap();
        assert!(!notes.contains("disagree") && !notes.contains("failed"), "{row:?}");
    }
}
