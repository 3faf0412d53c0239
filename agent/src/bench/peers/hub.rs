//! Owns a cache of the Hugging Face hub with a tokenizer of our own, so that no tool needs the network or a model.
//! Must not know which tool reads it.

use crate::bench::pacer::TOKEN_TEXT;
use std::path::Path;

/// The tokenizer's repository. It splits at white space and knows one word: each token of the pacing server is one of
/// its tokens, so that tools that tokenise the text again count what was sent.
pub(super) const TOKENIZER: &str = "tokenprism/pacer";
/// The cache's folder, below the folder that a tool runs in.
const CACHE: &str = "hub-home";
/// The one commit of each repository.
const COMMIT: &str = "0000000000000000000000000000000000000001";

/// Variables by which Python and Rust tools find the cache and ask nobody else.
pub(super) fn env(folder: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("HF_HOME", folder.join(CACHE).display().to_string()),
        ("HF_HUB_OFFLINE", "1".to_owned()),
        ("TRANSFORMERS_OFFLINE", "1".to_owned()),
    ]
}

/// The files of the tokenizer's repository.
pub(super) fn tokenizer() -> Vec<(String, String)> {
    let word = TOKEN_TEXT.trim();
    let tokenizer = serde_json::json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [{
            "id": 0, "content": "[UNK]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": true
        }],
        "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": null,
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, word: 1}, "unk_token": "[UNK]"}
    });
    let settings = serde_json::json!({"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"});
    // Some read a model's shape before its tokenizer; none of it is used.
    let model = serde_json::json!({"model_type": "llama", "vocab_size": 2});
    repository(
        "models",
        TOKENIZER,
        &[
            ("tokenizer.json", &tokenizer.to_string()),
            ("tokenizer_config.json", &settings.to_string()),
            ("config.json", &model.to_string()),
        ],
    )
}

/// The files of a repository that holds one file of data.
pub(super) fn dataset(name: &str, file: &str, text: &str) -> Vec<(String, String)> {
    repository("datasets", name, &[(file, text)])
}

fn repository(kind: &str, name: &str, files: &[(&str, &str)]) -> Vec<(String, String)> {
    let folder = format!("{CACHE}/hub/{kind}--{}", name.replace('/', "--"));
    let mut all = vec![(format!("{folder}/refs/main"), COMMIT.to_owned())];
    all.extend(files.iter().map(|(file, text)| (format!("{folder}/snapshots/{COMMIT}/{file}"), (*text).to_owned())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_lies_where_the_hub_keeps_it() {
        let files: Vec<String> = dataset("a/b", "c.json", "[]").into_iter().map(|(path, _)| path).collect();
        let commit = format!("hub-home/hub/datasets--a--b/snapshots/{COMMIT}/c.json");
        assert_eq!(files, ["hub-home/hub/datasets--a--b/refs/main".to_owned(), commit]);
        let (_, refs) = &tokenizer()[0];
        assert_eq!(refs, COMMIT);
    }

    #[test]
    fn a_token_of_the_pacing_server_is_one_word_that_the_tokenizer_knows() {
        let word = TOKEN_TEXT.trim();
        assert!(TOKEN_TEXT.starts_with(' ') && !word.contains(char::is_whitespace));
        let (_, text) = &tokenizer()[1];
        let tokenizer: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(tokenizer["model"]["vocab"][word], 1);
    }
}
