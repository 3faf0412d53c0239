//! Owns what tests of engines' lives share: engines that are shell scripts, an agent-like holder, and who still lives.
//! Must not know what is tested.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test support fails by panicking")]

use crate::support::{PROGRAM, alive, children_of};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokenprism::process::{Child, Host, Launch, Line, ProbeOutcome, Reaped, Terms, port};
use tokio::sync::mpsc;

/// An engine of two processes, which says their ids and waits.
pub const PAIR: &str = "sleep 1000 & echo \"pids $$ $!\"; wait";
/// The same, deaf to SIGTERM.
pub const DEAF: &str = "trap '' TERM; (trap '' TERM; while :; do sleep 0.05; done) & echo \"pids $$ $!\"; \
                    while :; do sleep 0.05; done";

pub fn terms() -> Terms {
    Terms { probe_every: Duration::from_millis(20), drain: Duration::from_millis(300), ..Terms::default() }
}

pub fn shell(script: &str) -> Launch {
    let args = vec!["-c".into(), script.into()];
    Launch {
        program: "/bin/sh".into(),
        args,
        env: vec![],
        secrets: vec![],
        port: port::free().unwrap(),
        container: None,
    }
}

pub fn open(data_dir: &Path) -> (Host, Vec<Reaped>) {
    let (host, reaped) = Host::open(data_dir).unwrap();
    (host.with_supervisor(PROGRAM), reaped)
}

/// A host with a ledger of its own.
pub fn host() -> (tempfile::TempDir, Host) {
    let dir = tempfile::tempdir().unwrap();
    let (host, reaped) = open(dir.path());
    assert_eq!(reaped, []);
    (dir, host)
}

/// Starts a script that never serves.
pub fn start(host: &Host, script: &str) -> (Child, mpsc::Receiver<Line>) {
    Child::start(host, shell(script), terms(), |_| None, || async { ProbeOutcome::NotYet("it never serves".into()) })
}

/// The ids that an engine says after `pids`.
pub async fn pids(lines: &mut mpsc::Receiver<Line>) -> Vec<i32> {
    loop {
        let line = lines.recv().await.expect("the engine ended before it said its ids");
        if let Some(ids) = line.text.strip_prefix("pids ") {
            return ids.split(' ').map(|id| id.parse().unwrap()).collect();
        }
    }
}

/// Waits until none of these lives; a bound only keeps a failing test from hanging.
pub fn gone(pids: &[i32]) {
    for _ in 0..1000 {
        if !pids.iter().any(|pid| alive(*pid)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{:?} live", pids.iter().filter(|pid| alive(**pid)).collect::<Vec<_>>());
}

pub fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

/// Processes that watch an engine for this one.
pub fn supervisors_of(agent: u32) -> Vec<i32> {
    let is_one = |pid: &i32| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|args| args == "tokenprism\0supervise\0")
    };
    children_of(agent.cast_signed()).into_iter().filter(is_one).collect()
}

pub fn parent_of(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

pub fn entries(data_dir: &Path) -> usize {
    let files = std::fs::read_dir(data_dir.join("engines")).unwrap();
    files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "json")).count()
}

/// A process with an engine's name that is none of ours.
pub struct Stranger(std::process::Child);

impl Stranger {
    pub fn start() -> Self {
        Self(Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap())
    }

    pub fn is_untouched(&self) -> bool {
        alive(self.0.id().cast_signed())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What an agent-like process does, started and killed by the tests: it starts the script in its environment, or docker,
/// and repeats the engine's lines. The test `life::holder` runs it.
pub async fn hold() {
    let variable = |name: &str| std::env::var(name).unwrap();
    let (host, _) = open(Path::new(&variable("HOLDER_DATA")));
    let launch = match std::env::var("HOLDER_DOCKER_ARGS") {
        Ok(args) => {
            let container = host.container("docker");
            let args = container.run_args(args.split(' ').map(Into::into));
            let port = variable("HOLDER_PORT").parse().unwrap();
            Launch { program: "docker".into(), args, env: vec![], secrets: vec![], port, container: Some(container) }
        }
        Err(_) => shell(&variable("HOLDER_SCRIPT")),
    };
    let never = || async { ProbeOutcome::NotYet("never".into()) };
    let (_child, mut lines) = Child::start(&host, launch, terms(), |_| None, never);
    while let Some(line) = lines.recv().await {
        println!("\nengine: {}", line.text);
    }
}

/// A holder in its own process, with the ids that its engine says.
pub struct Holder {
    pub process: std::process::Child,
    pub pids: Vec<i32>,
}

impl Holder {
    pub fn start(data_dir: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "life::holder", "--nocapture"]).env("HOLDER_DATA", data_dir);
        command.env("TOKENPRISM_TOKEN", "secret").envs(variables.iter().copied());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ids = lines.find_map(|line| line.unwrap().strip_prefix("engine: pids ").map(str::to_owned)).unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, pids: ids.split(' ').map(|id| id.parse().unwrap()).collect() }
    }

    pub fn supervisor(&self) -> i32 {
        supervisors_of(self.process.id())[0]
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Kills it and the supervisor, so that neither can do anything about the other's death.
    pub fn kill_with_its_supervisor(&mut self) {
        let supervisor = self.supervisor();
        kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGSTOP).unwrap();
        kill_9(supervisor);
        gone(&[supervisor]);
        self.kill();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
