//! Owns the engine while it is written: which kind, how it is reached, and its own parameters.
//! Must not know how an engine is started.

use super::FormError;
use super::params::{Texts, put, texts};
use super::parse::{listed, optional, parts, shown, shown_words, text, whole, words};
use shared::engine::{EngineKind, Launch, Parameter};
use shared::plan::{EnginePlan, Gpus, Order};

/// How an engine is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By itself: the built-in one.
    Inside,
    /// The agent starts it.
    Started(Launch),
    /// It runs already.
    ByUrl,
}

impl Way {
    /// The word in a form.
    pub fn key(self) -> &'static str {
        match self {
            Way::Inside => "inside",
            Way::Started(launch) => launch.key(),
            Way::ByUrl => "url",
        }
    }

    /// The ways of a kind, the first one being the usual.
    pub fn of(kind: EngineKind) -> Vec<Self> {
        if kind == EngineKind::Builtin {
            return vec![Way::Inside];
        }
        kind.launches().iter().map(|launch| Way::Started(*launch)).chain([Way::ByUrl]).collect()
    }
}

/// The engine as texts.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineForm {
    pub kind: EngineKind,
    way: Way,
    pub url: String,
    pub model: String,
    pub gpus: String,
    pub gpu: String,
    pub venv: String,
    pub command: String,
    pub image: String,
    pub served_name: String,
    pub model_cache: String,
    pub port: String,
    pub ready_limit_s: String,
    pub extra_args: String,
    pub pass_env: String,
    pub api_key: String,
    pub order: Order,
    pub params: Texts,
}

impl EngineForm {
    /// The form of an engine.
    pub fn of(plan: &EnginePlan) -> Self {
        let shown_text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            kind: plan.kind,
            way: match (plan.kind, plan.launch) {
                (EngineKind::Builtin, _) => Way::Inside,
                (_, Some(launch)) => Way::Started(launch),
                (_, None) => Way::ByUrl,
            },
            url: shown_text(&plan.url),
            model: shown_text(&plan.model),
            gpus: match &plan.gpus {
                Some(Gpus::Indices(list)) => format!("[{}]", listed(list)),
                Some(Gpus::Uuids(list)) => listed(list),
                Some(Gpus::Count(n)) => n.to_string(),
                None => String::new(),
            },
            gpu: shown_text(&plan.gpu),
            venv: shown_text(&plan.venv),
            command: shown_words(&plan.command),
            image: shown_text(&plan.image),
            served_name: shown_text(&plan.served_name),
            model_cache: shown_text(&plan.model_cache),
            port: shown(plan.port),
            ready_limit_s: shown(plan.ready_limit_s),
            extra_args: shown_words(&plan.extra_args),
            pass_env: shown_words(&plan.pass_env),
            api_key: shown_text(&plan.api_key),
            order: plan.order,
            params: texts(plan),
        }
    }

    /// How it is reached: as was chosen, or in the usual way where this kind cannot be reached so.
    pub fn way(&self) -> Way {
        let ways = Way::of(self.kind);
        if ways.contains(&self.way) { self.way } else { ways[0] }
    }

    /// Chooses how it is reached, by the word.
    pub fn reach(&mut self, key: &str) {
        self.way = Way::of(self.kind).into_iter().find(|way| way.key() == key).unwrap_or(self.way);
    }

    /// Chooses another kind; parameters are of one kind only.
    pub fn choose(&mut self, kind: EngineKind) {
        if self.kind != kind {
            (self.kind, self.params) = (kind, Texts::new());
        }
    }

    /// True where a parameter has several values.
    pub fn varies(&self) -> bool {
        self.params.values().any(|text| text.contains(','))
    }

    /// Sets the text of a parameter.
    pub fn set(&mut self, key: &str, text: String) {
        if text.trim().is_empty() {
            drop(self.params.remove(key))
        } else {
            drop(self.params.insert(key.to_owned(), text))
        }
    }

    /// The engine that the texts amount to; what the form does not show of it is kept from `base`. `known` are the
    /// parameters of its kind, none where the agent has not told them yet.
    ///
    /// # Errors
    /// The first text at fault.
    pub fn plan(&self, base: &EnginePlan, known: &[Parameter]) -> Result<EnginePlan, FormError> {
        let way = self.way();
        let base_launched = base.launch.is_some();
        let keeps = base.kind == self.kind && base_launched == matches!(way, Way::Started(_));
        let mut plan = if keeps { base.clone() } else { EnginePlan::of(self.kind) };
        if way != Way::Inside {
            (plan.model, plan.gpus) = (text(&self.model), self.gpus()?);
        }
        match way {
            Way::Inside => {}
            Way::Started(launch) => {
                plan.launch = Some(launch);
                let native = launch == Launch::Native;
                plan.venv = text(&self.venv).filter(|_| native);
                plan.command = if native { words(&self.command) } else { Vec::new() };
                plan.image = text(&self.image).filter(|_| !native);
                (plan.served_name, plan.model_cache) = (text(&self.served_name), text(&self.model_cache));
                plan.port = optional("engine.port", &self.port, whole)?;
                plan.ready_limit_s = optional("engine.ready_limit_s", &self.ready_limit_s, super::number)?;
                (plan.extra_args, plan.pass_env) = (words(&self.extra_args), words(&self.pass_env));
            }
            Way::ByUrl => {
                (plan.url, plan.gpu, plan.api_key) = (text(&self.url), text(&self.gpu), text(&self.api_key));
                return Ok(plan);
            }
        }
        plan.order = self.order;
        put(&self.params, known, &mut plan)?;
        Ok(plan)
    }

    /// A number, `[0, 1]` or UUIDs.
    fn gpus(&self) -> Result<Option<Gpus>, FormError> {
        let field = "engine.gpus";
        if let Some(list) = self.gpus.trim().strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
            return super::parse::list(field, list).map(|list| Some(Gpus::Indices(list)));
        }
        if self.gpus.contains('-') {
            let list = parts(&self.gpus, |c| c == ',').into_iter().map(|(uuid, _)| uuid).collect();
            return Ok(Some(Gpus::Uuids(list)));
        }
        Ok(optional(field, &self.gpus, whole)?.map(Gpus::Count))
    }
}
