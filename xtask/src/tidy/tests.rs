//! Owns the proof that each rule finds what it forbids, and leaves alone what it allows.
//! Must not know the repository: every case is a few lines of text.

use super::rules::RULES;
use super::source::{Source, has_word};

/// Lines on which that rule fails (warnings excluded).
fn check(rule: &str, path: &str, text: &str, expect: &[usize]) {
    let source = Source { path: path.into(), text: text.into() };
    let rule = RULES.iter().find(|known| known.name == rule).unwrap();
    let lines: Vec<usize> =
        (rule.check)(&source).iter().filter(|finding| !finding.only_warns).map(|finding| finding.line).collect();
    assert_eq!(lines, expect, "{} on {path}:\n{text}", rule.name);
}

#[test]
fn shared_takes_no_server_or_framework() {
    let text = "[dependencies]\nserde.workspace = true\ntokio = \"1\"\naxum.workspace = true\nleptos = { version = \"0.8\" }\n";
    check("shared-is-pure", "shared/Cargo.toml", text, &[3, 4, 5]);
    check("shared-is-pure", "agent/Cargo.toml", text, &[]);
    check("shared-is-pure", "shared/Cargo.toml", "[dependencies]\ntokio-free = \"1\"\n", &[]);
}

#[test]
fn axum_stays_in_its_rooms() {
    let text = "use axum::Router;\n// axum is fast\nfn f() {}\n";
    check("axum-in-its-rooms", "agent/src/hub/mod.rs", text, &[1]);
    for room in [
        "agent/src/http/routes.rs",
        "agent/src/engine/builtin/server.rs",
        "agent/src/bench/pacer.rs",
        "agent/tests/api.rs",
    ] {
        check("axum-in-its-rooms", room, text, &[]);
    }
    check("axum-in-its-rooms", "agent/src/engine/mod.rs", text, &[1]);
}

#[test]
fn nvml_stays_in_its_file() {
    check("nvml-in-its-file", "agent/src/cli/doctor.rs", "use nvml_wrapper::Nvml;\n", &[1]);
    check("nvml-in-its-file", "agent/src/telemetry/nvml/gpu.rs", "use nvml_wrapper::Nvml;\n", &[]);
    check("nvml-in-its-file", "agent/src/telemetry/mod.rs", "// nvml_wrapper loads it\nmod nvml;\n", &[]);
}

#[test]
fn echarts_stays_in_its_rooms() {
    check("echarts-in-its-rooms", "shared/src/chart/mod.rs", "let e = Echarts::new();\n", &[1]);
    check("echarts-in-its-rooms", "web/src/charts/mount.rs", "let e = Echarts::new();\n", &[]);
    check("echarts-in-its-rooms", "web/index.html", "<script src=\"/echarts.min.js\"></script>\n", &[]);
}

#[test]
fn pure_rooms_read_no_clock_and_no_file() {
    let text = "//! One.\n//! Two.\nlet t = std::time::Instant::now();\nlet f = std::fs::read(p);\n// std::fs in a comment\n\n#[cfg(test)]\nmod tests {\n    let f = std::fs::read(p);\n}\n";
    check("pure-rooms", "agent/src/record/mod.rs", text, &[3, 4]);
    check("pure-rooms", "agent/src/load/arrival.rs", text, &[3, 4]);
    check("pure-rooms", "agent/src/load/arrival/poisson.rs", text, &[3, 4]);
    check("pure-rooms", "agent/src/process/fsm.rs", text, &[3, 4]);
    check("pure-rooms", "agent/src/load/worker.rs", text, &[]);
    check("pure-rooms", "agent/src/stream/tests.rs", text, &[]);
}

#[test]
fn code_after_a_test_only_import_is_still_code() {
    let text = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nuse x;\nfn f() { tokio::spawn(g()) }\n";
    check("pure-rooms", "shared/src/wire.rs", text, &[5]);
}

#[test]
fn a_test_module_that_others_see_is_no_code_either() {
    let text = "use x;\n#[cfg(test)]\npub(super) mod tests {\n    fn f() { tokio::spawn(g()) }\n}\n";
    check("pure-rooms", "shared/src/wire.rs", text, &[]);
}

#[test]
fn vendors_stay_in_their_rooms() {
    let text =
        "if kind == \"vllm\" {}\n// as vLLM does\nlet tgi_stream = 1;\nlet tgid = 2;\nlet url = \"http://sglang/\";\n";
    check("vendors-in-their-rooms", "agent/src/hub/mod.rs", text, &[1, 3, 5]);
    check("vendors-in-their-rooms", "agent/src/engine/vllm.rs", text, &[]);
    check("vendors-in-their-rooms", "agent/src/stream/tgi.rs", text, &[]);
    check("vendors-in-their-rooms", "shared/src/metric.rs", text, &[]);
    check("vendors-in-their-rooms", "docs/engines.md", text, &[]);
}

#[test]
fn modules_begin_with_two_lines() {
    let body = "fn f() {}\n".repeat(12);
    check("module-header", "agent/src/hub/mod.rs", &format!("//! Owns.\n//! Must not.\n{body}"), &[]);
    check("module-header", "agent/src/hub/mod.rs", &format!("//! Owns.\n{body}"), &[1]);
    check("module-header", "web/src/pages/now.rs", &format!("use x;\n//! Late.\n//! Late.\n{body}"), &[1]);
    check("module-header", "web/src/main.rs", "fn main() {}\n", &[]);
    check("module-header", "agent/tests/api.rs", &body, &[]);
    let python = "baseline/tokenprism_baseline/front/text.py";
    check("module-header", python, &format!("\"\"\"Owns text.\nMust not know models.\n\"\"\"\n{body}"), &[]);
    check("module-header", python, &format!("\"\"\"Owns text.\n\"\"\"\n{body}"), &[1]);
    check("module-header", "baseline/tests/front/test_text.py", &body, &[]);
}

#[test]
fn long_files_warn_then_fail() {
    check("file-length", "agent/src/a.rs", &"x\n".repeat(800), &[]);
    check("file-length", "agent/src/a.rs", &"x\n".repeat(801), &[801]);
    check("file-length", "docs/a.md", &"x\n".repeat(2_000), &[]);
    let rule = RULES.iter().find(|rule| rule.name == "file-length").unwrap();
    let found = (rule.check)(&Source { path: "a.rs".into(), text: "x\n".repeat(501) });
    assert!(found.len() == 1 && found[0].only_warns);
}

#[test]
fn no_path_or_mirror_of_a_machine() {
    let text = "see /root/x\nsee /home/ada/x\nsee https://example.org/home/page/x\ncd /home/$USER/x\nsee ~/x\n\"/home/ada\" alone\n";
    check("no-machine", "docs/a.md", text, &[1, 2]);
    let lock = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\nsource = \"registry+https://mirror.example/index\"\n";
    check("no-machine", "Cargo.lock", lock, &[2]);
    check("no-machine", "web/package-lock.json", "{\n  \"resolved\": \"https://mirror.example/x.tgz\"\n}\n", &[2]);
    check("no-machine", "web/.npmrc", concat!("registry=https://registry.", "npmjs.org/\n"), &[1]);
}

#[test]
fn nothing_is_left_unfinished() {
    check(
        "nothing-unfinished",
        "agent/src/a.rs",
        "fn f() { todo!() }\nfn g() { dbg!(1); }\n// the todo list\n",
        &[1, 2],
    );
    check("nothing-unfinished", "README.md", "todo!()\n", &[]);
}

#[test]
fn words_end_at_underscores_and_not_in_letters() {
    assert!(has_word("let tgi_x", "tgi") && has_word("TGI", "tgi") && has_word("a tgid tgi", "tgi"));
    assert!(!has_word("tgid", "tgi") && !has_word("", "tgi") && !has_word("xtgi", "tgi"));
}
