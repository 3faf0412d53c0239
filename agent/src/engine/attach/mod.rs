//! Owns the way to a server that answers: what it is, which model, what it accepts, and one generated token.
//! Must not know load, runs, or how a server was started.

mod about;
pub(super) mod loopback;
mod probe;
mod refusal;

pub(super) use probe::Probe;

use super::adapter::Adapter;
use super::cache::PrefixCounters;
use super::launch::model_cache;
use super::life::Life;
use super::metrics::ServerMetrics;
use super::request::{Ask, Extras, Prompt, RequestShape};
use super::shape::{self, Asked, Precision};
use super::{Engine, EngineError, Means, Vocabulary, gpu};
use crate::secret::{Redactor, Secret};
use crate::stream::Protocol;
use about::{About, Vendor};
use serde::Deserialize;
use shared::caveat::Caveat;
use shared::engine::{EngineInfo, EngineKind, Gpu, ModelShape, Route};
use shared::plan::{EnginePlan, Plan};

/// Name of the API key where the plan names none; a server may need no key.
const API_KEY: &str = "TOKENPRISM_API_KEY";

/// What a server is expected to be.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Its kind.
    pub kind: EngineKind,
    /// The model that it must list; any where absent.
    pub model: Option<String>,
    /// The plan's prompts are to find one another's beginnings in a cache.
    pub reuses_prefixes: bool,
    /// Its slots are known to have a KV cache each.
    pub splits_slots: bool,
}

#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    max_model_len: Option<u32>,
}

/// Attaches the plan's server.
pub(super) async fn attach(plan: &Plan, means: &Means) -> Result<Engine, EngineError> {
    let headers = headers(&plan.engine, means)?;
    let probe = Probe::new(plan.engine.url.as_deref().unwrap_or_default(), headers)?;
    let wanted = Wanted {
        kind: plan.engine.kind,
        model: plan.engine.model.clone(),
        reuses_prefixes: plan.workload.reuses_prefixes(),
        splits_slots: false,
    };
    let mut engine = probe.identify(&wanted).await?;
    if let Some(name) = &plan.engine.gpu {
        let gpu = Gpu { name: Some(name.clone()), ..Gpu::default() };
        engine.info.gpus = vec![gpu; plan.gpu_count().unwrap_or(1) as usize];
    } else if probe.is_loopback() {
        engine.info.gpus = gpu::named(plan.engine.gpus.as_ref(), gpu::of_this_host().await);
    }
    engine.info.other_work =
        Some("How this server was started is unknown: it may guess tokens ahead or keep prompts.".to_owned());
    let shape = shape_of(&plan.engine, engine.info.dtype.as_deref());
    shape::note(&mut engine.info, shape);
    if probe.is_loopback() {
        engine.caveats.push(Caveat::SharedCores);
    }
    means.standing.tell(plan.engine.url.as_deref().unwrap_or_default(), &mut engine);
    engine.redactor = probe.redactor().clone();
    Ok(engine)
}

/// The shape of the model that the plan names, where that is on this host; `dtype` is the precision the server tells.
///
/// # Errors
/// Why it is unknown, as a sentence.
fn shape_of(engine: &EnginePlan, dtype: Option<&str>) -> Result<ModelShape, String> {
    let model = engine.model.as_deref().ok_or("engine.model does not name the server's model.")?;
    let unknown = || Asked::Unknown("How this server was started, and with which precision, is unknown.".to_owned());
    let precision = match dtype {
        // The one that tells has no other precision.
        Some(dtype) => {
            Precision { dtype: Asked::Value(dtype.to_owned()), kv_cache: Asked::Nothing, quantisation: Asked::Nothing }
        }
        None => Precision { dtype: unknown(), kv_cache: unknown(), quantisation: unknown() },
    };
    shape::of(model, model_cache(engine).as_deref(), &precision)
}

/// The headers that the plan asks for, their values from the environment or the store.
fn headers(engine: &EnginePlan, means: &Means) -> Result<Vec<(String, Secret)>, EngineError> {
    let key = match &engine.api_key {
        Some(name) => Some(means.secrets.require(name)?),
        None => means.secrets.find(API_KEY)?,
    };
    let authorization = key.map(|key| ("authorization".to_owned(), Secret::new(format!("Bearer {}", key.expose()))));
    let named = engine.headers.iter().map(|(header, name)| Ok((header.clone(), means.secrets.require(name)?)));
    authorization.into_iter().map(Ok).chain(named).collect()
}

impl Probe {
    /// Finds out model and abilities, then has one token generated.
    pub(super) async fn identify(&self, wanted: &Wanted) -> Result<Engine, EngineError> {
        let protocol = match wanted.kind.route() {
            Route::Completions => Protocol::OpenAiCompletions,
            Route::Chat => Protocol::OpenAiChat,
            Route::GenerateStream => Protocol::TgiGenerateStream,
        };
        let (model, context) = match protocol {
            Protocol::TgiGenerateStream => (self.model_of_info(wanted).await?, None),
            Protocol::OpenAiCompletions | Protocol::OpenAiChat => self.listed_model(wanted).await?,
        };
        let about = self.about(wanted).await;
        let shape = self.accepted_shape(protocol, &model, &about, wanted).await?;
        let known = Adapter::of(wanted.kind).map(|adapter| adapter.caveats).unwrap_or_default();
        let mut caveats = known.to_vec();
        if !shape.extras.force_length() {
            caveats.push(Caveat::LengthNotForced);
        }
        let mut target = self.target(protocol)?;
        if about.vendor == Some(Vendor::LlamaCpp) {
            // It promises to keep a connection and closes it after every stream; the next request may be under way by then.
            target.headers.push(("connection".to_owned(), Secret::new("close")));
        }
        let info = EngineInfo {
            label: wanted.kind.label().to_owned(),
            version: about.version,
            dtype: about.dtype,
            model,
            context_tokens: context.or(about.context_tokens),
            capacity: about.capacity,
            ..EngineInfo::default()
        };
        Ok(Engine {
            info,
            target,
            vocabulary: match wanted.kind {
                EngineKind::Builtin => Some(Vocabulary::builtin()),
                _ => self.vocabulary(&shape).await,
            },
            prefix_counters: PrefixCounters::find(self).await,
            metrics: ServerMetrics(self.clone()),
            shape,
            caveats,
            redactor: Redactor::default(),
            life: Life::Attached,
        })
    }

    /// The model by the list of OpenAI's API. A server that cannot list is believed to have what the plan names.
    async fn listed_model(&self, wanted: &Wanted) -> Result<(String, Option<u32>), EngineError> {
        let models: Models = match self.get("/v1/models").await {
            Ok(models) => models,
            Err(error @ EngineError::Refused { status: 404 | 405 | 500 | 501, .. }) => {
                return wanted.model.clone().map(|model| (model, None)).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let listed = || models.data.iter().map(|m| m.id.as_str()).collect::<Vec<_>>().join(", ");
        let found = match &wanted.model {
            Some(wanted) => models.data.iter().find(|model| model.id == *wanted),
            None => models.data.first(),
        };
        match found {
            Some(model) => Ok((model.id.clone(), model.max_model_len)),
            None => Err(self.unknown_model(wanted.model.as_deref().unwrap_or("any"), &listed())),
        }
    }

    /// Tries the extras from most to least until a request is accepted, and reads the token that it generates.
    async fn accepted_shape(
        &self,
        protocol: Protocol,
        model: &str,
        about: &About,
        wanted: &Wanted,
    ) -> Result<RequestShape, EngineError> {
        let extras: &[Extras] = match (protocol, about.vendor) {
            // Neither this route nor this server on OpenAI's routes can force a length: it passes over what it is sent.
            (Protocol::TgiGenerateStream, _) | (_, Some(Vendor::Tgi)) => &[Extras::None],
            _ => &Extras::ORDER,
        };
        // Only this server has the field; another might refuse it.
        let keeps_prompts = about.vendor != Some(Vendor::LlamaCpp) || wanted.reuses_prefixes;
        let mut refusal = None;
        for extras in extras {
            let shape = RequestShape { protocol, model: model.to_owned(), extras: *extras, keeps_prompts };
            let ask = Ask { prompt: Prompt::Text("Hello".into()), output_tokens: 1, ignore_eos: true };
            match self.generate(&shape, &ask).await {
                Ok(_) => return Ok(shape),
                Err(error @ EngineError::Refused { status: 400 | 422, .. }) => refusal = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(refusal.unwrap_or_else(|| self.no_token("no shape was tried".into())))
    }
}
