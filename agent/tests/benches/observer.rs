//! Owns the observer's bench as a user runs it: pairs of trials, eight played GPUs and a page of metrics read in each that
//! samples, and a table of what that changed.
//! Must not know how it samples.

use crate::fake_nvml::FakeNvml;
use std::process::Command;

#[test]
fn every_trial_is_in_the_table_and_those_that_sample_say_what_that_cost() {
    let (fake, folder) = (FakeNvml::playing(""), tempfile::tempdir().unwrap());
    let file = folder.path().join("made/observer.md");
    let output = Command::new(env!("CARGO_BIN_EXE_tokenprism"))
        .args(["bench", "observer", "--pairs", "2", "--streams", "50", "--requests", "100", "--tokens", "8"])
        .arg("--driver")
        .arg(fake.driver())
        .arg("--out")
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let rows = |begins: &str| -> Vec<Vec<String>> {
        let rows = text.lines().filter(|line| line.starts_with(begins));
        rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
    };
    let (sampled, alone) = (rows("| sampled"), rows("| alone"));
    assert_eq!((sampled.len(), alone.len()), (2, 2), "{text}");
    for row in &sampled {
        // Share of a core, and time of a read of GPUs and of the page.
        for cell in &row[7..10] {
            assert!(cell.parse::<f64>().is_ok_and(|value| value > 0.0), "{row:?}");
        }
    }
    assert!(alone.iter().all(|row| row[7..].iter().all(|cell| cell == "–")), "{alone:?}");
    for figure in ["| load thread late p99 |", "| TTFT mean, error |", "| gap p99, error |"] {
        assert!(text.contains(figure), "{figure} in {text}");
    }
}
