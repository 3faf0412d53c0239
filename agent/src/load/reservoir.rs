//! Owns a bounded, uniform sample of values that come in any number.
//! Must not know what they mean.

/// Keeps each of the values seen with the same chance (Vitter 1985, algorithm R).
#[derive(Debug)]
pub(super) struct Reservoir {
    values: Vec<u64>,
    seen: u64,
    state: u64,
}

impl Reservoir {
    /// Most values kept.
    pub const CAPACITY: usize = 4096;

    pub fn new() -> Self {
        Self { values: Vec::with_capacity(Self::CAPACITY), seen: 0, state: 0x9E37_79B9_7F4A_7C15 }
    }

    pub fn add(&mut self, value: u64) {
        self.seen += 1;
        if self.values.len() < Self::CAPACITY {
            return self.values.push(value);
        }
        // xorshift64 (Marsaglia 2003): the sample needs evenness, not secrecy.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let place = (self.state % self.seen) as usize;
        if let Some(kept) = self.values.get_mut(place) {
            *kept = value;
        }
    }

    pub fn into_values(self) -> Vec<u64> {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_all_while_few_and_an_even_sample_of_many() {
        let mut few = Reservoir::new();
        (0..10).for_each(|v| few.add(v));
        assert_eq!(few.into_values(), (0..10).collect::<Vec<_>>());
        let mut many = Reservoir::new();
        (0..400_000).for_each(|v| many.add(v));
        let values = many.into_values();
        assert_eq!(values.len(), Reservoir::CAPACITY);
        let mean = values.iter().sum::<u64>() / values.len() as u64;
        assert!((180_000..220_000).contains(&mean), "mean of the sample {mean}");
    }
}
