//! Owns `tokenprism watch`: someone else's live run in the terminal.
//! Must not know how runs are executed.

use super::{code_of, table};
use crate::remote::Agent;
use anyhow::Context;
use indicatif::ProgressBar;
use shared::ids::RunId;
use std::time::Duration;

/// Arguments of `watch`.
#[derive(clap::Args, Debug)]
pub struct WatchArgs {
    /// The run's URL as the browser shows it: `http://HOST:PORT/runs/RUN`, with or without `?token=`.
    url: String,
    /// The agent's token, where the URL does not hold it.
    #[arg(long, env = "TOKENPRISM_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Follows the run until it ends, then prints its table.
pub async fn watch(args: WatchArgs) -> anyhow::Result<u8> {
    let (base, run, token) = parts(&args.url)?;
    let agent = Agent::new(&base, token.or(args.token))?;
    let mut follow = agent.follow(&run).await?;
    let line = ProgressBar::new_spinner();
    line.enable_steady_tick(Duration::from_millis(200));
    loop {
        let view = follow.next().await?;
        line.set_message(table::live_line(view));
        if view.run_state().is_final() {
            line.finish_and_clear();
            print!("{}", table::render(view));
            return Ok(code_of(view));
        }
    }
}

/// Base URL, run and token of a run's URL.
fn parts(url: &str) -> anyhow::Result<(String, RunId, Option<String>)> {
    let shape = || format!("{url} is not a run's URL: expected http://HOST:PORT/runs/RUN");
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (base, run) = address.split_once("/runs/").with_context(shape)?;
    let run = RunId::try_from(run.trim_end_matches('/').to_owned())?;
    let token = query.split('&').find_map(|pair| pair.strip_prefix("token=")).map(str::to_owned);
    Ok((base.to_owned(), run, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runs_url_is_taken_apart() {
        let id = RunId::new(7, 9);
        let (base, run, token) = parts(&format!("http://127.0.0.1:7717/runs/{id}?token=abc")).unwrap();
        assert_eq!((base.as_str(), run, token.as_deref()), ("http://127.0.0.1:7717", id, Some("abc")));
        for bad in ["http://127.0.0.1:7717/", "http://h/runs/", "http://h/runs/zzz"] {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }
}
