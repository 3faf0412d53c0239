//! Owns the kinds of engine: their names, how each may be reached, and the route that asks it for work.
//! Must not know parameters or versions.

use serde::{Deserialize, Serialize};

/// The kinds of engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// The small Llama in this binary: random weights on the CPU.
    Builtin,
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// Hugging Face Text Generation Inference.
    Tgi,
    /// The naive baseline around Transformers' own `generate`.
    Transformers,
    /// llama.cpp's server.
    LlamaServer,
    /// Any server with OpenAI's completions.
    OpenaiCompletions,
    /// Any server with OpenAI's chat completions.
    OpenaiChat,
    /// A server with the `generate_stream` route.
    GenerateStream,
}

/// How an engine is started by the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Launch {
    /// As a process of this host.
    Native,
    /// In a container.
    Docker,
}

impl Launch {
    /// The word in a plan.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Launch::Native => "native",
            Launch::Docker => "docker",
        }
    }
}

/// The route that work is asked for on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// OpenAI's completions.
    Completions,
    /// OpenAI's chat completions.
    Chat,
    /// `generate_stream`, which has no messages and cannot force a length.
    GenerateStream,
}

impl EngineKind {
    /// All of them by their word in a plan, in the order of a form.
    pub const KEYS: [(&str, EngineKind); 9] = [
        ("builtin", EngineKind::Builtin),
        ("vllm", EngineKind::Vllm),
        ("sglang", EngineKind::Sglang),
        ("tgi", EngineKind::Tgi),
        ("transformers", EngineKind::Transformers),
        ("llama_server", EngineKind::LlamaServer),
        ("openai_completions", EngineKind::OpenaiCompletions),
        ("openai_chat", EngineKind::OpenaiChat),
        ("generate_stream", EngineKind::GenerateStream),
    ];
    /// The same with the words of each.
    pub const LABELS: [(&str, &str); 9] = {
        let mut labels = [("", ""); 9];
        let mut place = 0;
        while place < labels.len() {
            let (key, kind) = Self::KEYS[place];
            labels[place] = (key, kind.label());
            place += 1;
        }
        labels
    };

    /// The words that pages and tables show.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            EngineKind::Builtin => "built-in (random weights, CPU)",
            EngineKind::Vllm => "vLLM",
            EngineKind::Sglang => "SGLang",
            EngineKind::Tgi => "Text Generation Inference",
            EngineKind::Transformers => "Transformers (naive baseline)",
            EngineKind::LlamaServer => "llama.cpp server",
            EngineKind::OpenaiCompletions => "OpenAI completions",
            EngineKind::OpenaiChat => "OpenAI chat",
            EngineKind::GenerateStream => "generate_stream",
        }
    }

    /// How the agent can start it; in no way where it starts it by itself, or only attaches it.
    #[must_use]
    pub fn launches(self) -> &'static [Launch] {
        match self {
            EngineKind::Vllm | EngineKind::Sglang | EngineKind::Tgi | EngineKind::LlamaServer => {
                &[Launch::Native, Launch::Docker]
            }
            EngineKind::Transformers => &[Launch::Native],
            EngineKind::Builtin
            | EngineKind::OpenaiCompletions
            | EngineKind::OpenaiChat
            | EngineKind::GenerateStream => &[],
        }
    }

    /// The route that it is asked on.
    #[must_use]
    pub fn route(self) -> Route {
        match self {
            EngineKind::OpenaiChat => Route::Chat,
            EngineKind::Tgi | EngineKind::GenerateStream => Route::GenerateStream,
            _ => Route::Completions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_words_of_a_plan() {
        for (key, kind) in EngineKind::KEYS {
            assert_eq!(serde_json::to_value(kind).unwrap(), key);
        }
        assert!(EngineKind::LABELS.contains(&("openai_chat", "OpenAI chat")));
        assert_eq!(serde_json::to_value(Launch::Docker).unwrap(), Launch::Docker.key());
    }
}
