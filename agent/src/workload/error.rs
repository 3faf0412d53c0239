//! Owns the sentences with which a workload is refused.
//! Must not know how prompts are made.

/// Why there is no workload.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadRefused {
    /// A file could not be read.
    #[error("The file {path} could not be read on the agent's host: {source}. Check the path in {field}.")]
    File {
        /// The path.
        path: String,
        /// The plan's field.
        field: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is larger than what is read.
    #[error("The file {path} is larger than the {limit} bytes that are read: keep only the part that is needed.")]
    TooLarge {
        /// The path.
        path: String,
        /// The limit.
        limit: u64,
    },
    /// The thread that reads ended in the middle.
    #[error("The workload could not be prepared: {0}. Please report this, with the plan.")]
    Reader(#[from] tokio::task::JoinError),
    /// The file's name does not say what is in it.
    #[error(
        "The file {0} does not say by its ending what it holds: use .txt for a prompt a line, .jsonl for an object a \
         line, .json for ShareGPT's form."
    )]
    Ending(String),
    /// A place in a file was refused.
    #[error("{place} of the file {path} {problem}")]
    Content {
        /// The path.
        path: String,
        /// Which line or conversation.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A file without anything in it.
    #[error("The file {0} holds nothing to ask: give it at least one {1}.")]
    Empty(String, &'static str),
    /// A prompts file's content was refused.
    #[error(transparent)]
    Prompts(#[from] shared::workload::PromptsError),
    /// No such task.
    #[error("The shipped prompts have no task \"{wanted}\"; they have: {known}. \"all\" takes every one.")]
    UnknownTask {
        /// The plan's word.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// Token ids for an engine that takes none.
    #[error(
        "{0} is a list of token ids, which this engine does not take: give it text, or use an engine with OpenAI's \
         completions that counts token ids as they are sent."
    )]
    IdsNotTaken(String),
    /// The work does not fit the context.
    #[error(
        "{what}: {input} prompt tokens and {output} output tokens do not fit the engine's context of {context} tokens. \
         Shorten it, or raise the engine's limit."
    )]
    Context {
        /// The longest request.
        what: String,
        /// Its prompt tokens.
        input: u64,
        /// Its output tokens.
        output: u64,
        /// The engine's limit.
        context: u32,
    },
}
