//! Owns the rules of a plan's workload.
//! Must not know how a prompt is made.

use crate::engine::Route;
use crate::plan::error::refuse;
use crate::plan::{Arrival, Plan, PlanError};

impl Plan {
    pub(super) fn validate_workload(&self) -> Result<(), PlanError> {
        let workload = &self.workload;
        let sources = [workload.input_tokens.is_some(), workload.prompts.is_some(), workload.file.is_some()];
        let named = sources.iter().filter(|set| **set).count();
        if self.load.arrival == Arrival::Trace {
            if named > 0 || workload.output_tokens.is_some() || workload.prefix.is_some() || workload.sessions.is_some()
            {
                return Err(refuse(
                    "workload",
                    "has lengths or prompts, but a trace is played, whose own hold: remove input_tokens, prompts, file, \
                     output_tokens, prefix and sessions.",
                ));
            }
            return Ok(());
        }
        if named != 1 {
            return Err(refuse("workload", "needs exactly one of input_tokens, prompts and file."));
        }
        let Some(output) = &workload.output_tokens else {
            return Err(refuse("workload.output_tokens", "is missing: say how many tokens each request asks for."));
        };
        for (field, lengths) in
            [("workload.input_tokens", workload.input_tokens.as_ref()), ("workload.output_tokens", Some(output))]
        {
            if let Some(problem) = lengths.and_then(|lengths| lengths.problem()) {
                return Err(refuse(field, problem));
            }
        }
        if let Some(prefix) = &workload.prefix {
            if workload.input_tokens.is_none() {
                return Err(refuse("workload.prefix", "needs synthetic prompts: set input_tokens."));
            }
            if !(1..=100_000).contains(&prefix.groups) || !(1..=1_000_000).contains(&prefix.tokens) {
                return Err(refuse(
                    "workload.prefix",
                    "needs groups from 1 to 100,000 and tokens from 1 to 1,000,000.",
                ));
            }
        }
        self.validate_sessions()
    }

    fn validate_sessions(&self) -> Result<(), PlanError> {
        let Some(sessions) = &self.workload.sessions else { return Ok(()) };
        if !(1..=1000).contains(&sessions.turns) {
            return Err(refuse("workload.sessions", "needs turns from 1 to 1,000."));
        }
        if !(0.0..=3600.0).contains(&sessions.think_s) {
            return Err(refuse("workload.sessions", "needs think_s from 0 to 3,600 seconds."));
        }
        if self.workload.prompts.is_some() {
            return Err(refuse(
                "workload.sessions",
                "needs input_tokens or a ShareGPT file: shipped prompts have one turn.",
            ));
        }
        if self.engine.kind.route() == Route::GenerateStream {
            return Err(refuse("workload.sessions", "cannot be sent to this kind of engine; use OpenAI's routes."));
        }
        if self.load.arrival == Arrival::Burst {
            return Err(refuse("workload.sessions", "cannot come in bursts: choose another arrival."));
        }
        Ok(())
    }
}
