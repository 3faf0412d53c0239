//! Owns the choice of the next token from a row's logits.
//! Must not know tensors or scheduling.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::token::{EOS, is_printable};

/// How a row chooses among its logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the most likely token; above, the softmax of logits / temperature is sampled.
    pub temperature: f64,
    /// Seed of the row's own random stream.
    pub seed: u64,
}

/// Why a row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The end-of-sequence token was chosen.
    Stop,
    /// The requested number of tokens was generated.
    Length,
}

/// Chooses one row's tokens.
pub struct Sampler {
    temperature: f64,
    rng: ChaCha8Rng,
}

impl Sampler {
    /// A sampler whose choices depend on the logits and `sampling` alone.
    pub fn new(sampling: Sampling) -> Self {
        Self { temperature: sampling.temperature, rng: ChaCha8Rng::seed_from_u64(sampling.seed) }
    }

    /// The next token: a printable byte, or the end of the sequence where `may_end`.
    pub fn choose(&mut self, logits: &[f32], may_end: bool) -> u32 {
        let allowed = || {
            logits
                .iter()
                .zip(0_u32..)
                .filter(|(_, token)| is_printable(*token) || (may_end && *token == EOS))
                .map(|(logit, token)| (token, f64::from(*logit)))
        };
        let (best, highest) =
            allowed().fold((0x20, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best });
        if self.temperature <= 0.0 {
            return best;
        }
        let weight = |logit: f64| ((logit - highest) / self.temperature).exp();
        let total: f64 = allowed().map(|(_, logit)| weight(logit)).sum();
        let mut left = self.rng.random::<f64>() * total;
        for (token, logit) in allowed() {
            left -= weight(logit);
            if left < 0.0 {
                return token;
            }
        }
        // Rounding may leave a remainder after the last token.
        best
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::VOCAB_SIZE;
    use super::*;

    fn logits(set: &[(u32, f32)]) -> Vec<f32> {
        let mut logits = vec![0.0; VOCAB_SIZE];
        for (token, value) in set {
            logits[*token as usize] = *value;
        }
        logits
    }

    fn greedy(set: &[(u32, f32)], may_end: bool) -> u32 {
        Sampler::new(Sampling { temperature: 0.0, seed: 0 }).choose(&logits(set), may_end)
    }

    #[test]
    fn greedy_takes_the_highest_allowed() {
        assert_eq!(greedy(&[(65, 2.0), (66, 1.0)], true), 65);
        assert_eq!(greedy(&[(7, 9.0), (200, 9.0), (65, 2.0)], true), 65, "control and high bytes are never generated");
        assert_eq!(greedy(&[(EOS, 3.0), (65, 2.0)], true), EOS);
        assert_eq!(greedy(&[(EOS, 3.0), (65, 2.0)], false), 65);
    }

    #[test]
    fn sampling_follows_the_probabilities_and_the_seed() {
        // e^5 against 94 others at e^0: 148 / (148 + 94) = 0.61.
        let logits = logits(&[(65, 5.0)]);
        let draw = |seed| {
            let mut sampler = Sampler::new(Sampling { temperature: 1.0, seed });
            (0..2000).map(|_| sampler.choose(&logits, false)).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        let share = draw(3).iter().filter(|token| **token == 65).count() as f64 / 2000.0;
        assert!((share - 0.61).abs() < 0.05, "{share}");
        assert!(draw(3).iter().all(|token| is_printable(*token)));
    }

    #[test]
    fn numbers_that_are_not_numbers_still_give_a_printable_token() {
        for temperature in [0.0, 1.0] {
            let token = Sampler::new(Sampling { temperature, seed: 0 }).choose(&[f32::NAN; VOCAB_SIZE], true);
            assert!(is_printable(token));
        }
    }
}
