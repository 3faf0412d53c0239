//! Owns what the machine did during trials: the server's own latencies, and the energy of its GPUs.
//! Must not know how any of it is read.

use crate::record::Buckets;
use shared::telemetry::{Energy, EnergyMethod, ServerSide};
use shared::units::finite;

/// What a server's own histograms gained between two reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerTally {
    /// Begin of the first read, ns of run time.
    pub from_ns: u64,
    /// End of the second, ns of run time.
    pub to_ns: u64,
    /// Its time to first token.
    pub ttft: Option<Buckets>,
    /// Its time between tokens.
    pub itl: Option<Buckets>,
}

/// Energy of the engine's GPUs over a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnergyTally {
    /// All of it, J.
    pub joules: f64,
    /// GPUs that it is of.
    pub gpus: u32,
    /// How it was measured.
    pub method: EnergyMethod,
}

impl ServerTally {
    /// Two trials together; a latency that one of them lacks is unknown.
    pub(super) fn and(self, other: &Self) -> Self {
        let both = |a: Option<Buckets>, b: &Option<Buckets>| a?.and(b.as_ref()?);
        Self {
            from_ns: self.from_ns.min(other.from_ns),
            to_ns: self.to_ns.max(other.to_ns),
            ttft: both(self.ttft, &other.ttft),
            itl: both(self.itl, &other.itl),
        }
    }

    pub(super) fn figures(&self) -> ServerSide {
        ServerSide {
            from_ns: self.from_ns,
            to_ns: self.to_ns,
            ttft: self.ttft.as_ref().map(Buckets::latency),
            itl: self.itl.as_ref().map(Buckets::latency),
        }
    }
}

impl EnergyTally {
    /// Two trials together; unknown where they are not of as many GPUs.
    pub(super) fn and(self, other: Self) -> Option<Self> {
        (self.gpus == other.gpus).then(|| Self {
            joules: self.joules + other.joules,
            gpus: self.gpus,
            method: if self.method == other.method { self.method } else { EnergyMethod::Mixed },
        })
    }

    pub(super) fn figures(&self, output_tokens: Option<u64>) -> Energy {
        let tokens = output_tokens.map(|tokens| tokens as f64);
        Energy {
            joules: self.joules,
            gpus: self.gpus,
            method: self.method,
            joules_per_token: tokens.and_then(|tokens| finite(self.joules / tokens)),
            tokens_per_joule: tokens.and_then(|tokens| finite(tokens / self.joules)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_of_trials_adds_up_and_names_its_method() {
        let of = |joules, gpus, method| EnergyTally { joules, gpus, method };
        let (counter, integrated) = (EnergyMethod::Counter, EnergyMethod::Integrated);
        assert_eq!(of(1.0, 2, counter).and(of(2.0, 2, counter)), Some(of(3.0, 2, counter)));
        assert_eq!(of(1.0, 2, counter).and(of(2.0, 2, integrated)), Some(of(3.0, 2, EnergyMethod::Mixed)));
        assert_eq!(of(1.0, 2, counter).and(of(2.0, 1, counter)), None);
        let figures = of(500.0, 1, integrated).figures(Some(250));
        assert_eq!((figures.joules_per_token, figures.tokens_per_joule), (Some(2.0), Some(0.5)));
        let none = of(0.0, 1, counter).figures(Some(0));
        assert_eq!((none.joules_per_token, none.tokens_per_joule), (None, None));
        assert_eq!(of(1.0, 1, counter).figures(None).joules_per_token, None);
    }
}
