//! Owns the permutation test of two sets of repeats: how often labels at random would tell them as far apart.
//! Must not know what was repeated.

use super::mean;
use serde::{Deserialize, Serialize};

/// Most ways of labelling that are all counted; with more, labels are drawn.
const MOST_WAYS: f64 = 4e6;
/// Labellings drawn where they cannot all be counted; a p of 0.05 is then known to ± 0.001.
const DRAWS: u32 = 100_000;
/// Differences that are nearer than this share of their size are the same: sums in another order differ in last digits.
const SAME: f64 = 1e-9;

/// Repeats that were measured under the same circumstances: labels are exchanged within a block only. Two sets that were
/// not interleaved are one block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Repeats of what is compared with.
    pub base: Vec<f64>,
    /// Repeats of what is compared.
    pub other: Vec<f64>,
}

/// How the labellings were gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ways {
    /// Every one was counted: p is exact.
    Counted,
    /// So many were drawn, by a fixed seed.
    Drawn(u32),
}

/// What the test came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Permutation {
    /// Share of labellings whose means lie at least as far apart as those that were measured, two-sided.
    pub p: f64,
    /// The least p that any outcome could have had with so many repeats: two sets wholly apart.
    pub least_p: f64,
    /// How it was counted.
    pub ways: Ways,
}

/// The exact unpaired permutation test within blocks (Pitman, 1937; Edgington and Onghena, "Randomization Tests"). The
/// statistic is the difference of means, of several blocks its mean weighted by their repeats. Nothing where a block
/// lacks one of the two, or there is none.
#[must_use]
pub fn permutation_test(blocks: &[Block]) -> Option<Permutation> {
    let blocks: Vec<Labels> = blocks.iter().map(Labels::of).collect::<Option<_>>()?;
    if blocks.is_empty() {
        return None;
    }
    let observed: f64 = blocks.iter().map(|block| block.at(|place| place < block.base)).sum();
    let ways: f64 = blocks.iter().map(Labels::ways).product();
    // Both ends of the distribution, which are one end where sets differ in size.
    let symmetric = blocks.iter().all(|block| block.base * 2 == block.values.len());
    let least_p = (if symmetric { 2.0 } else { 1.0 }) / ways;
    let apart = |statistic: f64| statistic.abs() >= observed.abs() * (1.0 - SAME);
    if ways <= MOST_WAYS {
        let mut statistics = vec![0.0];
        // The last block is not multiplied out: its ways are counted as they come.
        let (last, before) = blocks.split_last()?;
        for block in before {
            let each = block.all();
            statistics = statistics.iter().flat_map(|sum| each.iter().map(move |part| sum + part)).collect();
        }
        let each = last.all();
        let far = statistics.iter().map(|sum| each.iter().filter(|part| apart(sum + **part)).count()).sum::<usize>();
        return Some(Permutation { p: (far as f64 / ways).min(1.0), least_p: least_p.min(1.0), ways: Ways::Counted });
    }
    let mut random = SplitMix(0);
    let far = (0..DRAWS).filter(|_| apart(blocks.iter().map(|block| block.drawn(&mut random)).sum())).count();
    // The measured labelling is one of those that could have been drawn (Phipson and Smyth, 2010).
    let p = (far as f64 + 1.0) / (f64::from(DRAWS) + 1.0);
    Some(Permutation { p, least_p: least_p.max(1.0 / (f64::from(DRAWS) + 1.0)), ways: Ways::Drawn(DRAWS) })
}

/// The least p of two sets of `repeats` each: wholly apart, both ends counted. Measured in turns each repeat is a block.
#[must_use]
pub fn least_p(repeats: u32, in_turns: bool) -> f64 {
    let ways: f64 = if in_turns {
        2f64.powi(repeats.min(1000) as i32)
    } else {
        (1..=repeats).map(|k| f64::from(repeats + k) / f64::from(k)).product()
    };
    (2.0 / ways).min(1.0)
}

/// A block's repeats, those of the base first, and its weight among all.
struct Labels {
    values: Vec<f64>,
    base: usize,
}

impl Labels {
    fn of(block: &Block) -> Option<Self> {
        mean(&block.base).and(mean(&block.other))?;
        Some(Self { values: block.base.iter().chain(&block.other).copied().collect(), base: block.base.len() })
    }

    /// Ways of choosing which of the repeats are the base's.
    fn ways(&self) -> f64 {
        let n = self.values.len();
        let factor = |k: usize| (n - k) as f64 / (k + 1) as f64;
        (0..self.base).map(factor).product::<f64>().round()
    }

    /// The statistic where these are the base's: the difference of means by the block's weight.
    fn at(&self, is_base: impl Fn(usize) -> bool) -> f64 {
        let base: f64 = self.values.iter().enumerate().filter(|(place, _)| is_base(*place)).map(|(_, v)| v).sum();
        self.of_sum(base)
    }

    fn of_sum(&self, base: f64) -> f64 {
        let (n, all) = (self.values.len() as f64, self.values.iter().sum::<f64>());
        let of_base = self.base as f64;
        ((all - base) / (n - of_base) - base / of_base) * n
    }

    /// The statistic of every way.
    fn all(&self) -> Vec<f64> {
        let mut statistics = Vec::new();
        self.choose(0, self.base, 0.0, &mut statistics);
        statistics
    }

    /// Chooses `left` more of the repeats from `from` on.
    fn choose(&self, from: usize, left: usize, sum: f64, statistics: &mut Vec<f64>) {
        if left == 0 {
            statistics.push(self.of_sum(sum));
            return;
        }
        for place in from..=self.values.len() - left {
            self.choose(place + 1, left - 1, sum + self.values[place], statistics);
        }
    }

    /// The statistic of a way at random: the first places of a shuffle (Fisher and Yates).
    fn drawn(&self, random: &mut SplitMix) -> f64 {
        let mut places: Vec<usize> = (0..self.values.len()).collect();
        let mut sum = 0.0;
        for place in 0..self.base {
            let with = place + random.below(places.len() - place);
            places.swap(place, with);
            sum += self.values[places[place]];
        }
        self.of_sum(sum)
    }
}

/// A small generator (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A whole number from 0 and below `n`, by the upper half of a product (Lemire, 2019); its bias is below n / 2⁶⁴.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(blocks: &[(&[f64], &[f64])], p: f64, least_p: f64) {
        let blocks: Vec<Block> =
            blocks.iter().map(|(base, other)| Block { base: base.to_vec(), other: other.to_vec() }).collect();
        let found = permutation_test(&blocks).unwrap();
        assert!((found.p - p).abs() < 1e-12 && (found.least_p - least_p).abs() < 1e-12, "{blocks:?}: {found:?}");
    }

    #[test]
    fn small_sets_can_be_counted_by_hand() {
        check(&[(&[1.0, 2.0], &[3.0, 4.0])], 2.0 / 6.0, 2.0 / 6.0);
        check(&[(&[1.0, 4.0], &[2.0, 3.0])], 1.0, 2.0 / 6.0);
        check(&[(&[1.0], &[2.0, 3.0, 4.0])], 2.0 / 4.0, 1.0 / 4.0);
        check(&[(&[7.0; 5], &[7.0; 5])], 1.0, 2.0 / 252.0);
        // Sums in another order: 0.1 + 0.2 is not 0.3.
        check(&[(&[0.1, 0.2], &[0.3, 0.0])], 1.0, 2.0 / 6.0);
    }

    #[test]
    fn labels_stay_within_their_block() {
        let pair: (&[f64], &[f64]) = (&[1.0], &[2.0]);
        check(&[pair; 5], 2.0 / 32.0, 2.0 / 32.0);
        check(&[pair; 6], 2.0 / 64.0, 2.0 / 64.0);
        // Drift between blocks hides nothing, and proves nothing.
        check(&[(&[1.0, 1.5], &[2.0, 2.5]), (&[101.0, 101.5], &[102.0, 102.5])], 2.0 / 36.0, 2.0 / 36.0);
    }

    #[test]
    fn a_block_that_lacks_one_of_the_two_cannot_be_tested() {
        assert_eq!(permutation_test(&[]), None);
        assert_eq!(permutation_test(&[Block { base: vec![1.0], other: vec![] }]), None);
    }

    #[test]
    fn many_ways_are_drawn_and_come_to_the_same() {
        let base: Vec<f64> = (0..20).map(|n| f64::from(n * 7 % 20)).collect();
        let other: Vec<f64> = base.iter().map(|v| v + 3.0).collect();
        let found = permutation_test(&[Block { base, other }]).unwrap();
        assert_eq!(found.ways, Ways::Drawn(DRAWS));
        // By the normal approximation of Student's test.
        assert!((found.p - 0.116).abs() < 0.015, "{found:?}");
    }
}
