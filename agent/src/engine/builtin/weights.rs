//! Owns the model's random weights: the same seed gives the same numbers on every machine.
//! Must not know the forward pass.

use candle_core::{DType, Device, Result, Shape, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws weight tensors one after another from one seeded stream.
pub struct Weights {
    rng: ChaCha8Rng,
}

impl Weights {
    /// A stream of weights that depends on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Uniform numbers with mean 0 and the given standard deviation.
    ///
    /// The draw is made of raw bits that candle converts, since dependencies are optimised even in a debug build.
    pub fn uniform(&mut self, shape: impl Into<Shape>, std_dev: f64) -> Result<Tensor> {
        let shape = shape.into();
        let mut bits = vec![0_u32; shape.elem_count()];
        self.rng.fill(&mut bits[..]);
        // A uniform variable on [-a, a] has standard deviation a / sqrt(3).
        let half_width = std_dev * 3_f64.sqrt();
        let scale = 2.0 * half_width / f64::from(u32::MAX);
        Tensor::from_vec(bits, shape, &Device::Cpu)?.to_dtype(DType::F32)?.affine(scale, -half_width)
    }

    /// The weight of a linear layer, scaled so that its outputs keep the variance of its inputs.
    pub fn linear(&mut self, inputs: usize, outputs: usize) -> Result<candle_nn::Linear> {
        let weight = self.uniform((outputs, inputs), 1.0 / (inputs as f64).sqrt())?;
        Ok(candle_nn::Linear::new(weight, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64) -> Vec<f32> {
        Weights::new(seed).uniform((100, 100), 0.5).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_seed_alone_decides_the_numbers() {
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn mean_and_spread_are_as_asked() {
        let values = draw(1);
        let n = values.len() as f64;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((variance.sqrt() - 0.5).abs() < 0.01, "{variance}");
    }
}
