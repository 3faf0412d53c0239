//! Owns the fields of the form: each with unit, default and a line of help; advanced ones folded.
//! Must not know what makes a plan valid: `shared` does.

use crate::model::form::{Form, FormError};
use crate::parts::Card;
use leptos::prelude::*;
use shared::plan::EngineKind;

const KINDS: [(&str, EngineKind); 4] = [
    ("builtin", EngineKind::Builtin),
    ("openai_completions", EngineKind::OpenaiCompletions),
    ("openai_chat", EngineKind::OpenaiChat),
    ("generate_stream", EngineKind::GenerateStream),
];
const SIZES: [(&str, &str); 3] = [("1m", "1 M parameters"), ("15m", "15 M parameters"), ("110m", "110 M parameters")];
const PROMPTS: [(&str, &str); 5] = [
    ("all", "All four tasks"),
    ("Factual recall", "Factual recall"),
    ("Simple reasoning", "Simple reasoning"),
    ("Sentiment classification", "Sentiment classification"),
    ("Summarisation", "Summarisation"),
];

/// What a field says of itself.
struct About {
    label: &'static str,
    /// Path in the plan.
    path: &'static str,
    /// Unit and default.
    unit: &'static str,
    help: &'static str,
}

#[derive(Clone, Copy)]
struct Fields {
    form: RwSignal<Form>,
    refused: Memo<Option<FormError>>,
}

impl Fields {
    fn wrap(self, about: About, input: AnyView) -> AnyView {
        let path = about.path;
        let wrong = move || self.refused.with(|e| e.as_ref().is_some_and(|e| e.field == path));
        view! {
            <label class="field" class:wrong=wrong>
                <span class="field-label">{about.label}<span class="unit">{about.unit}</span></span>
                {input}
                <span class="help">{about.help}</span>
            </label>
        }
        .into_any()
    }

    fn text(self, about: About, read: fn(&Form) -> &String, write: fn(&mut Form) -> &mut String) -> AnyView {
        let form = self.form;
        let input = view! {
            <input
                type="text"
                autocomplete="off"
                spellcheck="false"
                name=about.path
                prop:value=move || form.with(|f| read(f).clone())
                on:input:target=move |e| form.update(|f| *write(f) = e.target().value())
            />
        };
        self.wrap(about, input.into_any())
    }

    fn choice(
        self,
        about: About,
        options: &'static [(&'static str, &'static str)],
        read: fn(&Form) -> &str,
        write: fn(&mut Form, String),
    ) -> AnyView {
        let form = self.form;
        let option = move |(value, label): &(&'static str, &'static str)| {
            let value = *value;
            view! { <option value=value selected=move || form.with(|f| read(f) == value)>{*label}</option> }
        };
        let input = view! {
            <select name=about.path on:change:target=move |e| form.update(|f| write(f, e.target().value()))>
                {options.iter().map(option).collect_view()}
            </select>
        };
        self.wrap(about, input.into_any())
    }

    fn switch(self, about: About, read: fn(&Form) -> bool, write: fn(&mut Form, bool)) -> AnyView {
        let form = self.form;
        let input = view! {
            <input
                type="checkbox"
                name=about.path
                prop:checked=move || form.with(read)
                on:change:target=move |e| form.update(|f| write(f, e.target().checked()))
            />
        };
        self.wrap(about, input.into_any())
    }
}

fn about(label: &'static str, path: &'static str, unit: &'static str, help: &'static str) -> About {
    About { label, path, unit, help }
}

fn kind_key(form: &Form) -> &str {
    KINDS.iter().find(|(_, kind)| *kind == form.kind).map_or("builtin", |(key, _)| *key)
}

fn set_kind(form: &mut Form, key: String) {
    if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == key) {
        form.kind = *kind;
    }
}

/// All fields.
#[component]
pub fn PlanForm(form: RwSignal<Form>, refused: Memo<Option<FormError>>) -> impl IntoView {
    let f = Fields { form, refused };
    let kind = Memo::new(move |_| form.with(|f| f.kind));
    let synthetic = Memo::new(move |_| form.with(|f| f.synthetic));
    let timed = Memo::new(move |_| form.with(|f| f.timed));
    const KIND_WORDS: [(&str, &str); 4] = [
        ("builtin", "Built-in (random weights, CPU)"),
        ("openai_completions", "Server by URL: OpenAI completions"),
        ("openai_chat", "Server by URL: OpenAI chat"),
        ("generate_stream", "Server by URL: generate_stream"),
    ];
    let engine = move || {
        match kind.get() {
        EngineKind::Builtin => view! {
            {f.choice(about("Size", "engine.params", "default 1 M", "More parameters take longer a token."), &SIZES, |f| &f.preset, |f, v| f.preset = v)}
            {f.text(about("Batch", "engine.batch", "requests, default the engine's", "Requests that one step computes together; 1 is one at a time."), |f| &f.batch, |f| &mut f.batch)}
            {f.switch(about("KV cache", "engine.kv_cache", "default on", "Off computes the whole text again for each token: the naive way."), |f| f.kv_cache, |f, v| f.kv_cache = v)}
        }.into_any(),
        _ => view! {
            {f.text(about("URL", "engine.url", "http://HOST:PORT", "Base address of the running server, without /v1."), |f| &f.url, |f| &mut f.url)}
            {f.text(about("Model", "engine.model", "default the first it lists", "Model id as the server names it."), |f| &f.model, |f| &mut f.model)}
            {f.text(about("GPUs", "engine.gpus", "count, default unknown", "GPUs that the server uses; cost needs it."), |f| &f.gpus, |f| &mut f.gpus)}
        }.into_any(),
    }
    };
    let prompts = move || {
        if synthetic.get() {
            f.text(
                about("Input", "workload.input_tokens", "tokens, default 64", "Length of each synthetic prompt."),
                |f| &f.input_tokens,
                |f| &mut f.input_tokens,
            )
        } else {
            f.choice(
                about("Prompts", "workload.prompts", "default all", "The shipped prompts of the study's tasks."),
                &PROMPTS,
                |f| &f.prompts,
                |f, v| f.prompts = v,
            )
        }
    };
    let stop = move || {
        if timed.get() {
            f.text(
                about("Duration", "load.duration_s", "s, default 10", "Length of a trial's window."),
                |f| &f.duration_s,
                |f| &mut f.duration_s,
            )
        } else {
            f.text(
                about(
                    "Requests",
                    "load.requests",
                    "count, default 32",
                    "Requests of a trial's window; a p99 needs at least 100.",
                ),
                |f| &f.requests,
                |f| &mut f.requests,
            )
        }
    };
    const SOURCES: [(&str, &str); 2] = [("synthetic", "Synthetic, of one length"), ("shipped", "Shipped prompts")];
    const STOPS: [(&str, &str); 2] = [("requests", "after a number of requests"), ("duration", "after a time")];
    view! {
        <Card title="Custom">
            <form class="form" on:submit=|e| e.prevent_default()>
                <fieldset>
                    <legend>"Run"</legend>
                    {f.text(about("Name", "name", "1 to 120 characters", "What the list of runs calls it."), |f| &f.name, |f| &mut f.name)}
                    {f.choice(about("Engine", "engine.kind", "default built-in", "What is measured: the small engine inside, or a server that runs already."), &KIND_WORDS, kind_key, set_kind)}
                    {engine}
                </fieldset>
                <fieldset>
                    <legend>"Work"</legend>
                    {f.choice(about("Prompts from", "workload", "default synthetic", "What each request asks."), &SOURCES,
                        |f| if f.synthetic { "synthetic" } else { "shipped" }, |f, v| f.synthetic = v == "synthetic")}
                    {prompts}
                    {f.text(about("Output", "workload.output_tokens", "tokens", "Tokens that each request asks for."), |f| &f.output_tokens, |f| &mut f.output_tokens)}
                </fieldset>
                <fieldset>
                    <legend>"Load"</legend>
                    {f.text(about("Concurrency", "load.concurrency", "requests in flight", "One point for each number; a new request begins when one ends."), |f| &f.concurrency, |f| &mut f.concurrency)}
                    {f.choice(about("A trial ends", "load", "default after requests", "By count every point does the same work; by time every point takes as long."), &STOPS,
                        |f| if f.timed { "duration" } else { "requests" }, |f, v| f.timed = v == "duration")}
                    {stop}
                </fieldset>
                <details>
                    <summary>"Advanced"</summary>
                    <fieldset>
                        {f.text(about("Warm-up", "load.warmup_s", "s, default 0", "Load before the window opens; its requests do not count."), |f| &f.warmup_s, |f| &mut f.warmup_s)}
                        {f.text(about("Trials", "load.trials", "count, default 1", "Repeats of each point; intervals need at least 3."), |f| &f.trials, |f| &mut f.trials)}
                        {f.text(about("Time limit", "load.timeout_s", "s, default 300", "A request that takes longer is counted as timed out."), |f| &f.timeout_s, |f| &mut f.timeout_s)}
                        {f.text(about("GPU price", "cost.usd_per_gpu_hour", "USD per GPU-hour, default unknown", "Cost per million tokens is shown only with a price."), |f| &f.price, |f| &mut f.price)}
                        {f.switch(about("Equal work", "workload.ignore_eos", "default on", "The engine goes on past its end-of-sequence token, so that every output is as long as asked."), |f| f.ignore_eos, |f, v| f.ignore_eos = v)}
                        {f.switch(about("Nonce", "workload.nonce", "default on", "Each prompt begins differently, so that no prefix cache helps."), |f| f.nonce, |f, v| f.nonce = v)}
                        {f.text(about("Seed", "workload.seed", "default 0", "The same seed makes the same prompts in the same order."), |f| &f.seed, |f| &mut f.seed)}
                    </fieldset>
                </details>
            </form>
        </Card>
    }
    .into_any()
}
