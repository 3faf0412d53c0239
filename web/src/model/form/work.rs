//! Owns the workload while it is written: where prompts come from, how long everything is, what is reused.
//! Must not know how a prompt is made.

use super::FormError;
use super::lengths::LengthsForm;
use super::parse::{number, text, whole};
use shared::plan::{PrefixPlan, SessionPlan, WorkloadPlan};

/// Where prompts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Synthetic,
    Shipped,
    File,
}

/// The workload as texts.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkForm {
    pub source: Source,
    pub input: LengthsForm,
    pub prompts: String,
    pub file: String,
    pub output: LengthsForm,
    pub prefixed: bool,
    pub prefix_groups: String,
    pub prefix_tokens: String,
    pub in_sessions: bool,
    pub turns: String,
    pub think_s: String,
    pub ignore_eos: bool,
    pub nonce: bool,
    pub seed: String,
}

impl WorkForm {
    /// The form of a workload.
    pub fn of(plan: &WorkloadPlan) -> Self {
        let source = match (&plan.prompts, &plan.file) {
            (Some(_), _) => Source::Shipped,
            (_, Some(_)) => Source::File,
            _ => Source::Synthetic,
        };
        let prefix = plan.prefix.clone().unwrap_or(PrefixPlan { groups: 4, tokens: 512 });
        let sessions = plan.sessions.clone().unwrap_or(SessionPlan { turns: 4, think_s: 0.0 });
        Self {
            source,
            input: LengthsForm::of(plan.input_tokens.as_ref(), 64),
            prompts: plan.prompts.clone().unwrap_or_else(|| "all".to_owned()),
            file: plan.file.clone().unwrap_or_default(),
            output: LengthsForm::of(plan.output_tokens.as_ref(), 64),
            prefixed: plan.prefix.is_some(),
            prefix_groups: prefix.groups.to_string(),
            prefix_tokens: prefix.tokens.to_string(),
            in_sessions: plan.sessions.is_some(),
            turns: sessions.turns.to_string(),
            think_s: sessions.think_s.to_string(),
            ignore_eos: plan.ignore_eos,
            nonce: plan.nonce,
            seed: plan.seed.to_string(),
        }
    }

    /// The workload that the texts amount to; a trace brings its own lengths and prompts.
    ///
    /// # Errors
    /// The first text at fault.
    pub fn plan(&self, traced: bool) -> Result<WorkloadPlan, FormError> {
        let synthetic = self.source == Source::Synthetic;
        let mut plan = WorkloadPlan {
            input_tokens: None,
            prompts: None,
            file: None,
            output_tokens: None,
            prefix: None,
            sessions: None,
            ignore_eos: self.ignore_eos,
            nonce: self.nonce,
            seed: whole("workload.seed", &self.seed)?,
        };
        if traced {
            return Ok(plan);
        }
        match self.source {
            Source::Synthetic => plan.input_tokens = Some(self.input.lengths("workload.input_tokens")?),
            Source::Shipped => plan.prompts = text(&self.prompts),
            Source::File => plan.file = text(&self.file),
        }
        plan.output_tokens = Some(self.output.lengths("workload.output_tokens")?);
        // The form hides what shipped prompts and files cannot have, so that it must not come back unseen.
        if self.prefixed && synthetic {
            plan.prefix = Some(PrefixPlan {
                groups: whole("workload.prefix.groups", &self.prefix_groups)?,
                tokens: whole("workload.prefix.tokens", &self.prefix_tokens)?,
            });
        }
        if self.in_sessions && self.source != Source::Shipped {
            plan.sessions = Some(SessionPlan {
                turns: whole("workload.sessions.turns", &self.turns)?,
                think_s: number("workload.sessions.think_s", &self.think_s)?,
            });
        }
        Ok(plan)
    }
}
