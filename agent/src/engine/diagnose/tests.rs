//! Owns the cases: logs of failed starts and deaths as files, each with what is to be found in it.
//! Must not know how it is found.

use super::*;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// A log with the cause and the words of the line that are to be found, from its first lines.
struct Case {
    name: String,
    cause: String,
    says: Option<String>,
    ending: Ending,
    log: Vec<String>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/engine_failures");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "log")).map(|path| case(&path)).collect()
}

fn case(path: &Path) -> Case {
    let text = std::fs::read_to_string(path).unwrap();
    let (head, log) = text.split_once("\n\n").expect("a head, an empty line, the log");
    let value = |key: &str| head.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned());
    let ending = value("ending:").unwrap_or_else(|| "code 1".into());
    let (kind, number) = ending.split_once(' ').unwrap();
    let number = number.parse().unwrap();
    Case {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        cause: value("cause:").unwrap(),
        says: value("says:"),
        ending: if kind == "signal" { Ending::Signal(number) } else { Ending::Code(number) },
        log: log.lines().map(str::to_owned).collect(),
    }
}

#[test]
fn every_case_shows_its_root() {
    for case in cases() {
        let lines: Vec<&str> = case.log.iter().map(String::as_str).collect();
        let found = diagnose(&lines, Some(case.ending));
        assert_eq!(format!("{:?}", found.cause), case.cause, "{}: {:?}", case.name, found.line);
        match case.says {
            Some(says) => {
                let line = found.line.unwrap_or_default();
                assert!(line.contains(&says), "{}: {line}", case.name);
                assert!(case.log.iter().any(|logged| logged.trim() == line), "{}: {line} is no line of it", case.name);
            }
            None => assert_eq!(found.line, None, "{}", case.name),
        }
    }
}

#[test]
fn every_cause_has_a_case_and_an_advice() {
    let covered: BTreeSet<String> = cases().into_iter().map(|case| case.cause).collect();
    for cause in Cause::ALL {
        assert!(covered.contains(&format!("{cause:?}")), "{cause:?} has no log");
        assert!(cause.advice().ends_with('.'), "{cause:?}");
    }
}

#[test]
fn every_case_is_found_in_the_middle_of_chatter_too() {
    let chatter = |n: usize| format!("INFO 01-01 00:00:{:02} [core.py:1] step {n}", n % 60);
    for case in cases() {
        let mut log: Vec<String> = (0..50).map(chatter).collect();
        log.extend(case.log.iter().cloned());
        log.extend((50..100).map(chatter));
        let lines: Vec<&str> = log.iter().map(String::as_str).collect();
        assert_eq!(format!("{:?}", diagnose(&lines, Some(case.ending)).cause), case.cause, "{}", case.name);
    }
}

#[test]
fn a_death_is_explained_by_what_happened_why_and_what_to_do() {
    let check = |failure, lines: &[&str], expect: &str| assert_eq!(explain(&Death::saying(failure, lines)), expect);
    let exited = |code| Failure::Exited(Ending::Code(code));
    let advice = Cause::DeviceMemory.advice();
    let line = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB.";
    let found = format!("Its process ended (exit code 0). {advice} Its log says: {line}");
    check(exited(0), &["INFO a", line, "INFO b"], &found);
    check(exited(1), &[], "Its process ended (exit code 1). Its log shows more.");
    check(exited(1), &["one", "two", ""], "Its process ended (exit code 1). Its log shows more. Its log says: two");
    check(Failure::Spawn("no such file".into()), &[line], "no such file");
    let slow = || Failure::TooSlow { limit: Duration::from_secs(9), last: "connection refused".into() };
    check(slow(), &["INFO loading"], "It had not generated a token after 9 s: connection refused");
    let found = format!("It had not generated a token after 9 s: connection refused {advice} Its log says: {line}");
    check(slow(), &[line], &found);
}

#[test]
fn warnings_of_something_that_it_can_live_with_are_no_cause() {
    let check = |line: &str, expect: bool| assert_eq!(is_serious(line), expect, "{line}");
    check("WARNING 10-03 20:16:19 _custom_ops.py:18] Failed to import ImportError('libcuda.so.1: cannot open')", false);
    check("(EngineCore pid=9) WARNING 06-02 00:51:39 [x.py:1] No module named 'y'", false);
    check("2025-03-13T08:38:14.143354Z  WARN text_generation_router: No module named 'y'", false);
    check("[2025-03-29 18:12:40] INFO: No module named 'y'", false);
    check("x.py:651: UserWarning: Not enough free disk space to download the file.", false);
    check("ImportError: libcudart.so.12: cannot open shared object file", true);
    check("(EngineCore pid=9) ERROR 06-02 00:51:39 [x.py:1] ValueError: INFO", true);
    check("    raise RuntimeError(\"Failed to infer device type\")", false);
    check("ERROR:    [Errno 98] error while attempting to bind", true);
}
