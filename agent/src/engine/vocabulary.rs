//! Owns which token ids a prompt may be made of: ordinary ones, that the server takes and counts one by one.
//! Must not know what prompts are made for.

use super::attach::Probe;
use super::request::{Ask, Prompt, RequestShape};
use crate::stream::Protocol;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Fewest ids that a vocabulary needs: with fewer, prompts begin alike for too long.
const LEAST_IDS: usize = 16;
/// Ids that are plain pieces of words in the vocabularies in use: above the special, reserved and byte tokens, which
/// come first, and below the size of any of them. Tried where the server does not tokenise for us.
const LIKELY_IDS: std::ops::Range<u32> = 2_000..4_000;

/// Words of synthetic text: short and common, so that most tokenizers give each one token.
#[rustfmt::skip]
pub const WORDS: [&str; 128] = [
    "time", "water", "house", "light", "road", "hand", "year", "work", "line", "point", "world", "part", "place",
    "week", "case", "group", "fact", "eye", "side", "head", "war", "air", "force", "music", "paper", "field", "state",
    "market", "board", "city", "town", "book", "day", "man", "life", "child", "door", "name", "home", "night", "word",
    "bell", "heart", "street", "table", "sea", "river", "tree", "horse", "fire", "wind", "stone", "land", "north",
    "south", "east", "west", "king", "game", "team", "voice", "mind", "body", "blood", "bank", "price", "trade",
    "money", "ship", "train", "wall", "room", "floor", "garden", "food", "bread", "milk", "fish", "bird", "dog",
    "summer", "winter", "spring", "morning", "hour", "month", "story", "letter", "page", "song", "art", "film",
    "picture", "colour", "black", "white", "green", "blue", "red", "gold", "glass", "metal", "wood", "oil", "gas",
    "sun", "moon", "star", "earth", "hill", "valley", "bridge", "station", "school", "class", "student", "church",
    "law", "court", "police", "army", "peace", "health", "doctor", "science", "machine", "power", "energy",
];

/// Token ids that prompts of an exact length are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary(Arc<[u32]>);

impl Vocabulary {
    /// The built-in engine's printable bytes.
    #[must_use]
    pub fn builtin() -> Self {
        Self((0x20..0x7f).collect())
    }

    /// These ids, each once; absent where they are too few.
    fn of(mut ids: Vec<u32>) -> Option<Self> {
        ids.sort_unstable();
        ids.dedup();
        (ids.len() >= LEAST_IDS).then(|| Self(ids.into()))
    }

    /// The ids, at least two.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.0
    }
}

/// What the routes for tokenising answer.
#[derive(Deserialize)]
struct Tokenised {
    tokens: Vec<u32>,
}

impl Probe {
    /// Ids that this server takes as a prompt and counts one by one; absent where it takes text only, counts
    /// differently, or does not say what it counts.
    pub(super) async fn vocabulary(&self, shape: &RequestShape) -> Option<Vocabulary> {
        if shape.protocol != Protocol::OpenAiCompletions {
            return None;
        }
        let vocabulary = match self.ids_of_words(&shape.model).await {
            Some(vocabulary) => vocabulary,
            None => Vocabulary::of(LIKELY_IDS.collect())?,
        };
        // Both ends, so that an id beyond the model's vocabulary is refused now.
        let (few, last) = (&vocabulary.ids()[..LEAST_IDS], vocabulary.ids().last().copied());
        let ids: Vec<u32> = few.iter().copied().chain(last).collect();
        let planned = ids.len() as u32;
        let ask = Ask { prompt: Prompt::TokenIds(ids), output_tokens: 1, ignore_eos: true };
        let usage = self.generate(shape, &ask).await.ok()?.usage?;
        (usage.prompt_tokens == Some(planned)).then_some(vocabulary)
    }

    /// The ids of common words, where the server has a route that tokenises.
    async fn ids_of_words(&self, model: &str) -> Option<Vocabulary> {
        let text = WORDS.join(" ");
        // One server names the text `prompt`, another `content`; each passes over the other's field.
        let body = json!({"model": model, "prompt": text, "content": text, "add_special_tokens": false});
        let mut tokens = self.post::<Tokenised>("/tokenize", &body).await.ok()?.tokens;
        // A server that adds its special tokens all the same puts them at the ends.
        tokens.pop();
        Vocabulary::of(tokens.split_off(tokens.len().min(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vocabulary_holds_each_id_once_and_enough_of_them() {
        assert_eq!(Vocabulary::of((0..20).chain(0..20).collect()).unwrap().ids(), (0..20).collect::<Vec<_>>());
        assert_eq!(Vocabulary::of([7; 100].to_vec()), None);
        assert_eq!(Vocabulary::builtin().ids().len(), 95);
    }
}
