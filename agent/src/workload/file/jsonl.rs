//! Owns files with a JSON object a line: a prompt or messages, and an output length where the line has its own.
//! Must not know how prompts become requests.

use super::{at_line, lines};
use crate::engine::{Message, Role};
use crate::workload::WorkloadRefused;
use crate::workload::prompts::{Entry, Said};
use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    prompt: Option<GivenPrompt>,
    messages: Option<Vec<Message>>,
    output_tokens: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "prompt must be a text or a list of token ids")]
enum GivenPrompt {
    Text(String),
    Ids(Vec<u32>),
}

pub(super) fn entries(path: &str, text: &str, in_sessions: bool) -> Result<Vec<Entry>, WorkloadRefused> {
    let parsed = lines(text)
        .map(|(number, line)| entry(line, number, in_sessions).map_err(|problem| at_line(path, number, problem)));
    parsed.collect()
}

fn entry(line: &str, number: usize, in_sessions: bool) -> Result<Entry, String> {
    let line: Line = serde_json::from_str(line)
        .map_err(|error| format!("cannot be read: {error}. Each line is an object with `prompt` or `messages`."))?;
    let said = match (line.prompt, line.messages) {
        (Some(GivenPrompt::Text(text)), None) if !text.is_empty() => Said::Text(text),
        (Some(GivenPrompt::Ids(ids)), None) if !ids.is_empty() => Said::Ids { ids, line: number },
        (Some(_), None) => return Err("has an empty prompt: give it a text or token ids.".into()),
        (None, Some(messages)) if messages.iter().any(|message| message.role == Role::User) => {
            if in_sessions {
                Said::Turns(messages)
            } else {
                Said::Messages(messages)
            }
        }
        (None, Some(_)) => return Err("has no message with the role \"user\": nothing is asked.".into()),
        _ => return Err("needs either `prompt` or `messages`.".into()),
    };
    if line.output_tokens == Some(0) {
        return Err("asks for 0 output_tokens: ask for at least 1, or leave it out.".into());
    }
    Ok(Entry { said, output_tokens: line.output_tokens })
}
