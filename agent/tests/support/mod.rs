//! Owns what whole-program tests share: a real agent process on a free port, and its API.
//! Must not know the agent's insides.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test support fails by panicking")]

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_tokenprism");

/// A token long enough for the agent.
pub const TOKEN: &str = "test-token-0123456789-0123456789-0123456789";

/// How long a command may take that no test expects to be long.
const COMMAND_LIMIT: Duration = Duration::from_secs(300);

/// What a command said once it has ended. One that does not end is killed, and the test fails with what it had said: a test that
/// waits for ever tells nothing.
pub fn finished(command: &mut Command) -> Output {
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = piped.spawn().unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (ends, ended) = mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        let is_late = ended.recv_timeout(COMMAND_LIMIT) == Err(RecvTimeoutError::Timeout);
        is_late && nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL).is_ok()
    });
    let output = child.wait_with_output().unwrap();
    drop(ends);
    assert!(!guard.join().unwrap(), "{command:?} had not ended after {COMMAND_LIMIT:?}: {output:?}");
    output
}

/// A real agent process; killed when dropped.
pub struct Agent {
    pub child: Child,
    pub url: String,
}

impl Agent {
    /// Starts an agent on a free port and waits for the URL that it prints.
    pub fn start(data_dir: &std::path::Path) -> Self {
        Self::start_at(data_dir, "127.0.0.1:0")
    }

    /// Starts an agent on a given address.
    pub fn start_at(data_dir: &std::path::Path, address: &str) -> Self {
        Self::of(Command::new(PROGRAM), data_dir, address)
    }

    /// Starts an agent on a free port with further arguments.
    pub fn with(data_dir: &std::path::Path, args: &[&str]) -> Self {
        Self::begin(Command::new(PROGRAM), data_dir, "127.0.0.1:0", args)
    }

    /// Starts an agent on a free port whose driver is this library, and from which no GPU is hidden.
    pub fn driven_by(library: &std::path::Path, data_dir: &std::path::Path) -> Self {
        let mut command = Command::new(PROGRAM);
        command.env("TOKENPRISM_NVML", library).env_remove("CUDA_VISIBLE_DEVICES");
        Self::of(command, data_dir, "127.0.0.1:0")
    }

    /// Starts an agent by a command that the program's arguments can follow.
    pub fn of(command: Command, data_dir: &std::path::Path, address: &str) -> Self {
        Self::begin(command, data_dir, address, &[])
    }

    fn begin(mut command: Command, data_dir: &std::path::Path, address: &str, args: &[&str]) -> Self {
        command.args(["serve", "--listen", address, "--data"]).arg(data_dir).args(args);
        // No test asks the hub of models, but the one that brings its own.
        if !command.get_envs().any(|(name, _)| name == "HF_HUB_OFFLINE") {
            command.env("HF_HUB_OFFLINE", "1");
        }
        let mut child = command.env("TOKENPRISM_TOKEN", TOKEN).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("the agent ended before it printed its URL").unwrap();
            if let Some(url) = line.strip_prefix("Tokenprism serves on ") {
                break url.to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(client().get(format!("{}{path}", self.url)).bearer_auth(TOKEN)).await
    }

    pub async fn post(&self, path: &str, body: String, kind: &str) -> (u16, Value) {
        let request = client().post(format!("{}{path}", self.url)).bearer_auth(TOKEN);
        answer(request.header("content-type", kind).body(body)).await
    }

    /// Hands in a plan and gives the run's id.
    pub async fn submit(&self, plan_toml: &str) -> String {
        let (status, body) = self.post("/api/v1/runs", plan_toml.to_owned(), "application/toml").await;
        assert_eq!(status, 201, "{body}");
        body["run"].as_str().unwrap().to_owned()
    }

    /// Waits until the run's view satisfies a condition.
    pub async fn wait(&self, run: &str, limit: Duration, until: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let (status, view) = self.get(&format!("/api/v1/runs/{run}")).await;
            assert_eq!(status, 200, "{view}");
            if until(&view) {
                return view;
            }
            assert!(begun.elapsed() < limit, "the run did not come so far in {limit:?}: {}", view["state"]);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // SIGTERM lets it end its engine; a test that failed must leave nothing behind.
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap_or(0));
        if self.child.try_wait().ok().flatten().is_none()
            && nix::sys::signal::kill(pid, nix::sys::signal::SIGTERM).is_ok()
        {
            for _ in 0..200 {
                if self.child.try_wait().ok().flatten().is_some() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

pub fn client() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// State of a run's view as the API gives it.
pub fn state(view: &Value) -> &str {
    view["state"][0].as_str().unwrap_or("queued")
}

/// Processes of the built-in engine that belong to an agent: children of the processes that it has watch them.
pub fn engines_of(agent_pid: u32) -> Vec<i32> {
    let engines =
        |watcher: i32| children_of(watcher).into_iter().filter(|pid| cmdline(*pid).contains("builtin-engine"));
    children_of(agent_pid.cast_signed()).into_iter().flat_map(engines).collect()
}

/// Processes whose parent this is.
pub fn children_of(parent: i32) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return vec![] };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok()) == Some(parent)
        })
        .collect()
}

/// True where the process exists and is no zombie.
pub fn alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Memory of a process that is in RAM, KiB.
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn cmdline(pid: i32) -> String {
    String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).replace('\0', " ")
}

/// The agent's program with a `vllm` on its PATH that a shell plays: asked for its version, it keeps its environment in this
/// folder, which is `$DIR`, and tells; else it does what these lines say, and serves with the built-in engine.
pub fn with_vllm(dir: &std::path::Path, lines: &str) -> Command {
    use std::os::unix::fs::PermissionsExt;
    let script = format!(
        "#!/bin/bash\nif [ \"$1\" = --version ]; then env > \"$DIR/environment-of-the-question\"; echo 0.25.1; exit; fi\n{lines}\nwhile [ $# -gt 0 ]; do\n\
         case \"$1\" in --port) port=$2;; --served-model-name) name=$2;; esac\nshift\ndone\n\
         exec \"$PROGRAM\" builtin-engine --port \"$port\" --model-name \"$name\"\n"
    );
    let program = dir.join("vllm");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(PROGRAM);
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap());
    command.env("PATH", path).env("DIR", dir).env("PROGRAM", PROGRAM);
    command
}

/// A plan on the built-in engine that ends in a few seconds.
pub const SHORT_PLAN: &str = r#"
schema = 1
name = "Short"
[engine]
kind = "builtin"
[engine.params]
preset = "1m"
batch = 4
[workload]
input_tokens = 16
output_tokens = 8
[load]
concurrency = [1, 4]
requests = 12
"#;

/// The short plan with these lines of its engine.
pub fn plan_of(engine: &str) -> String {
    let builtin = "kind = \"builtin\"\n[engine.params]\npreset = \"1m\"\nbatch = 4\n";
    SHORT_PLAN.replace(builtin, &format!("{engine}\n"))
}

/// The short plan for a server by URL, with more lines of its engine.
pub fn attached(url: &str, more: &str) -> String {
    plan_of(&format!("kind = \"openai_completions\"\nurl = \"{url}\"\n{more}"))
}

/// A plan that would go on for minutes.
pub const LONG_PLAN: &str = r#"
schema = 1
name = "Long"
[engine]
kind = "builtin"
[engine.params]
preset = "1m"
batch = 4
[workload]
input_tokens = 16
output_tokens = 16
[load]
concurrency = [4]
duration_s = 300.0
"#;
