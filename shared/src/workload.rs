//! Owns the prompts file: numbered lines with a task name, or plain lines.
//! Must not know where the text comes from.

use serde::{Deserialize, Serialize};

/// Longest prompts file that is read, bytes.
pub const MAX_PROMPTS_BYTES: usize = 1 << 20;

/// One prompt and the task that it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskPrompt {
    /// Task name; absent for unnumbered lines.
    pub task: Option<String>,
    /// The prompt.
    pub text: String,
}

/// Why a prompts file was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PromptsError {
    /// No prompt in it.
    #[error(
        "The prompts file holds no prompt: write one prompt a line, plain or as \"1. Task name: prompt\", and start again."
    )]
    Empty,
    /// Larger than the limit.
    #[error("The prompts file has {0} bytes, more than the {MAX_PROMPTS_BYTES} that are read: split it.")]
    TooLarge(usize),
    /// A numbered line without prompt.
    #[error("Line {line} of the prompts file names the task \"{task}\" but holds no prompt after the colon.")]
    NoPrompt {
        /// Line number from 1.
        line: usize,
        /// The task.
        task: String,
    },
}

/// Reads `N. Task name: prompt` lines and plain lines; blank lines are skipped.
///
/// # Errors
/// [`PromptsError`] where the text holds no prompt, is too large, or names a task without a prompt.
pub fn parse_prompts(text: &str) -> Result<Vec<TaskPrompt>, PromptsError> {
    if text.len() > MAX_PROMPTS_BYTES {
        return Err(PromptsError::TooLarge(text.len()));
    }
    let mut prompts = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        prompts.push(match numbered(line) {
            Some((task, "")) => {
                return Err(PromptsError::NoPrompt { line: index + 1, task: task.to_owned() });
            }
            Some((task, prompt)) => TaskPrompt { task: Some(task.to_owned()), text: prompt.to_owned() },
            None => TaskPrompt { task: None, text: line.to_owned() },
        });
    }
    if prompts.is_empty() { Err(PromptsError::Empty) } else { Ok(prompts) }
}

/// Splits `N. Task name: prompt`; nothing where the line does not have that form.
fn numbered(line: &str) -> Option<(&str, &str)> {
    let (number, rest) = line.split_once('.')?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (task, prompt) = rest.split_once(':')?;
    let task = task.trim();
    (!task.is_empty()).then_some((task, prompt.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&[(Option<&str>, &str)], PromptsError>) {
        let got = parse_prompts(text);
        let expect = expect.map(|list| {
            list.iter()
                .map(|(task, text)| TaskPrompt { task: task.map(str::to_owned), text: (*text).to_owned() })
                .collect::<Vec<_>>()
        });
        assert_eq!(got, expect, "{text:?}");
    }

    #[test]
    fn prompts() {
        check("1. Recall: Who?\n\n2. Sum: 1: 2?\r\n", Ok(&[(Some("Recall"), "Who?"), (Some("Sum"), "1: 2?")]));
        check("Just a line\n3.5 is a number", Ok(&[(None, "Just a line"), (None, "3.5 is a number")]));
        check(" \n\n", Err(PromptsError::Empty));
        check("", Err(PromptsError::Empty));
        check("1. Recall:", Err(PromptsError::NoPrompt { line: 1, task: "Recall".into() }));
    }

    #[test]
    fn the_shipped_file_has_the_four_tasks() {
        let tasks: Vec<_> =
            parse_prompts(include_str!("../../prompts.txt")).unwrap().into_iter().filter_map(|p| p.task).collect();
        assert_eq!(tasks, ["Factual recall", "Simple reasoning", "Sentiment classification", "Summarisation"]);
    }
}
