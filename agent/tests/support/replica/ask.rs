//! Owns a request as a replica reads it: prompt, length, and what the prompt says is to become of it.
//! Must not know which server answers.

use super::State;
use serde_json::Value;
use std::io::{self, BufRead};
use std::sync::atomic::Ordering;
use std::time::Duration;

pub struct Request {
    pub method: String,
    pub path: String,
    pub body: Vec<u8>,
    /// The client wants no second request on this connection.
    pub closes: bool,
}

impl Request {
    /// The next request of a connection; nothing where the client has closed it.
    pub fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(None);
        }
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (mut length, mut closes) = (0, false);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line == "\r\n" {
                break;
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { continue };
            match (name.to_ascii_lowercase().as_str(), value.trim()) {
                ("content-length", n) => length = n.parse().unwrap(),
                ("connection", word) => closes = word.eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(Some(Self { method, path, body, closes }))
    }

    pub fn json(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// What the prompt says: text, or the contents of a chat, or how many token ids.
pub enum Prompt {
    Text(String),
    Ids(Vec<u64>),
}

impl Prompt {
    /// Of a completion, a chat, or TGI's own route.
    pub fn of(body: &Value) -> Self {
        if let Some(ids) = body["prompt"].as_array() {
            return Self::Ids(ids.iter().filter_map(Value::as_u64).collect());
        }
        let messages = body["messages"].as_array().into_iter().flatten();
        let said: Vec<&str> = messages.filter_map(|message| message["content"].as_str()).collect();
        let plain = body["prompt"].as_str().or_else(|| body["inputs"].as_str());
        Self::Text(plain.map_or_else(|| said.join("\n"), str::to_owned))
    }

    pub fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    pub fn tokens(&self, state: &State) -> u32 {
        match self {
            Self::Ids(ids) => ids.len() as u32,
            Self::Text(text) => {
                let set = *state.prompt_tokens.lock().unwrap();
                set.unwrap_or_else(|| text.split_whitespace().count() as u32 + 1)
            }
        }
    }

    /// The number behind `@NAME:` in the text. So the stub behind the recorded TGI was told what to do, too.
    pub fn told(&self, name: &str) -> Option<u32> {
        let told = |word: &str| word.strip_prefix('@')?.strip_prefix(name)?.strip_prefix(':')?.parse().ok();
        self.text().split_whitespace().find_map(told)
    }
}

/// What the model does with a prompt: which tokens there are, and where it ends or breaks.
pub struct Script {
    /// Tokens asked for.
    pub wanted: u32,
    /// `@eos:N`: the Nth token is the end of the text.
    pub eos: Option<u32>,
    /// `@errd:N`: computing the Nth token fails.
    pub fails: Option<u32>,
    /// `@die:N`: the engine dies of the Nth token.
    pub dies: Option<u32>,
    /// `@close:N`: the connection is lost before the Nth token.
    pub closes: Option<u32>,
    /// `@utf:N`: the Nth token is a part of a character and has no text yet.
    pub split: Option<u32>,
    /// `@d:N`: ms for each token.
    gap: Duration,
}

/// Why a stream goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// This request failed.
    Failed,
    /// The engine is dead.
    Dead,
    /// The connection is to be lost.
    Lost,
}

/// One generated token.
pub struct Token {
    /// From 1.
    pub index: u32,
    pub id: u32,
    pub text: &'static str,
    pub is_last: bool,
    /// The last one, and it ends the text.
    pub is_eos: bool,
}

impl Script {
    pub fn of(prompt: &Prompt, wanted: u32) -> Self {
        let told = |name| prompt.told(name);
        Self {
            wanted,
            eos: told("eos"),
            fails: told("errd"),
            dies: told("die"),
            closes: told("close"),
            split: told("utf"),
            gap: Duration::from_millis(told("d").unwrap_or(0).into()),
        }
    }

    /// The tokens one after the other, each in its time, up to the last or to what ends them early.
    pub fn play(
        &self,
        state: &State,
        ignores_eos: bool,
        mut token: impl FnMut(Token) -> io::Result<()>,
    ) -> io::Result<Option<Break>> {
        const TEXTS: [&str; 10] = ["The", " qu", "ick", " b", "row", "n", " f", "o", "x", " j"];
        for index in 1..=self.wanted {
            let pace = Duration::from_millis(state.pace_ms.load(Ordering::SeqCst).into());
            std::thread::sleep(self.gap + pace);
            if self.dies == Some(index) || *state.dies_at.lock().unwrap() == Some(index) {
                state.becomes(super::Condition::Dead);
            }
            while state.condition() == super::Condition::Ending {
                std::thread::sleep(Duration::from_millis(50));
            }
            if state.condition() == super::Condition::Dead {
                return Ok(Some(Break::Dead));
            }
            for (at, broken) in [(self.fails, Break::Failed), (self.closes, Break::Lost)] {
                if at == Some(index) {
                    return Ok(Some(broken));
                }
            }
            let is_eos = self.eos == Some(index) && !ignores_eos;
            let at = (index as usize - 1) % TEXTS.len();
            let text = if is_eos {
                "</s>"
            } else if self.split == Some(index) {
                ""
            } else {
                TEXTS[at]
            };
            state.outputs_total.fetch_add(1, Ordering::SeqCst);
            let is_last = index == self.wanted || is_eos;
            token(Token { index, id: if is_eos { 2 } else { 1000 + at as u32 }, text, is_last, is_eos })?;
            if is_last {
                break;
            }
        }
        Ok(None)
    }
}

/// As JSON writes a text.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A time as the servers stamp their chunks with.
pub const CREATED: u64 = 1_795_573_227;
