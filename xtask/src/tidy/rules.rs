//! Owns the rules, each with its reason: what ARCHITECTURE.md promises, as code.
//! Must not know where files come from.

use super::source::{Source, has_word};

/// A rule over one file.
pub struct Rule {
    /// Short name.
    pub name: &'static str,
    /// Why it is there.
    pub reason: &'static str,
    /// Finds the places that break it.
    pub check: fn(&Source) -> Vec<Finding>,
}

/// A place that breaks a rule.
#[derive(Debug, PartialEq)]
pub struct Finding {
    /// Counted from 1.
    pub line: usize,
    /// What stands there.
    pub what: String,
    /// Shown, but nothing fails.
    pub only_warns: bool,
}

impl Finding {
    fn error(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into(), only_warns: false }
    }
}

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        name: "shared-is-pure",
        reason: "shared compiles into the browser: no server, runtime, framework or GPU library may reach it",
        check: shared_is_pure,
    },
    Rule {
        name: "axum-in-its-rooms",
        reason: "the HTTP framework lives in http/, the built-in engine's server, the bench's pacing server and tests",
        check: axum_in_its_rooms,
    },
    Rule {
        name: "echarts-in-its-rooms",
        reason: "who draws is known in web/src/charts and agent/src/render only, so that charts stay pure definitions",
        check: echarts_in_its_rooms,
    },
    Rule {
        name: "nvml-in-its-file",
        reason: "agent/src/telemetry/nvml/ alone turns the NVIDIA library's answers into values or typed absence",
        check: nvml_in_its_file,
    },
    Rule {
        name: "pure-rooms",
        reason: "stream, load/arrival, record, process/fsm and shared do no I/O and take time as a parameter",
        check: pure_rooms,
    },
    Rule {
        name: "vendors-in-their-rooms",
        reason: "a vendor's name outside engine/, import/, export/, decoders and registries is logic in the wrong place",
        check: vendors_in_their_rooms,
    },
    Rule {
        name: "module-header",
        reason: "every module begins with two lines: what it owns, what it must not know",
        check: module_header,
    },
    Rule { name: "file-length", reason: "a file over 800 lines holds more than one thing", check: file_length },
    Rule {
        name: "no-machine",
        reason: "a developer's folders and a registry's mirror are of no use to anybody else",
        check: no_machine,
    },
    Rule {
        name: "nothing-unfinished",
        reason: "what is not written yet is absent, not a panic",
        check: nothing_unfinished,
    },
];

/// The rules and their tests name what they forbid.
const SELF: &[&str] = &["xtask/src/tidy/"];

fn shared_is_pure(source: &Source) -> Vec<Finding> {
    if source.path != "shared/Cargo.toml" {
        return Vec::new();
    }
    let forbidden = ["axum", "tokio", "leptos", "nvml-wrapper", "web-sys", "reqwest", "hyper"];
    let lines = source.text.lines().enumerate();
    lines
        .filter_map(|(number, line)| {
            let key = line.split(['=', '.']).next().unwrap_or_default().trim().trim_matches('"');
            forbidden.contains(&key).then(|| Finding::error(number + 1, format!("depends on {key}")))
        })
        .collect()
}

fn axum_in_its_rooms(source: &Source) -> Vec<Finding> {
    let rooms = ["agent/src/http/", "agent/src/engine/builtin/", "agent/src/bench/"];
    words_outside(source, &["axum"], &rooms)
}

fn echarts_in_its_rooms(source: &Source) -> Vec<Finding> {
    words_outside(source, &["echarts"], &["web/src/charts/", "agent/src/render/", "xtask/"])
}

fn nvml_in_its_file(source: &Source) -> Vec<Finding> {
    words_outside(source, &["nvml_wrapper"], &["agent/src/telemetry/nvml/"])
}

fn vendors_in_their_rooms(source: &Source) -> Vec<Finding> {
    let rooms = [
        "agent/src/engine/",
        "agent/src/import/",
        "agent/src/export/",
        "agent/src/stream/",
        // The pacing server speaks their protocols.
        "agent/src/bench/",
        // It brings the load tools that the bench compares us with.
        "xtask/src/peers.rs",
        "shared/src/engine/",
        "shared/src/metric",
        "shared/src/preset",
    ];
    words_outside(source, &["vllm", "sglang", "tgi", "ollama"], &rooms)
}

/// Lines of shipped Rust that hold one of the words, in a file outside all the rooms.
fn words_outside(source: &Source, words: &[&str], rooms: &[&str]) -> Vec<Finding> {
    if !source.is_rust() || source.is_in(rooms) || source.is_in(SELF) {
        return Vec::new();
    }
    let code = source.code().into_iter();
    code.filter_map(|(line, code)| {
        let word = words.iter().find(|word| has_word(code, word))?;
        Some(Finding::error(line, format!("names {word}")))
    })
    .collect()
}

fn pure_rooms(source: &Source) -> Vec<Finding> {
    let rooms =
        ["agent/src/stream/", "agent/src/load/arrival", "agent/src/record/", "agent/src/process/fsm", "shared/src/"];
    if !source.is_rust() || !source.is_in(&rooms) {
        return Vec::new();
    }
    let forbidden = ["std::net", "std::fs", "tokio::", "Instant::now", "SystemTime::now"];
    let code = source.code().into_iter();
    code.filter_map(|(line, code)| {
        let word = forbidden.iter().find(|word| code.contains(*word))?;
        Some(Finding::error(line, format!("uses {word}")))
    })
    .collect()
}

fn module_header(source: &Source) -> Vec<Finding> {
    let folders = ["agent/src/", "shared/src/", "web/src/", "xtask/src/", "baseline/tokenprism_baseline/"];
    // A file of a few lines says it all itself.
    let short = source.text.lines().count() < 10;
    if !(source.is_rust() || source.is_python()) || !source.is_in(&folders) || source.is_test() || short {
        return Vec::new();
    }
    let mut lines = source.text.lines();
    if source.is_python() {
        let headed = lines.next().is_some_and(|line| line.starts_with("\"\"\"Owns "))
            && lines.next().is_some_and(|line| line.starts_with("Must not know "));
        return if headed { Vec::new() } else { vec![Finding::error(1, "does not begin with two lines of docstring")] };
    }
    let headed = lines.take_while(|line| line.starts_with("//!")).count() >= 2;
    if headed { Vec::new() } else { vec![Finding::error(1, "does not begin with two lines of `//!`")] }
}

fn file_length(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    if !(source.is_rust() || source.is_python()) || lines <= 500 {
        return Vec::new();
    }
    vec![Finding { line: lines, what: format!("{lines} lines"), only_warns: lines <= 800 }]
}

fn no_machine(source: &Source) -> Vec<Finding> {
    if source.is_in(SELF) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        let mut say = |what: String| found.push(Finding::error(number + 1, what));
        if let Some(folder) = home_folder(line) {
            say(format!("names a developer's folder, {folder}"));
        }
        if let Some(host) = REGISTRY_HOSTS.iter().find(|host| line.contains(*host)) {
            say(format!("names a registry's host, {host}"));
        }
        if source.path.ends_with("Cargo.lock") && line.starts_with("source = ") && line != CRATES_IO {
            say("a crate from somewhere else than crates.io".into());
        }
        if source.path.ends_with("package-lock.json") && line.trim_start().starts_with("\"resolved\"") {
            say("a package pinned to a host; web/.npmrc keeps these lines out".into());
        }
    }
    found
}

/// How Cargo.lock marks every crate of the standard registry, whatever mirror served it.
const CRATES_IO: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

const REGISTRY_HOSTS: &[&str] = &[
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "index.crates.io",
    "static.crates.io",
    "files.pythonhosted.org",
    "pypi.org/simple",
    "static.rust-lang.org",
];

/// The home folder that a line names.
fn home_folder(line: &str) -> Option<String> {
    for prefix in ["/root/", "/home/", "/Users/"] {
        for (at, _) in line.match_indices(prefix) {
            // `example/home/…` and `…/root/` of a URL are no folders of a machine.
            if line[..at]
                .chars()
                .next_back()
                .is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '}' | '*'))
            {
                continue;
            }
            if prefix == "/root/" {
                return Some(prefix.to_owned());
            }
            let name: String = line[at + prefix.len()..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
                .collect();
            if !name.is_empty() && line[at + prefix.len() + name.len()..].starts_with('/') {
                return Some(format!("{prefix}{name}/"));
            }
        }
    }
    None
}

fn nothing_unfinished(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || source.is_in(SELF) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        for call in ["todo!", "unimplemented!", "dbg!"] {
            if line.contains(&format!("{call}(")) {
                found.push(Finding::error(number + 1, format!("holds {call}")));
            }
        }
    }
    found
}
