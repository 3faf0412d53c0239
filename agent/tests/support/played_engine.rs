//! Owns a server on loopback that plays an engine's routes: models, tokenising, completions, counters.
//! Must not know what is tested.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "test support fails by panicking")]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the engine is able to do.
#[derive(Clone)]
pub struct Ability {
    pub context: u32,
    /// Ids of a text's words; absent where it has no route that tokenises.
    pub tokenises: bool,
    /// Tokens that it counts for a prompt of so many ids; absent where it refuses ids.
    pub counts: Option<fn(usize) -> usize>,
    /// The key that every route needs; a wrong one is quoted in the refusal.
    pub key: Option<&'static str>,
}

/// One that takes token ids and counts them one by one.
pub const ABLE: Ability = Ability { context: 512, tokenises: true, counts: Some(|ids| ids), key: None };

/// A server under way.
pub struct Played {
    pub url: String,
    /// What `/metrics` answers; nothing for 404.
    pub metrics: Arc<Mutex<Option<String>>>,
    /// Paths in order of request.
    pub asked: Arc<Mutex<Vec<String>>>,
}

impl Played {
    pub fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == path).count()
    }

    pub fn shows(&self, metrics: &str) {
        *self.metrics.lock().unwrap() = Some(metrics.to_owned());
    }
}

pub fn play(ability: Ability) -> Played {
    play_on(TcpListener::bind("127.0.0.1:0").unwrap(), ability)
}

/// The same on a socket that listens already.
pub fn play_on(listener: TcpListener, ability: Ability) -> Played {
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (metrics, asked) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(Vec::new())));
    let played = Played { url, metrics: Arc::clone(&metrics), asked: Arc::clone(&asked) };
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (ability, metrics, asked) = (ability.clone(), Arc::clone(&metrics), Arc::clone(&asked));
            std::thread::spawn(move || drop(converse(stream, &ability, &metrics, &asked)));
        }
    });
    played
}

fn converse(
    mut stream: TcpStream,
    ability: &Ability,
    metrics: &Mutex<Option<String>>,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut first, mut length, mut key) = (String::new(), 0, None);
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().unwrap();
            }
            if let Some((_, sent)) = line.split_once("Bearer ") {
                key = Some(sent.trim().to_owned());
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let answer = match path.as_str() {
            "/metrics" => metrics.lock().unwrap().clone(),
            "/v1/models" => Some(json!({"data": [{"id": "played", "max_model_len": ability.context}]}).to_string()),
            "/tokenize" if ability.tokenises => Some(tokenised(&body)),
            "/v1/completions" => completion(ability, &body),
            _ => None,
        };
        asked.lock().unwrap().push(path);
        let (status, text) = match (ability.key, &key) {
            (Some(wanted), key) if key.as_deref() != Some(wanted) => {
                ("401 Unauthorized", format!("Incorrect API key provided: {}", key.as_deref().unwrap_or("none")))
            }
            _ => answer.map_or(("404 Not Found", String::new()), |text| ("200 OK", text)),
        };
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{text}", text.len())?;
    }
}

/// An id for the beginning, which was not asked for, then one a word from 5,000 on.
fn tokenised(body: &Value) -> String {
    let words = body["prompt"].as_str().unwrap().split(' ').count() as u32;
    let tokens: Vec<u32> = std::iter::once(1).chain((0..words).map(|word| 5_000 + word)).collect();
    json!({"count": tokens.len(), "tokens": tokens}).to_string()
}

fn completion(ability: &Ability, body: &Value) -> Option<String> {
    let prompt = match &body["prompt"] {
        Value::Array(ids) => ability.counts?(ids.len()),
        text => text.as_str()?.split(' ').count() + 1,
    };
    let n = body["max_tokens"].as_u64()?;
    let token = json!({"choices": [{"index": 0, "text": "a", "finish_reason": null}]});
    let finish = json!({"choices": [{"index": 0, "text": "", "finish_reason": "length"}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": n}});
    let tokens = format!("data: {token}\n\n").repeat(n as usize);
    Some(format!("{tokens}data: {finish}\n\ndata: {usage}\n\ndata: [DONE]\n\n"))
}
