//! Owns the search for secrets after a run with failures: in files, answers, viewers, outputs and process lists.
//! Must not know the agent's insides.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "support/socket.rs"]
mod socket;
mod support;

use futures_util::StreamExt;
use shared::ids::RunId;
use shared::view::RunView;
use shared::wire::ServerMessage;
use socket::Client;
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Agent, PROGRAM, TOKEN, attached, children_of, finished, plan_of, state, with_vllm};
use tokio_tungstenite::tungstenite::Message;

const LIMIT: Duration = Duration::from_secs(120);
/// In the agent's environment; engines get it.
const HF_TOKEN: &str = "hf_Q7xZkVbN3mWtR9pLsD2fGh";
/// In the secret store; the sweep's engine gets it by name.
const PASSED: &str = "pw/9Kd\"Ru+7 mQ%x4Zt";
/// In the secret store; headers of the attached server.
const BOX_KEY: &str = "sk-box-Jt5YqWv8Xc1Bn6Ae";
const TENANT: &str = "tenant-Hy4UoPk7Lm2Sd9Fz";
/// In the agent's environment, and nobody's business.
const OTHER: &str = "other-Gr3TeIw6Qa8Zx5Cv";
const SECRETS: [&str; 6] = [HF_TOKEN, PASSED, BOX_KEY, TENANT, OTHER, TOKEN];

/// What is said beside the secrets and must be found, or the search finds nothing.
const SAID_BY_ENGINE: &str = "marker-said-by-the-engine";
const SAID_BY_SERVER: &str = "marker-said-by-the-server";

/// With one value of its parameter it prints all that it has in many forms and dies.
const VLLM: &str = r#"
echo "marker-said-by-the-engine $HF_TOKEN"
case "$*" in *"--max-num-seqs 13"*)
  env; env >&2
  for secret in "$HF_TOKEN" "$PASSED"; do
    echo "quoted '$secret' \"$secret\" [$secret]"
    printf '{"key": "%s"}\n' "${secret//\"/\\\"}"
    encoded=${secret//%/%25}; encoded=${encoded// /%20}; encoded=${encoded//\"/%22}
    encoded=${encoded//\//%2F}; echo "https://box/?token=${encoded//+/%2B}&x=1"
    for before in "" u: us:; do printf '%s%s' "$before" "$secret" | base64 -w 0; echo; done
    pad=$(printf 'x%.0s' $(seq 2000))
    for n in $(seq 1970 2000); do printf '%s%s and more\n' "${pad:0:$n}" "$secret"; done
    for n in 4 9; do printf 'in two: %s' "${secret:0:$n}"; sleep 0.1; printf '%s\n' "${secret:$n}"; done
    printf '\e[31m%s\e[0m 10%%|%s\r' "$secret" "$secret" >&2; echo >&2
    printf 'torch.OutOfMemoryError: CUDA out of memory. %s\n' "$secret" >&2
  done
  echo marker-said-by-the-engine >&2
  exit 1;;
esac
"#;

/// Serves a model, and from its fifth completion on fails in turn with 401, 500 and an error within a stream, quoting
/// the headers that it was sent behind more and more words, so that every cut falls into them.
fn quoting_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let asked = Arc::clone(&asked);
            std::thread::spawn(move || drop(converse(stream, &asked)));
        }
    });
    url
}

fn converse(mut stream: TcpStream, asked: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        reader.read_exact(&mut vec![0; length])?;
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let headers: Vec<&str> =
            head.lines().filter(|line| line.contains("Bearer ") || line.contains("tenant")).collect();
        let (status, body) = match path.as_str() {
            "/v1/models" => ("200 OK", r#"{"data": [{"id": "quoting", "max_model_len": 512}]}"#.to_owned()),
            "/v1/completions" => completion(asked.fetch_add(1, Ordering::SeqCst), &headers),
            _ => ("404 Not Found", headers.join("; ")),
        };
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
    }
}

fn completion(number: usize, headers: &[&str]) -> (&'static str, String) {
    let token = "data: {\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":null}]}\n\n";
    let last = "data: {\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":\"length\"}]}\n\n\
                data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":8}}\n\ndata: [DONE]\n\n";
    if number < 5 {
        return ("200 OK", format!("{}{last}", token.repeat(7)));
    }
    let said = format!("{SAID_BY_SERVER} {} {}", "x".repeat(260 + number), headers.join(" and "));
    let error = serde_json::json!({"error": {"message": said, "type": "auth", "code": 401}});
    match number % 4 {
        0 => ("401 Unauthorized", error.to_string()),
        1 => ("500 Internal Server Error", format!("{} {said}", headers.join(" "))),
        2 => ("200 OK", format!("{token}data: {{oops {}\n\n", headers.join(" "))),
        _ => ("200 OK", format!("{token}data: {error}\n\n")),
    }
}

/// An agent with secrets in its environment and its store, whose outputs go to files.
fn agent(dir: &Path) -> Agent {
    let data = dir.join("data");
    for (name, value) in [("PASSED", PASSED), ("BOX_KEY", BOX_KEY), ("BOX_TENANT", TENANT)] {
        let mut keep = Command::new(PROGRAM);
        keep.args(["secret", "set", name, "--data"]).arg(&data).stdin(Stdio::piped());
        let mut keep = keep.stdout(Stdio::null()).spawn().unwrap();
        keep.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
        assert!(keep.wait().unwrap().success());
    }
    let mut command = with_vllm(dir, VLLM);
    command.env("HF_TOKEN", HF_TOKEN).env("OTHER_API_KEY", OTHER).env("TOKENPRISM_TOKEN", TOKEN);
    command.env("TOKENPRISM_LOG", "debug").args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    let (out, err) = (File::create(dir.join("agent.out")).unwrap(), File::create(dir.join("agent.err")).unwrap());
    let child = command.stdout(out).stderr(err).spawn().unwrap();
    let url = loop {
        let said = std::fs::read_to_string(dir.join("agent.out")).unwrap();
        if let Some(url) = said.lines().find_map(|line| line.strip_prefix("Tokenprism serves on ")) {
            break url.to_owned();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    Agent { child, url }
}

/// Every piece of this many bytes of a secret is looked for: what was cut must not show either.
const PIECE: usize = 8;

/// Looks for pieces of texts, in whatever is given to it.
struct Search {
    pieces: HashSet<Vec<u8>>,
}

impl Search {
    fn of(texts: &[&str]) -> Self {
        let pieces = texts.iter().flat_map(|text| text.as_bytes().windows(PIECE)).map(<[u8]>::to_vec);
        Self { pieces: pieces.collect() }
    }

    /// What was found, with some bytes around it.
    fn found(&self, bytes: &[u8]) -> Option<String> {
        let at = bytes.windows(PIECE).position(|piece| self.pieces.contains(piece))?;
        let around = &bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())];
        Some(String::from_utf8_lossy(around).into_owned())
    }
}

/// Every place that was searched, by name, and whether the control was found there.
struct Places {
    secrets: Search,
    engine: Search,
    server: Search,
    said_by_engine: Vec<String>,
    said_by_server: Vec<String>,
}

impl Places {
    fn new() -> Self {
        // As base64 has them, too, from any place on.
        let encoded: Vec<String> = SECRETS
            .iter()
            .flat_map(|secret| (0..3).map(move |n| encoded(&format!("{}{secret}", &"us:"[..n]))))
            .collect();
        let encoded: Vec<&str> = encoded.iter().map(|text| &text[4..text.len() - 4]).collect();
        Self {
            secrets: Search::of(&[&SECRETS[..], &encoded[..]].concat()),
            engine: Search::of(&[SAID_BY_ENGINE]),
            server: Search::of(&[SAID_BY_SERVER]),
            said_by_engine: Vec::new(),
            said_by_server: Vec::new(),
        }
    }

    fn look(&mut self, place: &str, bytes: &[u8]) {
        if let Some(found) = self.secrets.found(bytes) {
            panic!("{place} has a secret: {found}");
        }
        self.said_by_engine.extend(self.engine.found(bytes).map(|_| place.to_owned()));
        self.said_by_server.extend(self.server.found(bytes).map(|_| place.to_owned()));
    }

    /// Every file below a folder, as it lies there and unpacked, except those that are there to hold secrets.
    fn look_below(&mut self, folder: &Path) {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                self.look_below(&path);
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name == "agent.json" || name == "secrets.json" {
                assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            if name.ends_with(".zst") {
                self.look(&name, &zstd::stream::decode_all(&bytes[..]).unwrap());
            }
            self.look(&name, &bytes);
        }
    }

    /// Folds that the log keeps, which are compressed.
    fn look_at_snapshots(&mut self, log: &Path) {
        let log = rusqlite::Connection::open_with_flags(log, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut snapshots = log.prepare("SELECT view FROM snapshots").unwrap();
        let snapshots = snapshots.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        for (n, snapshot) in snapshots.enumerate() {
            self.look(&format!("snapshot {n}"), &zstd::stream::decode_all(&snapshot.unwrap()[..]).unwrap());
        }
    }
}

fn encoded(text: &str) -> String {
    let mut base64 =
        Command::new("base64").args(["-w", "0"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    base64.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    String::from_utf8(base64.wait_with_output().unwrap().stdout).unwrap()
}

/// What the system shows of the agent's processes while it works.
#[derive(Default)]
struct Seen {
    arguments: Vec<u8>,
    /// Variables of processes that are no engine.
    watchers: Vec<u8>,
    /// Variables of processes that are.
    engines: Vec<u8>,
}

fn look_at_processes(agent: u32, seen: &Mutex<Seen>) {
    let read = |pid: i32, what: &str| std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
    let mut seen = seen.lock().unwrap();
    let mut waiting = vec![agent.cast_signed()];
    while let Some(pid) = waiting.pop() {
        let arguments = read(pid, "cmdline");
        seen.arguments.extend(&arguments);
        if arguments.starts_with(b"tokenprism\0supervise\0") {
            seen.watchers.extend(read(pid, "environ"));
        } else if pid != agent.cast_signed() {
            seen.engines.extend(read(pid, "environ"));
        }
        waiting.extend(children_of(pid));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_nowhere_after_a_run_with_failures() {
    let dir = tempfile::tempdir().unwrap();
    let agent = agent(dir.path());
    let host = agent.url.strip_prefix("http://").unwrap().to_owned();
    let mut places = Places::new();

    let (seen, over) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicBool::new(false)));
    let looking = {
        let (seen, over, pid) = (Arc::clone(&seen), Arc::clone(&over), agent.child.id());
        std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                look_at_processes(pid, &seen);
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };

    let sweep = "kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"/nonexistent/m\"\nserved_name = \"m\"\n\
                 pass_env = [\"PASSED\"]\nvary = { max_num_seqs = [4, 13] }";
    let headers = "api_key = \"BOX_KEY\"\nheaders = { x-tenant = \"BOX_TENANT\" }\n";
    let quoting = attached(&quoting_server(), headers).replace("requests = 12", "requests = 300");
    let mut runs = Vec::new();
    for (plan, end) in [(plan_of(sweep), "done"), (quoting, "failed")] {
        let run = agent.submit(&plan).await;
        let viewer = tokio::spawn(watched(host.clone(), RunId::try_from(run.clone()).unwrap()));
        let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
        assert_eq!(state(&view), end, "{}", view["reason"]);
        places.look("viewer", &viewer.await.unwrap());
        for path in ["", "/goodput?ttft_ms=1", "/points/0/distribution?metric=ttft", "/trials/0/requests?limit=500"] {
            let (_, answer) = agent.get(&format!("/api/v1/runs/{run}{path}")).await;
            places.look("API", answer.to_string().as_bytes());
        }
        runs.push(run);
    }
    over.store(true, Ordering::SeqCst);
    looking.join().unwrap();

    // A command beside the agent, with its table and its file.
    let (plan, file) = (dir.path().join("plan.toml"), dir.path().join("out.json"));
    std::fs::write(&plan, plan_of(sweep)).unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg("run").arg(&plan).arg("--json").arg(&file).arg("--data").arg(dir.path().join("data"));
    let output = tokio::task::spawn_blocking(move || finished(command.env("TOKENPRISM_LOG", "debug")));
    let output = output.await.unwrap();
    places.look("command", &[&output.stdout[..], &output.stderr].concat());
    places.look("export", &std::fs::read(file).unwrap());

    for path in
        ["/api/v1/runs", "/api/v1/engines", "/api/v1/agent", "/api/v1/presets", "/", &format!("/runs/{}", runs[0])]
    {
        let (status, answer) = agent.get(path).await;
        // An agent that was built without the page says so in its place.
        assert!(status == 200 || (status == 503 && !path.starts_with("/api/")), "{path}: {status}");
        places.look("page", answer.to_string().as_bytes());
    }
    // The beginning of the log is beside it while the agent lives, and in it when it has ended.
    places.look_below(&dir.path().join("data"));
    places.look_at_snapshots(&dir.path().join("data/log.sqlite"));
    drop(agent);
    places.look_below(&dir.path().join("data"));

    let said = std::fs::read_to_string(dir.path().join("agent.out")).unwrap();
    let (links, said): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.contains("/?token="));
    assert_eq!(links.len(), 1, "the link to sign in with is printed once");
    places.look("agent's output", said.join("\n").as_bytes());
    places.look("agent's errors", &std::fs::read(dir.path().join("agent.err")).unwrap());

    let seen = std::mem::take(&mut *seen.lock().unwrap());
    places.look("process list", &seen.arguments);
    places.look("variables of who watches", &seen.watchers);
    places.look("variables of the question for a version", &std::fs::read(question_of(dir.path())).unwrap());
    assert!(!seen.watchers.is_empty() && seen.arguments.windows(9).any(|word| word == b"supervise"));
    // An engine has what it was given and nothing else.
    let has = |secret: &str| seen.engines.windows(secret.len()).any(|piece| piece == secret.as_bytes());
    assert_eq!(SECRETS.map(has), [true, true, false, false, false, false]);

    // What stood beside the secrets was seen, or nothing was searched.
    for place in ["viewer", "API", "export", "log.sqlite", "snapshot"] {
        assert!(
            places.said_by_engine.iter().any(|said| said.starts_with(place)),
            "{place}: {:?}",
            places.said_by_engine
        );
    }
    for ending in [".zst", "API"] {
        assert!(places.said_by_server.iter().any(|said| said.ends_with(ending)), "{:?}", places.said_by_server);
    }
}

fn question_of(dir: &Path) -> PathBuf {
    dir.join("environment-of-the-question")
}

/// All bytes that a viewer of a run is sent until nothing more comes after its end.
async fn watched(host: String, run: RunId) -> Vec<u8> {
    let mut viewer = Client::greeted(&host, TOKEN).await;
    viewer.follow(&run).await;
    let (mut bytes, mut view) = (Vec::new(), RunView::default());
    loop {
        let patience = if view.run_state().is_final() { Duration::from_secs(1) } else { LIMIT };
        let Ok(Some(Ok(message))) = tokio::time::timeout(patience, viewer.0.next()).await else { return bytes };
        let Message::Binary(frame) = message else { continue };
        match rmp_serde::from_slice(&frame).unwrap() {
            ServerMessage::Snapshot { view: all, .. } => view = *all,
            ServerMessage::Events { events, .. } => events.iter().for_each(|event| view.apply(event)),
            _ => {}
        }
        bytes.extend_from_slice(&frame);
    }
}
