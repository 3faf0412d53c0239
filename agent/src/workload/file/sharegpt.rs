//! Owns files in ShareGPT's form: a list of conversations between a human and a model.
//! Must not know how prompts become requests.

use crate::engine::{Message, Role};
use crate::workload::WorkloadRefused;
use crate::workload::prompts::{Entry, Said};
use serde::Deserialize;

#[derive(Deserialize)]
struct Conversation {
    conversations: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    from: String,
    value: String,
}

/// Conversations in which a human asks something; the data sets hold some that are empty or begin in the middle, whose
/// parts before the first question are left out.
pub(super) fn entries(path: &str, text: &str) -> Result<Vec<Entry>, WorkloadRefused> {
    let list: Vec<Conversation> = serde_json::from_str(text).map_err(|error| WorkloadRefused::Content {
        path: path.to_owned(),
        place: format!("Line {}", error.line()),
        problem: format!(
            "cannot be read: {error}. ShareGPT's form is a list of objects with `conversations`, each a list of \
             objects with `from` and `value`."
        ),
    })?;
    let mut entries = Vec::new();
    for (number, conversation) in (1..).zip(list) {
        let messages = messages(conversation.conversations).map_err(|from| WorkloadRefused::Content {
            path: path.to_owned(),
            place: format!("Conversation {number}"),
            problem: format!("is said by \"{from}\", who is unknown: use human, gpt or system."),
        })?;
        if !messages.is_empty() {
            entries.push(Entry { said: Said::Turns(messages), output_tokens: None });
        }
    }
    Ok(entries)
}

/// Messages from the first question on, with system messages before it; two in a row by the same side become one,
/// since chat templates want the sides to take turns. Otherwise who it was that nobody knows.
fn messages(parts: Vec<Part>) -> Result<Vec<Message>, String> {
    let mut messages: Vec<Message> = Vec::new();
    let mut has_begun = false;
    for Part { from, value } in parts {
        let role = match from.as_str() {
            "human" | "user" => Role::User,
            "gpt" | "chatgpt" | "assistant" | "model" | "bing" | "bard" => Role::Assistant,
            "system" => Role::System,
            _ => return Err(from),
        };
        has_begun |= role == Role::User && !value.trim().is_empty();
        if value.trim().is_empty() || (role == Role::Assistant && !has_begun) {
            continue;
        }
        match messages.last_mut().filter(|last| last.role == role) {
            Some(last) => {
                last.content.push_str("\n\n");
                last.content.push_str(&value);
            }
            None => messages.push(Message { role, content: value }),
        }
    }
    Ok(if has_begun { messages } else { Vec::new() })
}
