//! Owns requests whose text is given: shipped prompts and those of a file, taken in turn.
//! Must not know how files are read.

use super::{Means, Planned};
use crate::engine::{Ask, Message, Prompt, Role};

/// What one entry says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// Text.
    Text(String),
    /// Token ids, sent as they are.
    Ids {
        ids: Vec<u32>,
        /// Where they stand in their file.
        line: usize,
    },
    /// A conversation that is sent whole.
    Messages(Vec<Message>),
    /// A conversation of which each message of the user is a turn.
    Turns(Vec<Message>),
}

/// One entry of a list of prompts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub said: Said,
    /// The output length that it asks for itself.
    pub output_tokens: Option<u32>,
}

/// Prompts that are taken in turn.
#[derive(Clone, Debug)]
pub(super) struct Prompts {
    entries: Vec<Entry>,
    /// Most turns of a conversation.
    turns: usize,
}

impl Prompts {
    /// At least one entry is needed.
    pub fn of(entries: Vec<Entry>, turns: Option<u32>) -> Self {
        Self { entries, turns: turns.unwrap_or(1) as usize }
    }

    /// The requests of one piece of work: one, or a conversation's turns.
    pub fn asks(&self, means: &Means, index: u64, id: u64) -> Vec<Ask> {
        let Entry { said, output_tokens } = &self.entries[(index % self.entries.len() as u64) as usize];
        let ask = |prompt, number: u64| {
            let mut ask = means.ask(prompt, number);
            ask.output_tokens = output_tokens.unwrap_or(ask.output_tokens);
            ask
        };
        // In front, since a prefix cache compares from the first token on.
        let mark = means.nonce.mark(id);
        match said {
            Said::Text(text) => vec![ask(Prompt::Text(mark + text), id)],
            Said::Ids { ids, .. } => vec![ask(Prompt::TokenIds(ids.clone()), id)],
            Said::Messages(messages) => vec![ask(Prompt::Messages(marked(messages, &mark)), id)],
            Said::Turns(messages) => {
                let messages = marked(messages, &mark);
                let ends = messages.iter().enumerate().filter(|(_, message)| message.role == Role::User);
                let turns = ends.take(self.turns).zip(id..);
                turns.map(|((end, _), number)| ask(Prompt::Messages(messages[..=end].to_vec()), number)).collect()
            }
        }
    }

    /// The longest request whose length is known, which it is for token ids only.
    pub fn longest(&self, means: &Means) -> Option<Planned> {
        let known = self.entries.iter().filter_map(|entry| {
            let Said::Ids { ids, line } = &entry.said else { return None };
            let output = entry.output_tokens.unwrap_or_else(|| means.most_output());
            Some(Planned { input: ids.len() as u64, output: u64::from(output), what: prompt_in(*line) })
        });
        known.max_by_key(Planned::total)
    }

    /// The first prompt that is a list of token ids, to begin a sentence.
    pub fn first_ids(&self) -> Option<String> {
        self.entries.iter().find_map(|entry| match entry.said {
            Said::Ids { line, .. } => Some(prompt_in(line)),
            _ => None,
        })
    }
}

fn prompt_in(line: usize) -> String {
    format!("The prompt in line {line}")
}

fn marked(messages: &[Message], mark: &str) -> Vec<Message> {
    let mut messages = messages.to_vec();
    if let Some(first) = messages.first_mut() {
        first.content.insert_str(0, mark);
    }
    messages
}
