//! Owns the long proofs: which program runs for how long, and which page it writes.
//! Must not know what is proven.

use crate::agent;
use crate::paths;
use crate::sh::Sh;
use anyhow::Result;
use clap::Subcommand;

/// A proof that takes longer than a test may.
#[derive(Subcommand)]
pub enum Soak {
    /// Kill the agent with SIGKILL at random moments of runs; writes docs/evidence/kills.md (ten minutes).
    Kills {
        /// How often.
        #[arg(long, default_value_t = 100)]
        kills: u32,
        /// Repeats the moments of an earlier soak, as far as the machine does.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Have viewers follow a live run; writes docs/evidence/viewers-soak.md (forty minutes).
    Viewers {
        /// How many.
        #[arg(long, default_value_t = 200)]
        viewers: u32,
        /// For how long, minutes.
        #[arg(long, default_value_t = 30.0)]
        minutes: f64,
    },
}

/// Runs a soak; its page is written only where everything held.
///
/// # Errors
/// When something did not hold, or the build fails.
pub fn run(which: &Soak) -> Result<()> {
    match which {
        Soak::Kills { kills, seed } => {
            let page = paths::root().join("docs/evidence/kills.md");
            let mut sh = Sh::new("cargo")
                .args(["test", "--locked", "--package", "tokenprism", "--test", "kills"])
                .args(["--", "--ignored", "--exact", "soak", "--nocapture"])
                .env("TOKENPRISM_KILLS", kills.to_string())
                .env("TOKENPRISM_KILLS_OUT", page);
            if let Some(seed) = seed {
                sh = sh.env("TOKENPRISM_KILLS_SEED", seed.to_string());
            }
            sh.run()
        }
        Soak::Viewers { viewers, minutes } => {
            let options = [format!("--viewers={viewers}"), format!("--minutes={minutes}")];
            let fixed = ["viewers-soak".to_owned(), "--out=docs/evidence/viewers-soak.md".to_owned()];
            agent::bench(&fixed.into_iter().chain(options).collect::<Vec<_>>())
        }
    }
}
