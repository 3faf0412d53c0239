//! Owns the cases of forms: every valid plan survives, every fault is a sentence at its field.
//! Must not know input elements.

use super::*;
use shared::engine::{EngineKind, builtin};
use shared::plan::Goal;
use shared::preset::PRESETS;

const ENGINES: [&str; 12] = [
    "kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"m\"\nvenv = \"/opt/v\"\ngpus = [0, 2]\nserved_name = \"s\"\nport = 8000\nready_limit_s = 90.5\nextra_args = [\"--x\", \"a b\"]\npass_env = [\"A\", \"B\"]\nmodel_cache = \"/data\"",
    "kind = \"transformers\"\nlaunch = \"native\"\nmodel = \"m\"\ncommand = [\"python3\", \"-c\", \"print(\\\"a b\\\")\"]\nvary = { x = [\"a, b\", \"8\", 8, 8.0, true] }",
    "kind = \"sglang\"\nlaunch = \"docker\"\nimage = \"i:1\"\nmodel = \"m\"\ngpus = [\"GPU-1\", \"GPU-2\"]\nparams = { a = 1, b = \"x\" }\nvary = { c = [1] }",
    "kind = \"vllm\"\nurl = \"http://gpu-box:8000\"\nheaders = { x-tenant = \"T\" }",
    "kind = \"builtin\"",
    "kind = \"builtin\"\nparams = { preset = \"1m\", kv_cache = true, batch = 8, batch_wait_ms = 3, seed = 9 }",
    "kind = \"builtin\"\nmodel = \"own\"\ngpus = 1\nparams = { preset = \"15m\", kv_cache = false }",
    "kind = \"openai_chat\"\nurl = \"http://gpu-box:8000\"\nmodel = \"llama\"\ngpus = 2",
    "kind = \"openai_chat\"\nurl = \"http://gpu-box:8000\"\ngpus = [0, 2]\ngpu = \"L4\"\napi_key = \"BOX_KEY\"",
    "kind = \"builtin\"\nvary = { batch = [1, 8] }\norder = \"interleaved\"",
    "kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"m\"\nparams = { gpu_memory_utilization = 0.9 }\ngpus = [\"GPU-1\"]",
    "kind = \"tgi\"\nlaunch = \"docker\"\nimage = \"tgi:3.3.5\"\nmodel = \"m\"\nvary = { dtype = [\"float16\", \"bfloat16\"] }",
];

const WORKLOADS: [&str; 9] = [
    "input_tokens = 64\noutput_tokens = 32",
    "input_tokens = { distribution = \"uniform\", min = 4, max = 90 }\noutput_tokens = 4\nseed = 18446744073709551615",
    "input_tokens = { distribution = \"normal\", mean = 9.5, sd = 2.25, min = 4, max = 20 }\noutput_tokens = 4",
    "input_tokens = 5\noutput_tokens = { distribution = \"log_normal\", median = 9.1, sigma = 0.3, min = 1, max = 90 }",
    "prompts = \"Summarisation\"\noutput_tokens = { distribution = \"histogram\", bins = [[4, 1.0], [9, 0.125]] }",
    "file = \"/data/prompts.jsonl\"\noutput_tokens = 7\nignore_eos = false\nnonce = false",
    "file = \"talks.json\"\noutput_tokens = 7\nsessions = { turns = 3, think_s = 0.5 }",
    "input_tokens = 9\noutput_tokens = 4\nprefix = { groups = 3, tokens = 64 }",
    "input_tokens = 9\noutput_tokens = 4\nprefix = { groups = 1, tokens = 8 }\nsessions = { turns = 2 }",
];

const LOADS: [&str; 12] = [
    "concurrency = [1, 64]\nrequests = 9\nrequests_per_slot = 8",
    "concurrency = [1, 4]\nrequests = 9",
    "concurrency = [16]\nduration_s = 2.5\nwarmup_s = 0.75\ntrials = 3\ntimeout_s = 12.5\ndrain_s = 7.0",
    "arrival = \"burst\"\nconcurrency = [8, 2]\nrequests = 16",
    "arrival = \"constant\"\nrate = [2.0, 0.1]\nduration_s = 9.0",
    "arrival = \"poisson\"\nrate = [20.0]\nrequests = 100\nmax_in_flight = 64",
    "arrival = \"gamma\"\nburstiness = 0.3\nrate = [2.0]\nduration_s = 9.0",
    "arrival = \"ramp\"\nramp = { from_rate = 0.5, to_rate = 9.0 }\nduration_s = 9.0",
    "arrival = \"ramp\"\nramp = { from_rate = 9.0, to_rate = 1.0, curve = \"exponential\" }\nduration_s = 9.0\ntrials = 2",
    "search = { goal = \"saturation\", from = 1.0, to = 64.0 }\nduration_s = 5.0",
    "arrival = \"poisson\"\nsearch = { goal = \"slo\", from = 0.5, to = 64.0 }\nrequests = 50",
    "arrival = \"gamma\"\nburstiness = 2.0\nsearch = { goal = \"slo\", from = 0.5, to = 6.5, attainment = 0.9 }\nrequests = 5",
];

const TRACES: [&str; 2] = [
    "arrival = \"trace\"\ntrace = { file = \"t.jsonl\" }",
    "arrival = \"trace\"\ntrace = { file = \"/data/t.jsonl\", speed_up = 2.5 }\nmax_in_flight = 9\ntrials = 2",
];

const LIMITS: [&str; 4] = [
    "",
    "[slo]\n",
    "[slo]\nttft_ms = 200.0\n[cost]\nusd_per_gpu_hour = 2.93\n",
    "[slo]\nttft_ms = 0.5\ntpot_ms = 30.0\ne2e_ms = 9000.25\n",
];

fn survives(plan: &Plan) {
    assert_eq!(Form::of(plan).plan(&[]).as_ref(), Ok(plan));
}

/// Checks the plan of these parts where the rules take it; true where they do.
fn of_parts(engine: &str, workload: &str, load: &str, limits: &str) -> bool {
    let text = format!(
        "schema = 1\nname = \" Night, 2 \"\n{limits}[engine]\n{engine}\n[workload]\n{workload}\n[load]\n{load}\n"
    );
    let plan = Plan::from_toml(&text);
    plan.iter().for_each(survives);
    plan.is_ok()
}

#[test]
fn every_valid_plan_survives_the_form() {
    for preset in &PRESETS {
        survives(&shared::preset::find(preset.key).unwrap());
    }
    let mut valid = 0;
    for (engine, limits) in ENGINES.iter().flat_map(|e| LIMITS.iter().map(move |l| (*e, *l))) {
        for (workload, load) in WORKLOADS.iter().flat_map(|w| LOADS.iter().map(move |l| (*w, *l))) {
            valid += u32::from(of_parts(engine, workload, load, limits));
        }
        for load in TRACES {
            assert!(of_parts(engine, "nonce = false", load, limits), "{load}");
        }
    }
    assert!(valid > 1000, "only {valid} plans were valid");
}

/// What the agent tells of the built-in engine.
fn kinds() -> Vec<EngineRow> {
    let (kind, parameters) = (EngineKind::Builtin, builtin::PARAMETERS.to_vec());
    vec![EngineRow { kind, label: String::new(), launches: Vec::new(), by_url: false, parameters }]
}

fn first() -> Form {
    Form::of(&shared::preset::find(PRESETS[0].key).unwrap())
}

#[test]
fn every_fault_is_a_sentence_at_its_field() {
    let check = |change: fn(&mut Form), field: &str| {
        let mut form = first();
        change(&mut form);
        let error = form.plan(&kinds()).expect_err(field);
        assert_eq!(error.field, field);
        let named = field.strip_suffix(".batch").unwrap_or(field);
        assert!(error.sentence.ends_with('.') && error.sentence.contains(named), "{}", error.sentence);
    };
    check(|f| f.name.clear(), "name");
    check(|f| f.engine.kind = EngineKind::OpenaiChat, "engine.url");
    check(|f| f.engine.choose(EngineKind::Vllm), "engine.model");
    check(|f| f.engine.set("batch", "many".into()), "engine.params.batch");
    check(|f| f.engine.set("batch", "1, 0".into()), "engine.params.batch");
    check(|f| f.engine.set("batch", "1, 1".into()), "engine.vary");
    check(|f| f.work.input.tokens = "-3".into(), "workload.input_tokens");
    check(|f| f.work.output.tokens = "0".into(), "workload.output_tokens");
    check(|f| (f.work.input.shape, f.work.input.min) = (Shape::Uniform, "few".into()), "workload.input_tokens.min");
    check(
        |f| (f.work.output.shape, f.work.output.bins) = (Shape::Histogram, "64, 1".into()),
        "workload.output_tokens.bins",
    );
    check(|f| f.work.source = Source::File, "workload");
    check(|f| (f.work.in_sessions, f.work.turns) = (true, "0".into()), "workload.sessions");
    check(|f| f.load.concurrency = "1, x".into(), "load.concurrency");
    check(|f| f.load.concurrency.clear(), "load.concurrency");
    check(|f| f.load.duration_s = "NaN".into(), "load.duration_s");
    check(|f| f.load.duration_s = " ".into(), "load.duration_s");
    check(|f| f.load.warmup_s.clear(), "load.warmup_s");
    check(|f| (f.load.arrival, f.load.rate) = (Arrival::Poisson, "fast".into()), "load.rate");
    check(|f| (f.load.arrival, f.load.burstiness) = (Arrival::Gamma, "0".into()), "load.burstiness");
    check(|f| (f.load.arrival, f.load.ramp_to) = (Arrival::Ramp, "".into()), "load.ramp.to_rate");
    check(|f| f.load.arrival = Arrival::Trace, "load.trace.file");
    check(|f| f.load.goal = Some(Goal::Slo), "slo");
    check(|f| (f.load.goal, f.load.search_to) = (Some(Goal::Saturation), "1".into()), "load.search");
    check(|f| f.slo_ttft_ms = "soon".into(), "slo.ttft_ms");
    check(|f| f.price = "-1".into(), "cost.usd_per_gpu_hour");
    check(|f| f.rate_hz = "50".into(), "telemetry.rate_hz");
}

#[test]
fn a_server_by_url_takes_no_parameters() {
    let mut form = first();
    form.engine.kind = EngineKind::OpenaiCompletions;
    form.engine.url = " http://gpu-box:8000 ".into();
    form.load.concurrency = "2 8;32".into();
    let plan = form.plan(&kinds()).unwrap();
    assert_eq!(plan.engine.url.as_deref(), Some("http://gpu-box:8000"));
    assert!(plan.engine.params.is_empty());
    assert_eq!(plan.load.concurrency, [2, 8, 32]);
}

#[test]
fn another_way_keeps_nothing_that_belongs_to_the_one_before() {
    let text = "schema = 1\nname = \"x\"\n[workload]\ninput_tokens = 8\noutput_tokens = 4\n[load]\nconcurrency = [1]\n\
                requests = 9\n[engine]\nkind = \"vllm\"\nlaunch = \"native\"\nmodel = \"m\"\nvenv = \"/opt/v\"\nport = 8000\n\
                params = { max_num_seqs = 8 }\n";
    let mut form = Form::of(&Plan::from_toml(text).unwrap());
    form.engine.reach("docker");
    form.engine.image = "i:1".into();
    let engine = form.engine_plan(&[]).unwrap();
    assert_eq!((engine.venv, engine.image.as_deref(), engine.params.len()), (None, Some("i:1"), 1));
    form.engine.reach("url");
    form.engine.url = "http://box:8000".into();
    let engine = form.plan(&[]).unwrap().engine;
    let by_url =
        EnginePlan { url: Some("http://box:8000".into()), model: Some("m".into()), ..EnginePlan::of(engine.kind) };
    assert_eq!(engine, by_url);
    // Parameters are of one kind only; what it is reached by may fit another one.
    form.engine.choose(EngineKind::Sglang);
    form.engine.reach("native");
    let engine = form.engine_plan(&[]).unwrap();
    assert_eq!((engine.params.len(), engine.venv.as_deref()), (0, Some("/opt/v")));
}

#[test]
fn every_arrival_is_a_plan_by_its_choice_alone() {
    let arrivals =
        [Arrival::Closed, Arrival::Burst, Arrival::Constant, Arrival::Poisson, Arrival::Gamma, Arrival::Ramp];
    for arrival in arrivals {
        let mut form = first();
        form.load.arrival = arrival;
        // What was chosen for another arrival must not be in the way.
        form.load.max_in_flight = "9".into();
        form.load.goal = Some(Goal::Saturation);
        assert_eq!(form.plan(&[]).map(|plan| plan.load.arrival), Ok(arrival));
    }
    let mut form = first();
    (form.load.arrival, form.load.trace_file) = (Arrival::Trace, " t.jsonl ".into());
    assert_eq!(form.plan(&[]).unwrap().load.trace.unwrap().file, "t.jsonl");
}
