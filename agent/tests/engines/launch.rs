//! Owns the life of engines that a plan starts: programs on PATH play them, with the built-in engine behind.
//! Must not know the agent's insides.

use crate::played_engine::{ABLE, play, play_on};
use crate::support::{Agent, PROGRAM, alive, children_of, engines_of, plan_of, state};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
const SECRET: &str = "hf_S3cretOfThisTest";

/// Plays `vllm`: notes each call, and serves with the built-in engine. Told so by its arguments, it fails.
const VLLM: &str = r#"#!/bin/sh
echo "$@" >> "$DIR/calls"
if [ "$1" = --version ]; then echo "WARNING: needs torch 2.11.0" >&2; echo 0.25.1; exit; fi
[ "$HF_TOKEN" = hf_S3cretOfThisTest ] && touch "$DIR/got-token"
[ -z "$TOKENPRISM_TOKEN" ] && touch "$DIR/got-no-agent-token"
echo "non-default args: token=$HF_TOKEN"
case "$*" in *--fail*|*"--max-num-seqs 13"*)
  echo "torch.OutOfMemoryError: CUDA out of memory." >&2; echo "RuntimeError: Engine core initialization failed." >&2; exit 1;;
esac
case "$*" in *--sleep*) exec sleep 300;; esac
while [ $# -gt 0 ]; do
  case "$1" in --port) port=$2;; --served-model-name) name=$2;; esac
  shift
done
echo "Starting to load model $name..."
exec "$PROGRAM" builtin-engine --port "$port" --model-name "$name"
"#;

/// Plays `docker`: notes each call, and for `run` serves with the built-in engine on the port that is let through.
const DOCKER: &str = r#"#!/bin/sh
for arg in "$@"; do printf '%s\n' "$arg"; done >> "$DIR/docker-$1"
container() { cat "$DIR/$1.pid" 2>/dev/null; }
case "$1" in
  image) echo '["engine@sha256:1f00"]'; exit;;
  port) echo "8000/tcp -> $(cat "$DIR/$2.port")"; exit;;
  ps) for last; do :; done; name=${last#name=^/}; name=${name%\$}
    [ -e "$DIR/leftover" ] && cat "$DIR/leftover"
    pid=$(container "$name") && kill -0 "$pid" 2>/dev/null && echo 0badc0ffee; exit 0;;
  stop) kill -TERM "$(container "$4")"; exit;;
  rm) rm -f "$DIR/leftover"; pid=$(container "$3") && kill -KILL "$pid"; exit 0;;
esac
[ "$HF_TOKEN" = hf_S3cretOfThisTest ] && touch "$DIR/got-token"
sleeps=; case "$*" in *--sleep*) sleeps=yes;; esac
while [ $# -gt 0 ]; do
  case "$1" in -p) map=$2;; --served-model-name) model=$2;; --name) container=$2;; esac
  shift
done
echo "${map%:*}" > "$DIR/$container.port"
echo "$$" > "$DIR/$container.pid"
[ "$sleeps" ] && exec sleep 300
port=${map#127.0.0.1:}
exec "$PROGRAM" builtin-engine --port "${port%:*}" --model-name "$model"
"#;

/// An agent whose PATH begins with the played programs, and the folder that they write to.
fn agent() -> (Agent, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    for (name, script) in [("vllm", VLLM), ("docker", DOCKER)] {
        let path = dir.path().join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    (Agent::of(command(dir.path()), &dir.path().join("data"), "127.0.0.1:0"), dir)
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", dir.display())).env("DIR", dir).env("PROGRAM", PROGRAM);
    command.env("HF_TOKEN", SECRET).env("TOKENPRISM_API_KEY", "key-of-another-server");
    command
}

const NATIVE: &str = "kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"m/7b\"\nserved_name = \"7b\"";
const DOCKED: &str =
    "kind = \"vllm\"\nlaunch = \"docker\"\nimage = \"engine:v0.25.1\"\nmodel = \"m/7b\"\nserved_name = \"7b\"";

fn calls(dir: &Path, file: &str) -> String {
    std::fs::read_to_string(dir.join(file)).unwrap_or_default()
}

/// How often the played engine was started.
fn started(dir: &Path) -> usize {
    calls(dir, "calls").lines().filter(|call| call.starts_with("serve ")).count()
}

async fn ended(agent: &Agent, plan: &str) -> Value {
    let run = agent.submit(plan).await;
    agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await
}

/// No file below the folder holds the secret.
fn assert_absent(folder: &Path, secret: &str) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            assert_absent(&entry.path(), secret);
        } else {
            let bytes = std::fs::read(entry.path()).unwrap();
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds the secret", entry.path().display());
        }
    }
}

#[tokio::test]
async fn an_engine_of_the_host_is_launched_measured_and_gone() {
    let (agent, dir) = agent();
    let view = ended(&agent, &plan_of(NATIVE)).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    let engine = &view["engine"];
    assert_eq!((&engine["label"], &engine["model"]), (&"vLLM".into(), &"7b".into()));
    // What the server tells while it runs comes before what the program told.
    assert_eq!(engine["version"], env!("CARGO_PKG_VERSION"), "{engine}");
    let command: Vec<&str> = engine["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(command[..5], ["vllm", "serve", "m/7b", "--served-model-name", "7b"]);
    assert!(command.contains(&"--no-enable-prefix-caching"), "{command:?}");
    assert_eq!((&engine["seed"], &engine["capacity"]["max_running"]), (&0.into(), &256.into()));
    let phases: Vec<&str> = engine["phases"].as_array().unwrap().iter().map(|p| p["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["process", "weights"]);
    assert!(engine["start_ms"].as_f64().unwrap() > 0.0);
    assert!(engines_of(agent.child.id()).is_empty());
    // The token reached the engine and nothing else: no log, record, page or process list has it.
    assert!(dir.path().join("got-token").exists() && dir.path().join("got-no-agent-token").exists());
    assert!(view["engine_log"].to_string().contains("token=[secret]"), "{}", view["engine_log"]);
    assert!(!view.to_string().contains(SECRET));
    assert!(!calls(dir.path(), "calls").contains(SECRET));
    let cmdline = std::fs::read(format!("/proc/{}/cmdline", agent.child.id())).unwrap();
    assert!(!String::from_utf8_lossy(&cmdline).contains(SECRET));
    drop(agent);
    assert_absent(&dir.path().join("data"), SECRET);
}

#[tokio::test]
async fn every_configuration_is_measured_and_one_that_fails_is_a_result() {
    let (agent, dir) = agent();
    let view = ended(&agent, &plan_of(&format!("{NATIVE}\nvary = {{ max_num_seqs = [4, 13, 64] }}"))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    let points = view["points"].as_array().unwrap();
    let words: Vec<&str> = points.iter().map(|point| point["variant"].as_str().unwrap()).collect();
    assert_eq!(
        words,
        [
            "max_num_seqs 4",
            "max_num_seqs 4",
            "max_num_seqs 13",
            "max_num_seqs 13",
            "max_num_seqs 64",
            "max_num_seqs 64"
        ]
    );
    let measured: Vec<bool> = points.iter().map(|point| point["summary"]["ok"] == 12).collect();
    assert_eq!(measured, [true, true, false, false, true, true]);
    let failure = &view["failures"][0];
    assert_eq!(failure["configuration"], 1);
    let reason = failure["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("The engine did not start. Its process ended (exit code 1). GPU memory is not enough."),
        "{reason}"
    );
    assert!(reason.contains("Its log says: torch.OutOfMemoryError: CUDA out of memory."), "{reason}");
    let lines: Vec<&str> = failure["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(lines.contains(&"non-default args: token=[secret]"), "{lines:?}");
    assert!(lines.contains(&"RuntimeError: Engine core initialization failed."), "{lines:?}");
    let engines = view["engines"].as_array().unwrap();
    let of = |engine: &Value| (engine["configuration"].as_u64(), engine["params"]["max_num_seqs"].as_i64());
    assert_eq!(engines.iter().map(of).collect::<Vec<_>>(), [(Some(0), Some(4)), (Some(2), Some(64))]);
    let caveats = view["caveats"].as_array().unwrap();
    assert!(caveats.contains(&"one_start_each".into()) && caveats.contains(&"configuration_failed".into()));
    assert_eq!(started(dir.path()), 3);
    assert!(engines_of(agent.child.id()).is_empty());
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_anything_starts() {
    let (agent, dir) = agent();
    let refused = async |engine: String, words: &str| {
        let view = ended(&agent, &plan_of(&engine)).await;
        let reason = view["reason"].as_str().unwrap_or_default();
        assert!(state(&view) == "failed" && reason.contains(words), "{engine}: {}", view["reason"]);
    };
    let old = format!("{NATIVE}\nextra_args = [\"--disable-log-requests\"]");
    refused(old, "vLLM 0.25.1 does not know --disable-log-requests").await;
    let nowhere = format!("{NATIVE}\nvenv = \"/nonexistent\"");
    refused(nowhere, "/nonexistent/bin/vllm was not found, so vLLM could not be started").await;
    refused(format!("{NATIVE}\npass_env = [\"BOX_KEY\"]"), "`tokenprism secret set BOX_KEY`").await;
    // CASES B36: another service holds the port.
    let stranger = play(ABLE);
    let port = stranger.url.rsplit(':').next().unwrap();
    refused(format!("{NATIVE}\nport = {port}"), &format!("Port {port} is held by process {} (", std::process::id()))
        .await;
    assert_eq!(started(dir.path()), 0);
    let (status, body) = agent
        .post("/api/v1/runs", plan_of(&format!("{NATIVE}\nparams = {{ max_num_seq = 4 }}")), "application/toml")
        .await;
    assert!(status == 422 && body["error"].as_str().unwrap().contains("no parameter of vLLM"), "{body}");
}

#[tokio::test]
async fn a_stranger_that_answers_in_the_engines_place_is_not_measured() {
    // CASES B36: the port was free at the start, and somebody else took it.
    let (agent, dir) = agent();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = agent
        .submit(&plan_of(&format!(
            "{}\nport = {}\nextra_args = [\"--sleep\"]",
            NATIVE.replace("\"7b\"", "\"played\""),
            free.port()
        )))
        .await;
    while !calls(dir.path(), "calls").contains("serve") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let stranger = play_on(TcpListener::bind(free).unwrap(), ABLE);
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    let reason = view["reason"].as_str().unwrap();
    let expect = format!("The engine did not start. Port {} is held by process {}", free.port(), std::process::id());
    assert!(reason.starts_with(&expect), "{reason}");
    assert!(stranger.asked("/v1/completions") > 0);
}

#[tokio::test]
async fn an_engine_in_a_container_is_run_stopped_and_removed_by_docker() {
    let (agent, dir) = agent();
    let view = ended(&agent, &plan_of(DOCKED)).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    let engine = &view["engine"];
    let image = serde_json::json!({"name": "engine:v0.25.1", "digest": "sha256:1f00"});
    assert_eq!(engine["image"], image);
    let run = calls(dir.path(), "docker-run");
    let args: Vec<&str> = run.lines().collect();
    assert_eq!(args[..3], ["run", "--rm", "--name"]);
    let owner = std::fs::read_to_string(dir.path().join("data/engines/owner")).unwrap();
    assert_eq!(args[4..6], ["--label", &format!("tokenprism.agent={owner}")]);
    let serve = args.iter().position(|arg| *arg == "engine:v0.25.1").unwrap();
    assert_eq!(args[serve - 2..serve + 3], ["--entrypoint", "vllm", "engine:v0.25.1", "serve", "m/7b"]);
    // By name only, and it arrived.
    assert!(args.windows(2).any(|pair| pair == ["-e", "HF_TOKEN"]) && !run.contains(SECRET), "{args:?}");
    assert!(dir.path().join("got-token").exists());
    let name = args[3];
    assert_eq!(calls(dir.path(), "docker-stop").lines().collect::<Vec<_>>(), ["stop", "-t", "10", name]);
    // Gone by itself, which docker was asked.
    let filters = ["--filter", &format!("label=tokenprism.agent={owner}"), "--filter", &format!("name=^/{name}$")];
    let looks: Vec<String> = calls(dir.path(), "docker-ps").lines().map(str::to_owned).collect();
    assert_eq!(looks[looks.len() - 4..], filters);
    assert_eq!(calls(dir.path(), "docker-rm"), "");
    assert!(engines_of(agent.child.id()).is_empty());
}

#[tokio::test]
async fn a_container_is_removed_where_its_start_is_cancelled_or_its_agent_was_killed() {
    let (agent, dir) = agent();
    let run = agent.submit(&plan_of(&format!("{DOCKED}\nextra_args = [\"--sleep\"]"))).await;
    while !calls(dir.path(), "docker-run").contains("--sleep") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (status, body) = agent.post(&format!("/api/v1/runs/{run}/cancel"), String::new(), "application/json").await;
    assert!((200..300).contains(&status), "{body}");
    agent.wait(&run, LIMIT, |view| state(view) == "cancelled").await;
    let name = calls(dir.path(), "docker-run").lines().nth(3).unwrap().to_owned();
    while !calls(dir.path(), "docker-rm").contains(&name) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Killed together with who watches: the next agent asks docker for what stands in its ledger, and nothing else.
    let run = agent.submit(&plan_of(&format!("{DOCKED}\nextra_args = [\"--sleep\"]"))).await;
    while calls(dir.path(), "docker-run").matches("--sleep").count() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut agent = agent;
    let watcher = children_of(agent.child.id().cast_signed())[0];
    let client = children_of(watcher)[0];
    for pid in [agent.child.id().cast_signed(), watcher] {
        kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    }
    kill(Pid::from_raw(watcher), Signal::SIGKILL).unwrap();
    agent.kill();
    while alive(client) || alive(watcher) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::fs::write(dir.path().join("leftover"), "0badc0ffee\n").unwrap();
    let agent = Agent::of(command(dir.path()), &dir.path().join("data"), "127.0.0.1:0");
    assert_eq!(calls(dir.path(), "docker-rm").lines().last(), Some("0badc0ffee"));
    let owner = std::fs::read_to_string(dir.path().join("data/engines/owner")).unwrap();
    assert!(calls(dir.path(), "docker-ps").contains(&format!("label=tokenprism.agent={owner}\n")));
    let view = agent.wait(&run, LIMIT, |view| state(view) == "interrupted").await;
    assert!(engines_of(agent.child.id()).is_empty(), "{view}");
}

/// Answers a request with a status and a body, in which `data` may be a stream's.
fn answer(stream: &mut std::net::TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A server that comes up as some do: no port, then 503, then no model, then no token, and only then all of it. It
/// counts the completions that it refused.
fn slow_to_serve(listener: &TcpListener) -> std::io::Result<()> {
    const STREAM: &str = "data: {\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":\"length\"}]}\n\n\
                          data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n";
    let (mut lists, mut tries) = (0, 0);
    for stream in listener.incoming() {
        let mut stream = stream?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut first, mut length) = (String::new(), 0);
        reader.read_line(&mut first)?;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().unwrap();
            }
            if line == "\r\n" || line.is_empty() {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length])?;
        match first.split(' ').nth(1).unwrap_or_default() {
            "/v1/models" => {
                lists += 1;
                match lists {
                    1 => answer(&mut stream, "503 Service Unavailable", "{\"error\":\"Loading model\"}")?,
                    2 => answer(&mut stream, "200 OK", "{\"data\":[]}")?,
                    _ => answer(&mut stream, "200 OK", "{\"data\":[{\"id\":\"m\"}]}")?,
                }
            }
            "/v1/completions" => {
                tries += 1;
                match tries {
                    1 => answer(&mut stream, "500 Internal Server Error", "warming up")?,
                    _ => answer(&mut stream, "200 OK", STREAM)?,
                }
            }
            _ => answer(&mut stream, "404 Not Found", "")?,
        }
    }
    Ok(())
}

/// Not a test: the slow server in a process of its own, as the test below starts it.
#[test]
#[ignore = "runs only as the child process of the test below"]
fn slow_engine() {
    println!("\nloading");
    std::thread::sleep(Duration::from_millis(500));
    let port: u16 = std::env::var("SLOW_PORT").unwrap().parse().unwrap();
    slow_to_serve(&TcpListener::bind(("127.0.0.1", port)).unwrap()).unwrap();
}

#[tokio::test]
async fn an_engine_is_ready_once_it_has_generated_a_token_and_no_sooner() {
    // CASES B35: the port opens late, the model is listed later, and the first token comes last of all.
    let (agent, dir) = agent();
    let script = dir.path().join("baseline");
    let own = std::env::current_exe().unwrap();
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = -c ] && {{ echo 5.17.0; exit; }}\n\
         while [ $# -gt 0 ]; do case \"$1\" in --port) export SLOW_PORT=\"$2\";; esac; shift; done\n\
         exec '{}' --ignored --exact launch::slow_engine --nocapture\n",
        own.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let engine =
        format!("kind = \"transformers\"\nlaunch = \"native\"\nmodel = \"m\"\ncommand = [\"{}\"]", script.display());
    let run = agent.submit(&plan_of(&engine).replace("output_tokens = 8", "output_tokens = 1")).await;
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    assert!(view["engine_log"].to_string().contains("loading"), "{}", view["engine_log"]);
    assert_eq!(view["engine"]["version"], "5.17.0");
    assert!(view["engine"]["start_ms"].as_f64().unwrap() >= 500.0, "{}", view["engine"]);
    for point in view["points"].as_array().unwrap() {
        let summary = &point["summary"];
        assert_eq!((&summary["attempted"], &summary["ok"]), (&12.into(), &12.into()), "{summary}");
    }
}
