//! Owns synthetic text: passages of a given length, in token ids where the engine takes them, else in words.
//! Must not know which passages a prompt has.

use crate::engine::{Message, Prompt, Role, Vocabulary, WORDS};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stretch of text: the same key gives the same symbols, another key others from the first ones on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    pub key: u64,
    pub tokens: u32,
}

impl Passage {
    /// Numbers below `size`: first the key's own digits, in which two keys cannot be the same, then random ones.
    fn symbols(self, size: usize) -> impl Iterator<Item = usize> {
        let size = size as u64;
        let mut random = ChaCha8Rng::seed_from_u64(self.key);
        let (mut digits, mut room) = (self.key, u64::MAX);
        (0..self.tokens).map(move |_| {
            let symbol = if room > 0 { digits % size } else { random.random_range(0..size) };
            (digits, room) = (digits / size, room / size);
            symbol as usize
        })
    }
}

/// What one side of a conversation says.
#[derive(Clone, Debug)]
pub(super) struct Utterance {
    pub role: Role,
    pub passages: Vec<Passage>,
}

/// What passages are written in.
#[derive(Clone, Debug)]
pub(super) enum Alphabet {
    /// Token ids: one a token, so that lengths are exact.
    Ids(Vocabulary),
    /// Common words: about one a token.
    Words,
}

impl Alphabet {
    /// A prompt of one passage after the other.
    pub fn prompt(&self, passages: &[Passage]) -> Prompt {
        match self {
            Alphabet::Ids(vocabulary) => Prompt::TokenIds(ids(vocabulary, passages.iter())),
            Alphabet::Words => Prompt::Text(words(passages)),
        }
    }

    /// A prompt of a conversation up to now.
    pub fn conversation(&self, said: &[Utterance]) -> Prompt {
        match self {
            Alphabet::Ids(vocabulary) => {
                Prompt::TokenIds(ids(vocabulary, said.iter().flat_map(|utterance| &utterance.passages)))
            }
            Alphabet::Words => Prompt::Messages(
                said.iter().map(|one| Message { role: one.role, content: words(&one.passages) }).collect(),
            ),
        }
    }
}

fn ids<'a>(vocabulary: &Vocabulary, passages: impl Iterator<Item = &'a Passage>) -> Vec<u32> {
    let ids = vocabulary.ids();
    passages.flat_map(|passage| passage.symbols(ids.len())).map(|symbol| ids[symbol]).collect()
}

fn words(passages: &[Passage]) -> String {
    let symbols = passages.iter().flat_map(|passage| passage.symbols(WORDS.len()));
    symbols.map(|symbol| WORDS[symbol]).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_keys_differ_within_the_first_tokens_and_lengths_are_exact() {
        let symbols = |key, tokens| Passage { key, tokens }.symbols(95).collect::<Vec<_>>();
        // Keys that differ in one bit, the highest: the last digit tells them apart.
        let (one, two) = (symbols(1, 100), symbols(1 | 1 << 63, 100));
        assert_ne!(one[..10], two[..10]);
        assert_eq!(symbols(1, 3), one[..3]);
        assert_eq!((symbols(1, 0).len(), one.len()), (0, 100));
        assert!(one.iter().all(|symbol| *symbol < 95));
    }

    #[test]
    fn words_are_as_many_as_tokens_were_planned() {
        let passages = [Passage { key: 1, tokens: 10 }, Passage { key: 2, tokens: 5 }];
        let Prompt::Text(text) = Alphabet::Words.prompt(&passages) else { panic!("text expected") };
        assert_eq!(text.split(' ').count(), 15);
    }
}
