//! Owns `tokenprism watch` as a whole: the live picture in a terminal, the end, the exit code, and what is refused.
//! Must not know the agent's insides.

use crate::support::{Agent, LONG_PLAN, PROGRAM, SHORT_PLAN, TOKEN, finished, state};
use futures_util::{SinkExt, StreamExt};
use nix::pty::{Winsize, openpty};
use shared::wire::{PROTOCOL_VERSION, ServerMessage};
use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

const LIMIT: Duration = Duration::from_secs(120);

/// `tokenprism watch` whose standard error is a terminal.
struct Watching {
    child: Child,
    seen: Arc<Mutex<String>>,
}

impl Watching {
    fn start(url: &str) -> Self {
        let size = Winsize { ws_row: 40, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(&size, None).unwrap();
        let child = Command::new(PROGRAM)
            .args(["watch", url])
            .env("TERM", "xterm")
            .stdout(Stdio::piped())
            .stderr(Stdio::from(terminal.slave))
            .spawn()
            .unwrap();
        let (mut screen, seen) = (File::from(terminal.master), Arc::new(Mutex::new(String::new())));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The terminal fails to read once its last writer is gone.
            while let Ok(n @ 1..) = screen.read(&mut bytes) {
                shared.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        });
        Self { child, seen }
    }

    /// Waits until the terminal has shown every word.
    fn wait(&self, words: &[&str]) {
        let begun = Instant::now();
        loop {
            let seen = self.seen.lock().unwrap().clone();
            if words.iter().all(|word| seen.contains(word)) {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "{words:?} not shown in: {seen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Exit code and standard output.
    fn end(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().code(), text)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // Already gone where the test came to its end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_draws_the_live_run_and_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(LONG_PLAN).await;
    let watching = Watching::start(&format!("{}/runs/{run}?token={TOKEN}", agent.url));
    watching.wait(&["running · trial 1/1", "4 in flight", " ok · ≈ ", " tok/s"]);
    agent.post(&format!("/api/v1/runs/{run}/cancel"), String::new(), "application/json").await;
    watching.wait(&["tokenprism: the run is cancelled."]);
    let (code, table) = watching.end();
    assert_eq!(code, Some(1));
    assert!(table.contains("TTFT mean ms"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_done_leaves_its_table_and_its_verdicts_code() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(SHORT_PLAN).await;
    let watching = Watching::start(&format!("{}/runs/{run}?token={TOKEN}", agent.url));
    let (code, table) = watching.end();
    // A dozen requests carry no 99th percentile, so it is doubtful at least; on a busy host the client is late, too.
    assert!(matches!(code, Some(3 | 4)), "{code:?}: {table}");
    assert_eq!(table.matches("12/12").count(), 2, "{table}");
    assert!(table.contains("random weights on the CPU"), "{table}");
    // A run that ended is shown as it ended.
    let view = agent.wait(&run, LIMIT, |view| state(view) == "done").await;
    assert_eq!(view["points"].as_array().unwrap().len(), 2);
    assert_eq!(Watching::start(&format!("{}/runs/{run}?token={TOKEN}", agent.url)).end(), (code, table));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_watched_is_a_sentence_and_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let unknown = format!("{}/runs/r0000000000000000dead", agent.url);
    let check = |args: &[&str], code: i32, expect: &[&str]| {
        let output = finished(Command::new(PROGRAM).arg("watch").args(args).env_remove("TOKENPRISM_TOKEN"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?} said: {said}");
        assert!(expect.iter().all(|words| said.contains(words)), "{args:?} said: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
    };
    let needs = "needs the token that it printed at its last start";
    check(&[&unknown, "--token", "wrong"], 1, &[&agent.url, needs, "the one given is another"]);
    check(&[&unknown], 1, &[&agent.url, needs, "none was given"]);
    check(&[&unknown, "--token", TOKEN], 1, &["There is no run r0000000000000000dead"]);
    check(&[&agent.url, "--token", TOKEN], 1, &["is not a run's URL", "/runs/RUN"]);
    check(&["--token", TOKEN], 2, &["Usage"]);
    // A port that was free a moment ago: nobody answers there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{free}/runs/r0000000000000000dead");
    check(&[&nobody, "--token", TOKEN], 1, &[&format!("no agent answers at http://{free}")]);
}

/// An agent that greets with one message and then closes.
async fn impostor(message: Vec<u8>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        socket.send(Message::Binary(message.into())).await.unwrap();
        drop(socket.close(None).await);
        // Read until the other side has gone: unread bytes would cut off what it has not read yet.
        while let Some(Ok(_)) = socket.next().await {}
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_says_what_nobody_knows_is_named_as_one() {
    let of = |protocol| ServerMessage::Hello { protocol, agent_version: "9.9".to_owned(), now_unix_ms: 0 };
    let hello = |protocol| rmp_serde::to_vec_named(&of(protocol)).unwrap();
    let cases = [
        (vec![0xc1], "the agent sent a message that this version does not know"),
        (hello(99), "the agent (9.9) speaks protocol 99, this command 1: use the same version"),
        (hello(PROTOCOL_VERSION), "before the end of the run"),
    ];
    for (message, expect) in cases {
        let url = format!("http://{}/runs/r0000000000000000dead", impostor(message).await);
        let output = finished(Command::new(PROGRAM).args(["watch", &url, "--token", TOKEN]));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expect), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_dies_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path());
    let run = agent.submit(LONG_PLAN).await;
    let watching = Watching::start(&format!("{}/runs/{run}?token={TOKEN}", agent.url));
    watching.wait(&["running"]);
    agent.kill();
    watching.wait(&["tokenprism: the connection to the agent ended before the end of the run", "again with watch"]);
    assert_eq!(watching.end().0, Some(1));
}
