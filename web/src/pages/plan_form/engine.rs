//! Owns the fields of the run and its engine.
//! Must not know how an engine is started.

use super::fields::{Fields, about, key_of, value_of};
use crate::model::form::Shown;
use leptos::prelude::*;
use shared::engine::EngineKind;

const SIZES: [(&str, &str); 3] = [("1m", "1 M parameters"), ("15m", "15 M parameters"), ("110m", "110 M parameters")];

/// Name and engine.
pub fn section(f: Fields) -> AnyView {
    view! {
        <fieldset>
            <legend>"Run"</legend>
            {f.text(about("Name", "name", "1 to 120 characters", "What the list of runs calls it."), |f| &f.name, |f| &mut f.name)}
            {f.choice(
                about("Engine", "engine.kind", "default built-in", "What is measured: the small engine inside, or a server that runs already."),
                &EngineKind::LABELS,
                |f| key_of(&EngineKind::KEYS, &f.engine.kind),
                |f, key| f.engine.kind = value_of(&EngineKind::KEYS, key).unwrap_or(f.engine.kind),
            )}
            {f.by(|f| f.engine.shown(), |f, shown| match shown {
                Shown::Builtin => built_in(f),
                Shown::Launched => view! { <p class="quiet">"The agent starts it as the plan says."</p> }.into_any(),
                Shown::ByUrl => by_url(f),
            })}
        </fieldset>
    }
    .into_any()
}

fn built_in(f: Fields) -> AnyView {
    view! {
        {f.choice(
            about("Size", "engine.params", "default 1 M", "More parameters take longer a token."),
            &SIZES, |f| &f.engine.preset, |f, key| f.engine.preset = key.to_owned(),
        )}
        {f.text(
            about("Batch", "engine.batch", "requests, default the engine's", "Requests that one step computes together; 1 is one at a time."),
            |f| &f.engine.batch, |f| &mut f.engine.batch,
        )}
        {f.switch(
            about("KV cache", "engine.kv_cache", "default on", "Off computes the whole text again for each token: the naive way."),
            |f| f.engine.kv_cache, |f, on| f.engine.kv_cache = on,
        )}
    }
    .into_any()
}

fn by_url(f: Fields) -> AnyView {
    view! {
        {f.text(
            about("URL", "engine.url", "http://HOST:PORT", "Base address of the running server, without /v1."),
            |f| &f.engine.url, |f| &mut f.engine.url,
        )}
        {f.text(
            about("Model", "engine.model", "default the first it lists", "Model id as the server names it."),
            |f| &f.engine.model, |f| &mut f.engine.model,
        )}
        {f.text(
            about("GPUs", "engine.gpus", "count, default unknown", "GPUs that the server uses; cost needs it."),
            |f| &f.engine.gpus, |f| &mut f.engine.gpus,
        )}
        {f.text(
            about("GPU type", "engine.gpu", "such as L4, default unknown", "What the server runs on; shown beside its figures."),
            |f| &f.engine.gpu, |f| &mut f.engine.gpu,
        )}
    }
    .into_any()
}
