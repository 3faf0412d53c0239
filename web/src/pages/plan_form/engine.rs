//! Owns the fields of an engine: which kind, how it is reached, what it serves, its own parameters.
//! Must not know how an engine is started, nor which parameters it has: the agent tells.

use super::fields::{Fields, Options, about, key_of, value_of};
use crate::model::App;
use crate::model::form::{Way, parameters_of};
use leptos::prelude::*;
use shared::engine::{EngineKind, Launch};
use shared::plan::Order;

/// Parameters of an engine that are not folded, the first ones that the agent tells.
const SHOWN: usize = 6;
const ORDERS: [(&str, Order); 2] = [("blocked", Order::Blocked), ("interleaved", Order::Interleaved)];
const ORDER_WORDS: [(&str, &str); 2] =
    [("blocked", "one to its end, then the next"), ("interleaved", "each in every repeat")];

/// Kind, way, and what belongs to both.
pub fn fields(f: Fields) -> AnyView {
    let kinds: Options = EngineKind::KEYS
        .iter()
        .zip(EngineKind::LABELS)
        .filter(|((_, kind), _)| !f.starts || Way::of(*kind)[0] != Way::ByUrl)
        .map(|(_, option)| option)
        .collect();
    view! {
        {f.choice(
            about("Engine", "engine.kind", "default built-in", "The small one inside needs no GPU; others are started here, or run already."),
            &kinds,
            |f| key_of(&EngineKind::KEYS, &f.engine.kind),
            |f, key| f.engine.choose(value_of(&EngineKind::KEYS, key).unwrap_or(f.engine.kind)),
        )}
        {f.by(|f| f.engine.kind, |f, kind| reached(f, *kind))}
        {f.by(|f| (f.engine.kind, f.engine.way()), |f, (kind, way)| match way {
            Way::Inside => parameters(f, *kind),
            Way::Started(launch) => started(f, *kind, *launch),
            Way::ByUrl => by_url(f),
        })}
    }
    .into_any()
}

fn words(way: Way) -> (&'static str, &'static str) {
    let words = match way {
        Way::Inside => "in this program",
        Way::Started(Launch::Native) => "start it as a process here",
        Way::Started(Launch::Docker) => "start it in Docker",
        Way::ByUrl => "it runs already",
    };
    (way.key(), words)
}

/// How it is reached, where there is a choice.
fn reached(f: Fields, kind: EngineKind) -> AnyView {
    let ways: Options = Way::of(kind).into_iter().filter(|way| !f.starts || *way != Way::ByUrl).map(words).collect();
    if ways.len() < 2 {
        return ().into_any();
    }
    f.choice(
        about("Reached", "engine.launch", "", "A start by the agent is measured too, and ended after the run."),
        &ways,
        |f| f.engine.way().key(),
        |f, key| f.engine.reach(key),
    )
}

fn started(f: Fields, kind: EngineKind, launch: Launch) -> AnyView {
    let program = match launch {
        Launch::Native => view! {
            {f.text(
                about("Virtual environment", "engine.venv", "folder, default the agent's PATH", "Where it is installed; the Engines page shows what is there."),
                |f| &f.engine.venv, |f| &mut f.engine.venv,
            )}
            {f.text(
                about("Command", "engine.command", "default its own program", "Program and first arguments in place of its own, words between blanks."),
                |f| &f.engine.command, |f| &mut f.engine.command,
            )}
        }
        .into_any(),
        Launch::Docker => f.text(
            about("Image", "engine.image", "NAME:TAG", "Its digest is kept with the results."),
            |f| &f.engine.image, |f| &mut f.engine.image,
        ),
    };
    view! {
        {f.text(
            about("Model", "engine.model", "id or folder", "An id of the Hugging Face hub, or a path on the agent's host."),
            |f| &f.engine.model, |f| &mut f.engine.model,
        )}
        {program}
        {f.text(
            about("GPUs", "engine.gpus", "default all", "How many, or which: [0, 1], or UUIDs as nvidia-smi -L shows them."),
            |f| &f.engine.gpus, |f| &mut f.engine.gpus,
        )}
        {parameters(f, kind)}
        <details>
            <summary>"How it is started"</summary>
            <fieldset>{details(f)}</fieldset>
        </details>
    }
    .into_any()
}

/// What is rarely said of a start.
fn details(f: Fields) -> AnyView {
    view! {
        {f.text(
            about("Served name", "engine.served_name", "default the model", "What requests call the model."),
            |f| &f.engine.served_name, |f| &mut f.engine.served_name,
        )}
        {f.text(
            about("Model cache", "engine.model_cache", "folder, default $HF_HOME", "Where downloaded models are kept."),
            |f| &f.engine.model_cache, |f| &mut f.engine.model_cache,
        )}
        {f.text(
            about("Port", "engine.port", "default a free one", "Port of 127.0.0.1 that it listens on."),
            |f| &f.engine.port, |f| &mut f.engine.port,
        )}
        {f.text(
            about("Start limit", "engine.ready_limit_s", "s, default 1,800", "How long until the first generated token."),
            |f| &f.engine.ready_limit_s, |f| &mut f.engine.ready_limit_s,
        )}
        {f.text(
            about("More arguments", "engine.extra_args", "default none", "They follow all others as they are, words between blanks."),
            |f| &f.engine.extra_args, |f| &mut f.engine.extra_args,
        )}
        {f.text(
            about("Variables to pass", "engine.pass_env", "NAMES, default HF_TOKEN", "Variables or secrets that it gets; a value never stands in a plan."),
            |f| &f.engine.pass_env, |f| &mut f.engine.pass_env,
        )}
    }
    .into_any()
}

/// The engine's own parameters: the usual ones, and the others folded.
fn parameters(f: Fields, kind: EngineKind) -> AnyView {
    let app = App::get();
    let fields = move || {
        app.kinds.with(|kinds| {
            let known = parameters_of(kinds, kind);
            let (usual, rare) = known.split_at(known.len().min(SHOWN));
            let is_set = f.form.with_untracked(|f| rare.iter().any(|p| f.engine.params.contains_key(&*p.key)));
            let more = (!rare.is_empty()).then(|| {
                view! {
                    <details prop:open=is_set>
                        <summary>{format!("{} more parameters", rare.len())}</summary>
                        <fieldset>{rare.iter().map(|p| f.parameter(p)).collect_view()}</fieldset>
                    </details>
                }
                .into_any()
            });
            view! { {usual.iter().map(|p| f.parameter(p)).collect_view()}{more} }.into_any()
        })
    };
    let varies = (!f.starts).then(|| {
        view! {
            <p class="quiet wide">"Several values between commas, such as 1, 64: the engine is measured with each of them."</p>
            {f.by(|f| f.engine.varies(), |f, varies| if *varies { order(f) } else { ().into_any() })}
        }
        .into_any()
    });
    view! { {fields}{varies} }.into_any()
}

fn order(f: Fields) -> AnyView {
    f.choice(
        about(
            "Order of configurations",
            "engine.order",
            "default one to its end",
            "In every repeat costs a start each time; drift then favours none.",
        ),
        &ORDER_WORDS,
        |f| key_of(&ORDERS, &f.engine.order),
        |f, key| f.engine.order = value_of(&ORDERS, key).unwrap_or(f.engine.order),
    )
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
        {f.text(
            about("Key", "engine.api_key", "NAME, default TOKENPRISM_API_KEY", "The variable or secret that holds its API key; the key never stands in a plan."),
            |f| &f.engine.api_key, |f| &mut f.engine.api_key,
        )}
    }
    .into_any()
}
