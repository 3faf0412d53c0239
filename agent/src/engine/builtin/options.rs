//! Owns how the built-in engine is started: its options, their bounds, and what can go wrong.
//! Must not know how requests are served.

use super::config::{ModelConfig, Preset};

/// Largest batch: bounds the memory of the KV cache.
const MAX_BATCH: usize = 256;
/// Longest wait for a batch to fill.
const MAX_BATCH_WAIT_MS: u64 = 60_000;

/// How the built-in engine runs.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
pub struct BuiltinOptions {
    /// Port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Size of the model.
    #[arg(long, value_enum, default_value = "1m")]
    pub preset: Preset,
    /// Seed of the random weights.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Keep keys and values of earlier tokens; off computes the whole sequence again at every step.
    #[arg(long, value_name = "on|off", default_value = "on", value_parser = on_off, action = clap::ArgAction::Set)]
    pub kv_cache: bool,
    /// Requests of a static batch; 1 serves one request at a time.
    #[arg(long, default_value_t = 1)]
    pub batch: usize,
    /// How long a batch waits for more requests after its first, in milliseconds.
    #[arg(long, default_value_t = 20)]
    pub batch_wait_ms: u64,
    /// Longest prompt and output together, in tokens; the preset's own limit where absent.
    #[arg(long)]
    pub max_model_len: Option<usize>,
    /// Name of the model in requests; `tokenprism-builtin-PRESET` where absent.
    #[arg(long)]
    pub model_name: Option<String>,
}

impl Default for BuiltinOptions {
    fn default() -> Self {
        Self {
            port: 0,
            preset: Preset::P1m,
            seed: 0,
            kv_cache: true,
            batch: 1,
            batch_wait_ms: 20,
            max_model_len: None,
            model_name: None,
        }
    }
}

impl BuiltinOptions {
    /// The name that `/v1/models` shows.
    pub fn served_name(&self) -> String {
        self.model_name.clone().unwrap_or_else(|| format!("tokenprism-builtin-{}", self.preset))
    }

    /// Checks the bounds and gives the shapes to build.
    ///
    /// # Errors
    /// When an option is out of its bounds.
    pub fn model_config(&self) -> Result<ModelConfig, BuiltinError> {
        let mut config = self.preset.config();
        if !(1..=MAX_BATCH).contains(&self.batch) {
            return Err(BuiltinError::Option {
                option: "batch",
                value: self.batch as u64,
                allowed: (1, MAX_BATCH as u64),
            });
        }
        if self.batch_wait_ms > MAX_BATCH_WAIT_MS {
            let allowed = (0, MAX_BATCH_WAIT_MS);
            return Err(BuiltinError::Option { option: "batch-wait-ms", value: self.batch_wait_ms, allowed });
        }
        if let Some(limit) = self.max_model_len {
            if !(2..=config.max_model_len).contains(&limit) {
                let allowed = (2, config.max_model_len as u64);
                return Err(BuiltinError::Option { option: "max-model-len", value: limit as u64, allowed });
            }
            config.max_model_len = limit;
        }
        Ok(config)
    }
}

/// Why the built-in engine did not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum BuiltinError {
    /// An option is out of its bounds.
    #[error("The built-in engine cannot take --{option} {value}; give a number from {} to {}.", allowed.0, allowed.1)]
    Option {
        /// The option's name.
        option: &'static str,
        /// What was given.
        value: u64,
        /// Lowest and highest value allowed.
        allowed: (u64, u64),
    },
    /// The port could not be opened.
    #[error(
        "The built-in engine could not listen on 127.0.0.1:{port} ({source}); choose another port, or 0 for a free one."
    )]
    Bind {
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// The model could not be built.
    #[error("The built-in model could not be built ({0}); a smaller preset or batch needs less memory.")]
    Model(#[from] candle_core::Error),
    /// The system refused a thread, a runtime or a signal handler.
    #[error("The built-in engine could not start ({0}); check the limits on threads and memory of this user.")]
    System(#[from] std::io::Error),
    /// The model's thread ended while requests were served.
    #[error("The built-in engine's model thread ended unexpectedly; its log names the cause. Start the engine again.")]
    ModelThread,
}

/// The environment to start the engine's process with: its arithmetic leaves one core to the load generator.
///
/// The thread pool reads the variable once, at its first use, so the parent must set it.
pub fn child_environment() -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    vec![("RAYON_NUM_THREADS", cores.saturating_sub(1).max(1).to_string())]
}

fn on_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("say on or off".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: BuiltinOptions,
    }

    fn parse(line: &str) -> Option<BuiltinOptions> {
        Line::try_parse_from(line.split_whitespace()).ok().map(|line| line.options)
    }

    #[test]
    fn the_command_line_reads_back() {
        assert_eq!(parse("x"), Some(BuiltinOptions::default()));
        let options = parse("x --preset 110m --kv-cache off --batch 8 --batch-wait-ms 5").unwrap();
        assert_eq!((options.preset, options.kv_cache, options.batch), (Preset::P110m, false, 8));
        assert_eq!(options.served_name(), "tokenprism-builtin-110m");
        assert_eq!(parse("x --kv-cache maybe"), None);
    }

    #[test]
    fn bounds_are_checked() {
        let check = |options: BuiltinOptions| options.model_config().map(|config| config.max_model_len).ok();
        let base = BuiltinOptions::default();
        assert_eq!(check(base.clone()), Some(2048));
        assert_eq!(check(BuiltinOptions { max_model_len: Some(64), ..base.clone() }), Some(64));
        assert_eq!(check(BuiltinOptions { max_model_len: Some(1_000_000), ..base.clone() }), None);
        assert_eq!(check(BuiltinOptions { batch: 0, ..base.clone() }), None);
        assert_eq!(check(BuiltinOptions { batch_wait_ms: u64::MAX, ..base }), None);
    }

    #[test]
    fn a_child_always_gets_a_thread() {
        let environment = child_environment();
        assert!(
            environment
                .iter()
                .any(|(name, value)| *name == "RAYON_NUM_THREADS" && value.parse::<usize>().unwrap() >= 1)
        );
    }
}
