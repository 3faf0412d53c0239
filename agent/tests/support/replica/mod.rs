//! Owns replicas of inference servers: each answers with its own server's bytes, as they were recorded or as its source
//! writes them, and fails as that server fails. Must not know what is tested, nor the agent.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "test support fails by panicking")]

pub mod llama_server;
pub mod program;
pub mod sglang;
pub mod tgi;
pub mod transformers_serve;
pub mod vllm;

mod ask;
mod out;
mod uvicorn;

pub use ask::Request;
pub use out::Out;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// One kind of server in one version and configuration.
pub trait Server: Send + Sync + 'static {
    fn answer(&self, request: &Request, state: &State, out: &mut Out) -> io::Result<()>;
}

/// What becomes of a server while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// It has no model yet, or warms up.
    Loading,
    #[default]
    Serving,
    /// As many requests as it takes are there already.
    Full,
    /// What computes is gone, and what speaks HTTP has noticed.
    Dead,
    /// What computes is gone on purpose, and open streams are left as they are.
    Ending,
}

/// What a server has and has seen.
#[derive(Default)]
pub struct State {
    condition: Mutex<Condition>,
    /// Tokens of every prompt of text. No replica has a tokenizer: where nothing is set, words and one for the beginning.
    pub prompt_tokens: Mutex<Option<u32>>,
    /// ms that each token takes.
    pub pace_ms: AtomicU32,
    /// The engine dies of this token of any request.
    pub dies_at: Mutex<Option<u32>>,
    /// Path and body of every request.
    asked: Mutex<Vec<(String, Value)>>,
    /// Prompt and output tokens so far, as its metrics show them.
    pub prompts_total: AtomicU64,
    pub outputs_total: AtomicU64,
    /// Requests under way.
    pub under_way: AtomicU32,
    /// Tokens that each of them has in the cache, prompt included.
    held: Mutex<BTreeMap<u64, u32>>,
    connections: Mutex<Vec<TcpStream>>,
}

impl State {
    pub fn condition(&self) -> Condition {
        *self.condition.lock().unwrap()
    }

    pub fn becomes(&self, condition: Condition) {
        *self.condition.lock().unwrap() = condition;
    }

    /// Tokens that each request under way has in the cache.
    pub fn held(&self) -> Vec<u32> {
        self.held.lock().unwrap().values().copied().collect()
    }

    /// A request that holds these tokens from now on.
    pub fn hold(&self, tokens: u32) -> Holding<'_> {
        let mut held = self.held.lock().unwrap();
        let id = held.last_key_value().map_or(0, |(last, _)| last + 1);
        held.insert(id, tokens);
        Holding { state: self, id }
    }

    /// True while a client holds a connection open.
    pub fn has_clients(&self) -> bool {
        let mut connections = self.connections.lock().unwrap();
        connections.retain(is_open);
        !connections.is_empty()
    }

    /// Bodies of the requests for a path, in order.
    pub fn asked(&self, path: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(asked, _)| asked == path).map(|(_, body)| body.clone()).collect()
    }
}

/// What a request holds of the cache, until it is over.
pub struct Holding<'a> {
    state: &'a State,
    id: u64,
}

impl Holding<'_> {
    pub fn grows_to(&self, tokens: u32) {
        self.state.held.lock().unwrap().insert(self.id, tokens);
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.state.held.lock().unwrap().remove(&self.id);
    }
}

/// A server under way, until the process ends.
pub struct Replica {
    pub url: String,
    pub port: u16,
    pub state: Arc<State>,
}

pub fn start(server: impl Server) -> Replica {
    start_on(TcpListener::bind("127.0.0.1:0").unwrap(), server)
}

/// The same on a socket that listens already.
pub fn start_on(listener: TcpListener, server: impl Server) -> Replica {
    let port = listener.local_addr().unwrap().port();
    let (server, state) = (Arc::new(server), Arc::<State>::default());
    let shared = Arc::clone(&state);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (server, state) = (Arc::clone(&server), Arc::clone(&shared));
            std::thread::spawn(move || {
                drop(converse(&stream, &*server, &state));
                // The state holds the socket, too.
                drop(stream.shutdown(Shutdown::Both));
            });
        }
    });
    Replica { url: format!("http://127.0.0.1:{port}"), port, state }
}

/// True where the other side has not closed.
fn is_open(stream: &TcpStream) -> bool {
    let looked = recv(stream.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT);
    matches!(looked, Ok(1..) | Err(Errno::EAGAIN))
}

fn converse(stream: &TcpStream, server: &dyn Server, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    state.connections.lock().unwrap().push(stream.try_clone()?);
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = Request::read(&mut reader)? {
        state.asked.lock().unwrap().push((request.path.clone(), request.json().unwrap_or(Value::Null)));
        let mut out = Out::to(stream, request.closes);
        state.under_way.fetch_add(1, Ordering::SeqCst);
        let answered = server.answer(&request, state, &mut out);
        state.under_way.fetch_sub(1, Ordering::SeqCst);
        answered?;
        if out.closes {
            break;
        }
    }
    Ok(())
}
