//! Owns visible progress: numbered steps with the time each took.
//! Must not know what a step does.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// The steps of one task.
pub struct Steps {
    total: usize,
    at: usize,
    began: Instant,
}

impl Steps {
    /// A task of that many steps.
    pub fn new(total: usize) -> Self {
        Self { total, at: 0, began: Instant::now() }
    }

    /// Runs one step; what it returns says in a few words what came of it.
    ///
    /// # Errors
    /// The step's own, with its name.
    pub fn run<T: Into<String>>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<()> {
        self.at += 1;
        println!("[{}/{}] {name} …", self.at, self.total);
        let began = Instant::now();
        let outcome: String = step().with_context(|| format!("step {} of {}, {name}", self.at, self.total))?.into();
        println!("[{}/{}] {name}: {outcome} ({})", self.at, self.total, shown(began.elapsed()));
        Ok(())
    }

    /// Says how long the whole took.
    pub fn finish(&self, what: &str) {
        println!("{what}: done in {}", shown(self.began.elapsed()));
    }
}

/// A duration as people read it.
fn shown(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 { format!("{:.1} s", took.as_secs_f64()) } else { format!("{} m {} s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(shown(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(shown(Duration::from_secs(192)), "3 m 12 s");
    }

    #[test]
    fn a_failing_step_is_named() {
        let mut steps = Steps::new(2);
        let error = steps.run("Trunk", || anyhow::bail!("no compiler") as Result<String>).unwrap_err();
        assert_eq!(format!("{error:#}"), "step 1 of 2, Trunk: no compiler");
    }
}
