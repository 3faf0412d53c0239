//! Owns asking a program a question: a short run whose output is the answer, within a time limit.
//! Must not know engines.

use crate::secret::withheld;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Longest answer that is looked at, bytes.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// How long docker may take to answer a question.
pub(super) const DOCKER_LIMIT: Duration = Duration::from_secs(20);

/// What a program answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Both outputs, standard output last, where an answer is rather than a warning.
    pub text: String,
    /// It ended well.
    pub is_ok: bool,
}

/// Runs a program to its end, with these variables and none that is a secret of the agent's.
///
/// # Errors
/// Where it cannot be started, or has not ended within the limit; it is killed then.
pub(super) async fn ask(
    program: &str,
    args: &[String],
    env: &[(String, String)],
    limit: Duration,
) -> io::Result<Answer> {
    let mut command = Command::new(program);
    for name in withheld() {
        command.env_remove(name);
    }
    let child = command
        .args(args)
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .process_group(0)
        .spawn()?;
    let group = child.id();
    let output = match tokio::time::timeout(limit, child.wait_with_output()).await {
        Ok(output) => output?,
        Err(_) => {
            // A wrapper has started the program proper, which would go on without it.
            if let Some(group) = group.and_then(|pid| i32::try_from(pid).ok())
                && let Err(error) = killpg(Pid::from_raw(group), Signal::SIGKILL)
            {
                tracing::debug!(%error, "a program that took too long was gone already");
            }
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it did not end in time"));
        }
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_ANSWER_BYTES)]).into_owned();
    let text = format!("{}\n{}", text(&output.stderr), text(&output.stdout));
    Ok(Answer { text, is_ok: output.status.success() })
}

/// What docker answers; what it says against the question is logged. Nothing where there is no docker.
pub(super) async fn docker(args: &[&str], limit: Duration) -> Option<String> {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    match ask("docker", &args, &[], limit).await {
        Ok(answer) if answer.is_ok => Some(answer.text),
        Ok(answer) => {
            tracing::debug!(?args, said = answer.text.trim(), "docker refused");
            None
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(?args, %error, "docker did not answer");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str, limit: Duration) -> io::Result<Answer> {
        ask("/bin/sh", &["-c".into(), script.into()], &[("WORD".into(), "seen".into())], limit).await
    }

    #[tokio::test]
    async fn standard_output_comes_last() {
        let answer = sh("echo $WORD; echo warning >&2; exit 3", Duration::from_secs(20)).await.unwrap();
        assert_eq!((answer.text.as_str(), answer.is_ok), ("warning\n\nseen\n", false));
    }

    #[tokio::test]
    async fn what_a_program_started_ends_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sleep 60 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display());
        assert!(sh(&script, Duration::from_secs(2)).await.is_err());
        let pid: u32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        // Whoever adopts it reaps it.
        let is_gone =
            || std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "));
        for _ in 0..500 {
            if is_gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{pid} lives on");
    }

    #[tokio::test]
    async fn a_program_that_does_not_end_is_given_up() {
        let error = sh("sleep 60", Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(ask("/nonexistent/x", &[], &[], Duration::ZERO).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
