//! Owns what the pacing server is told: its times, and in which way it shall misbehave.
//! Must not know sockets.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// How the pacing server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacerConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// From the read that completes a request to its first token, ns.
    pub ttft_ns: u64,
    /// From one chunk to the next, ns; 0 is full speed.
    pub gap_ns: u64,
    /// Tokens in a chunk, at least 1.
    pub tokens_per_chunk: u32,
    /// Chunks in a write, at least 1: more than one only makes sense without a pace, where a write for each is what
    /// limits the server.
    pub chunks_per_write: u32,
    /// The core that the server's thread is bound to.
    pub core: Option<usize>,
    /// Answers every request for work with this status and an error body.
    pub fail_with_status: Option<u16>,
    /// Closes the connection after that many tokens, without ending the body.
    pub die_after_tokens: Option<u32>,
    /// Reports an error inside the stream after that many tokens, then ends the body.
    pub error_mid_stream: Option<u32>,
    /// Reads requests for work and never answers them.
    pub never_answer: bool,
    /// What it shows as its page of metrics; there is none without.
    pub metrics_page: Option<String>,
}

impl Default for PacerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ttft_ns: 0,
            gap_ns: 0,
            tokens_per_chunk: 1,
            chunks_per_write: 1,
            core: None,
            fail_with_status: None,
            die_after_tokens: None,
            error_mid_stream: None,
            never_answer: false,
            metrics_page: None,
        }
    }
}

/// The pacing server as a process of its own (started by the bench).
#[derive(clap::Args, Clone, Debug)]
pub struct PacerArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Time from a request to its first token, ms.
    #[arg(long, default_value_t = 50.0)]
    pub ttft_ms: f64,
    /// Time from one chunk to the next, ms; 0 is full speed.
    #[arg(long, default_value_t = 20.0)]
    pub gap_ms: f64,
    /// Tokens in a chunk.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub tokens_per_chunk: u32,
    /// Chunks in a write.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub chunks_per_write: u32,
    /// The core to be bound to.
    #[arg(long)]
    pub core: Option<usize>,
    /// File to show as the page of metrics.
    #[arg(long, value_name = "FILE")]
    pub metrics_page: Option<PathBuf>,
    /// End when standard input closes, so that the server cannot outlive who started it.
    #[arg(long)]
    pub until_stdin_closes: bool,
}

impl PacerArgs {
    /// The configuration that the arguments describe.
    ///
    /// # Errors
    /// Where a file that they name cannot be read.
    pub fn config(&self) -> io::Result<PacerConfig> {
        Ok(PacerConfig {
            listen: self.listen,
            ttft_ns: ms_to_ns(self.ttft_ms),
            gap_ns: ms_to_ns(self.gap_ms),
            tokens_per_chunk: self.tokens_per_chunk,
            chunks_per_write: self.chunks_per_write,
            core: self.core,
            metrics_page: self.metrics_page.as_ref().map(std::fs::read_to_string).transpose()?,
            ..PacerConfig::default()
        })
    }
}

/// Milliseconds of an argument as ns; a negative or absurd value saturates.
fn ms_to_ns(ms: f64) -> u64 {
    (ms * 1e6).round() as u64
}
