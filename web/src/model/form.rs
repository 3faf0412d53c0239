//! Owns the plan while it is written: the form's texts, and the plan or the sentence that they amount to.
//! Must not know input elements.

use shared::cost::UsdPerGpuHour;
use shared::plan::{CostPlan, EngineKind, Lengths, ParamValue, Plan, PlanError};

/// The form as texts, as people type them.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// What the form does not show is kept from here.
    pub base: Plan,
    pub name: String,
    pub kind: EngineKind,
    pub url: String,
    pub model: String,
    pub gpus: String,
    pub preset: String,
    pub batch: String,
    pub kv_cache: bool,
    /// True: synthetic prompts of `input_tokens`; false: the shipped prompts named in `prompts`.
    pub synthetic: bool,
    pub input_tokens: String,
    pub prompts: String,
    pub output_tokens: String,
    pub ignore_eos: bool,
    pub nonce: bool,
    pub seed: String,
    pub concurrency: String,
    /// True: a trial lasts `duration_s`; false: `requests`.
    pub timed: bool,
    pub requests: String,
    pub duration_s: String,
    pub warmup_s: String,
    pub trials: String,
    pub timeout_s: String,
    pub price: String,
}

/// Why the form is no plan: the field at fault, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormError {
    /// Path of the field, `load.concurrency`.
    pub field: String,
    /// What is wrong and what to do.
    pub sentence: String,
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

impl Form {
    /// The form of a plan.
    pub fn of(plan: &Plan) -> Self {
        Self {
            name: plan.name.clone(),
            kind: plan.engine.kind,
            url: plan.engine.url.clone().unwrap_or_default(),
            model: plan.engine.model.clone().unwrap_or_default(),
            gpus: optional(plan.engine.gpus),
            preset: plan.param_text("preset").unwrap_or("1m").to_owned(),
            batch: optional(plan.param_int("batch")),
            kv_cache: plan.param_bool("kv_cache").unwrap_or(true),
            synthetic: plan.workload.input_tokens.is_some(),
            input_tokens: plan.workload.input_tokens.as_ref().and_then(Lengths::fixed).unwrap_or(64).to_string(),
            prompts: plan.workload.prompts.clone().unwrap_or_else(|| "all".to_owned()),
            output_tokens: plan.workload.output_tokens.as_ref().and_then(Lengths::fixed).unwrap_or(64).to_string(),
            ignore_eos: plan.workload.ignore_eos,
            nonce: plan.workload.nonce,
            seed: plan.workload.seed.to_string(),
            concurrency: plan.load.concurrency.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
            timed: plan.load.duration_s.is_some(),
            requests: plan.load.requests.unwrap_or(32).to_string(),
            duration_s: plan.load.duration_s.unwrap_or(10.0).to_string(),
            warmup_s: plan.load.warmup_s.to_string(),
            trials: plan.load.trials.to_string(),
            timeout_s: plan.load.timeout_s.to_string(),
            price: optional(plan.cost.as_ref().map(|c| c.usd_per_gpu_hour.0)),
            base: plan.clone(),
        }
    }

    /// The plan that the form amounts to, validated as the agent will validate it.
    ///
    /// # Errors
    /// The first field at fault.
    pub fn plan(&self) -> Result<Plan, FormError> {
        let mut plan = self.base.clone();
        plan.name = self.name.trim().to_owned();
        let builtin = self.kind == EngineKind::Builtin;
        plan.engine.kind = self.kind;
        plan.engine.url = (!builtin).then(|| text(&self.url)).flatten();
        plan.engine.model = text(&self.model).filter(|_| !builtin);
        plan.engine.gpus = if self.gpus.trim().is_empty() { None } else { Some(whole("engine.gpus", &self.gpus)?) };
        self.params(&mut plan, builtin)?;
        if self.synthetic {
            plan.workload.input_tokens = Some(Lengths::Fixed(whole("workload.input_tokens", &self.input_tokens)?));
            plan.workload.prompts = None;
            plan.workload.file = None;
        } else if plan.workload.file.is_none() {
            plan.workload.input_tokens = None;
            plan.workload.prompts = text(&self.prompts);
        }
        plan.workload.output_tokens = Some(Lengths::Fixed(whole("workload.output_tokens", &self.output_tokens)?));
        plan.workload.ignore_eos = self.ignore_eos;
        plan.workload.nonce = self.nonce;
        plan.workload.seed = whole("workload.seed", &self.seed)?;
        plan.load.concurrency = levels(&self.concurrency)?;
        plan.load.requests = if self.timed { None } else { Some(whole("load.requests", &self.requests)?) };
        plan.load.duration_s = if self.timed { Some(number("load.duration_s", &self.duration_s)?) } else { None };
        plan.load.warmup_s = number("load.warmup_s", &self.warmup_s)?;
        plan.load.trials = whole("load.trials", &self.trials)?;
        plan.load.timeout_s = number("load.timeout_s", &self.timeout_s)?;
        plan.cost = match text(&self.price) {
            None => None,
            Some(price) => Some(CostPlan { usd_per_gpu_hour: UsdPerGpuHour(number("cost.usd_per_gpu_hour", &price)?) }),
        };
        plan.validated().map_err(|error| match &error {
            PlanError::Field { field, .. } => FormError { field: (*field).to_owned(), sentence: error.to_string() },
            _ => FormError { field: String::new(), sentence: error.to_string() },
        })
    }

    fn params(&self, plan: &mut Plan, builtin: bool) -> Result<(), FormError> {
        if !builtin {
            plan.engine.params.clear();
            return Ok(());
        }
        let params = &mut plan.engine.params;
        params.insert("preset".to_owned(), ParamValue::Text(self.preset.clone()));
        if self.batch.trim().is_empty() {
            params.remove("batch");
        } else {
            params.insert("batch".to_owned(), ParamValue::Int(whole("engine.params", &self.batch)?));
        }
        // Left out where it is the default, so that the plan stays as short as its author left it.
        if self.kv_cache && !self.base.engine.params.contains_key("kv_cache") {
            params.remove("kv_cache");
        } else {
            params.insert("kv_cache".to_owned(), ParamValue::Bool(self.kv_cache));
        }
        Ok(())
    }
}

fn text(value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn refuse(field: &str, expected: &str, value: &str) -> FormError {
    let sentence = format!("{field} in the plan must be {expected}, not \"{}\".", value.trim());
    FormError { field: field.to_owned(), sentence }
}

fn whole<T: std::str::FromStr>(field: &str, value: &str) -> Result<T, FormError> {
    value.trim().replace(',', "").parse().map_err(|_| refuse(field, "a whole number", value))
}

fn number(field: &str, value: &str) -> Result<f64, FormError> {
    value.trim().parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(|| refuse(field, "a number", value))
}

fn levels(value: &str) -> Result<Vec<u32>, FormError> {
    value
        .split([',', ' ', ';'])
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().map_err(|_| refuse("load.concurrency", "whole numbers such as 1, 4, 16", value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::preset::PRESETS;

    #[test]
    fn a_preset_survives_the_form() {
        for preset in &PRESETS {
            let plan = Plan::from_toml(preset.toml).unwrap();
            assert_eq!(Form::of(&plan).plan().as_ref(), Ok(&plan), "{}", preset.key);
        }
    }

    fn check(change: impl FnOnce(&mut Form), field: &str) {
        let mut form = Form::of(&Plan::from_toml(PRESETS[0].toml).unwrap());
        change(&mut form);
        let error = form.plan().expect_err(field);
        assert_eq!(error.field, field);
        assert!(error.sentence.ends_with('.') && error.sentence.contains(field), "{}", error.sentence);
    }

    #[test]
    fn every_fault_is_a_sentence_at_its_field() {
        check(|f| f.name.clear(), "name");
        check(|f| f.kind = EngineKind::OpenaiChat, "engine.url");
        check(|f| f.batch = "many".into(), "engine.params");
        check(|f| f.batch = "0".into(), "engine.params");
        check(|f| f.input_tokens = "-3".into(), "workload.input_tokens");
        check(|f| f.output_tokens = "0".into(), "workload.output_tokens");
        check(|f| f.concurrency = "1, x".into(), "load.concurrency");
        check(|f| f.concurrency.clear(), "load.concurrency");
        check(|f| f.duration_s = "NaN".into(), "load.duration_s");
        check(|f| f.warmup_s = "".into(), "load.warmup_s");
        check(|f| f.price = "-1".into(), "cost.usd_per_gpu_hour");
    }

    #[test]
    fn a_server_by_url_takes_no_parameters() {
        let mut form = Form::of(&Plan::from_toml(PRESETS[0].toml).unwrap());
        form.kind = EngineKind::OpenaiCompletions;
        form.url = " http://gpu-box:8000 ".into();
        form.concurrency = "2 8;32".into();
        let plan = form.plan().unwrap();
        assert_eq!(plan.engine.url.as_deref(), Some("http://gpu-box:8000"));
        assert!(plan.engine.params.is_empty());
        assert_eq!(plan.load.concurrency, [2, 8, 32]);
    }
}
