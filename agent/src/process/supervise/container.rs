//! Owns the end of an engine's container: the docker commands that end and remove it, one at a time, none waited for.
//! Must not know processes of the engine that are the host's own.

use crate::process::docker::Container;
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

/// At least this long lies between two tries of the same thing; where docker does not answer, twice as long each time.
const PACE: Duration = Duration::from_millis(500);
/// The longest time between two tries.
const SLOWEST: Duration = Duration::from_secs(8);
/// So many commands in a row without an answer mean that docker is not there: about two minutes.
const MOST_FAILURES: u32 = 20;

/// A container on its way down. Times are since an origin of the caller's.
pub(super) struct ContainerEnd {
    container: Container,
    running: Option<(Child, Task)>,
    /// A look found that it is not there.
    gone: bool,
    /// A look found that it is.
    found: bool,
    failures: u32,
    not_before: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Task {
    Stop,
    Remove,
    Find,
}

impl ContainerEnd {
    /// Of a container that may exist.
    pub fn of(container: Container) -> Self {
        Self { container, running: None, gone: false, found: false, failures: 0, not_before: Duration::ZERO }
    }

    /// Asks it to end.
    pub fn stop(&mut self, drain: Duration) {
        if self.running.is_none() {
            self.run(Task::Stop, &self.container.stop_args(drain));
        }
    }

    /// Removes it. A command that asks it to end politely has its time no longer.
    pub fn remove(&mut self, now: Duration) {
        if let Some((child, Task::Stop)) = &mut self.running {
            // It is reaped with all other children.
            if let Err(error) = child.kill() {
                tracing::debug!(%error, "a docker command had ended");
            }
            self.running = None;
        }
        if self.running.is_none() && !self.gone && now >= self.not_before {
            self.not_before = now + self.pace();
            self.run(Task::Remove, &self.container.remove_args());
        }
    }

    /// Looks whether it is there, and removes it where a look has found it.
    pub fn look(&mut self, now: Duration) {
        if self.running.is_some() || self.gone || now < self.not_before {
            return;
        }
        if std::mem::take(&mut self.found) {
            self.remove(now);
        } else {
            self.not_before = now + self.pace();
            self.run(Task::Find, &self.container.find_args());
        }
    }

    /// A child of the supervisor ended, perhaps one of our commands.
    pub fn reaped(&mut self, pid: i32, success: bool) {
        let ours = self.running.take_if(|(child, _)| child.id().cast_signed() == pid);
        match ours {
            Some((child, Task::Find)) if success => {
                let mut ids = String::new();
                let read = child.stdout.map(|mut list| list.read_to_string(&mut ids));
                self.found = !ids.trim().is_empty();
                self.gone = matches!(read, Some(Ok(_))) && !self.found;
                self.failures = 0;
            }
            // To remove what is not there is an error to some versions of docker: what counts is the next look.
            Some((_, Task::Remove)) => self.not_before = Duration::ZERO,
            Some((_, Task::Find)) => self.failures += 1,
            Some((_, Task::Stop)) | None => {}
        }
    }

    /// When [`ContainerEnd::look`] has something to do again; a command that runs tells by its end.
    pub fn next_look(&self) -> Option<Duration> {
        (self.running.is_none() && !self.gone).then_some(self.not_before)
    }

    /// Whether docker does not answer any more, so that nothing can be done about the container from here.
    pub fn is_hopeless(&self) -> bool {
        self.failures >= MOST_FAILURES
    }

    fn pace(&self) -> Duration {
        PACE.saturating_mul(2u32.saturating_pow(self.failures)).min(SLOWEST)
    }

    /// Whether docker has said that it is not there.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// The command that runs now.
    pub fn command(&self) -> Option<i32> {
        self.running.as_ref().map(|(child, _)| child.id().cast_signed())
    }

    fn run(&mut self, task: Task, args: &[String]) {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = self.container.command(&args);
        // What docker complains of stands in the engine's own log.
        command.stdout(if task == Task::Find { Stdio::piped() } else { Stdio::null() });
        match command.spawn() {
            Ok(child) => self.running = Some((child, task)),
            Err(error) => {
                self.failures += 1;
                eprintln!("tokenprism: {} could not be run: {error}", self.container.docker.display());
            }
        }
    }
}
