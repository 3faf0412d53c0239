//! Owns the commands that plans become, held to files: a kind of engine, a version and a launcher each.
//! Must not start anything.

use super::docker::Docker;
use super::native::Native;
use super::{Launcher, Order};
use crate::engine::EngineError;
use crate::engine::adapter::{Adapter, Serving, Version};
use crate::engine::gpu::Devices;
use crate::process::Container;
use crate::secret::Secret;
use shared::engine::{EngineKind, Launch as How};
use shared::plan::Plan;
use std::path::{Path, PathBuf};

const SECRET: &str = "hf_test_secret";

/// The command of a plan's engine on a host with two GPUs, whose version is known or not.
fn command(engine: &str, version: Option<&str>) -> Result<crate::process::Launch, EngineError> {
    let plan = Plan::from_toml(&format!(
        "schema = 1\nname = \"x\"\n[workload]\ninput_tokens = 8\noutput_tokens = 4\n[load]\nconcurrency = [1]\n\
         requests = 9\n[engine]\n{engine}"
    ))
    .unwrap();
    super::super::check(&plan).unwrap();
    let chosen =
        plan.gpu_count().map(|n| ["GPU-aa11", "GPU-bb22"][..n as usize].iter().map(|id| (*id).into()).collect());
    let devices = Devices { chosen, ..Devices::default() };
    let is_builtin = plan.engine.kind == EngineKind::Builtin;
    let secrets = if is_builtin { vec![] } else { vec![("HF_TOKEN".to_owned(), Secret::new(SECRET))] };
    let configuration = &plan.configurations()[0];
    let order = Order {
        adapter: Adapter::of(plan.engine.kind).unwrap(),
        plan: &plan.engine,
        serving: Serving {
            model: plan.engine.model.as_deref().unwrap_or_default(),
            name: plan.engine.served_name.as_deref(),
            params: &configuration.params,
            extra: &plan.engine.extra_args,
            reuses_prefixes: plan.workload.reuses_prefixes(),
        },
        devices: &devices,
        secrets: &secrets,
        port: 40001,
        cache: Some(Path::new("/data/hf")),
        baseline: (plan.engine.kind == EngineKind::Transformers).then(|| Path::new("/data/baseline-1")),
        versions: None,
    };
    let version = version.map(|version| Version::parse(version).unwrap());
    match plan.engine.launch {
        Some(How::Docker) => {
            let container = Container { docker: "docker".into(), name: "tokenprism-1".into(), owner: "abc".into() };
            let docker = Docker { container };
            docker.command(&order, version)
        }
        _ => Native.command(&order, version),
    }
}

/// One argument a line, its environment before; what differs from host to host is masked.
fn shown(launch: &crate::process::Launch) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let own = std::env::current_exe().unwrap();
    let variable = |(name, value): &(String, String)| match name.as_str() {
        "RAYON_NUM_THREADS" => format!("env {name}=N"),
        _ => format!("env {name}={}", value.replace(&path, "$PATH")),
    };
    let program = if launch.program == own { PathBuf::from("tokenprism") } else { launch.program.clone() };
    let args = launch.args.iter().map(|arg| arg.to_string_lossy().into_owned());
    assert!(args.clone().all(|arg| !arg.contains(SECRET)) && !format!("{launch:?}").contains(SECRET));
    let secrets = launch.secrets.iter().map(|(name, secret)| format!("env {name}={secret}"));
    let lines = launch.env.iter().map(variable).chain(secrets).chain([program.display().to_string()]).chain(args);
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

fn check(name: &str, version: Option<&str>, engine: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/commands/{name}.txt"));
    let got = shown(&command(engine, version).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &got).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(got, kept, "{} is old: run UPDATE=1 cargo test -p tokenprism --lib launch", path.display());
}

/// The engine of a preset.
fn of_preset(key: &str) -> String {
    let toml = shared::preset::toml(key).unwrap();
    let (_, engine) = toml.split_once("[engine]\n").unwrap();
    engine.split("\n[workload]").next().unwrap().to_owned()
}

const VLLM: &str = "kind = \"vllm\"\nmodel = \"m/7b\"\nserved_name = \"7b\"\n";
const SGLANG: &str = "kind = \"sglang\"\nmodel = \"m/7b\"\n";
const LLAMA: &str = "kind = \"llama_server\"\nmodel = \"/models/7b.gguf\"\nserved_name = \"7b\"\n\
                     params = { ctx_size = 32768, parallel = 8, gpu_layers = \"all\", flash_attention = \"on\" }\n";

#[test]
fn the_studys_engines() {
    check("study-vllm-0.25.1-native", Some("0.25.1"), &of_preset("study_vllm"));
    check("study-tgi-3.3.5-docker", Some("3.3.5"), &of_preset("study_tgi"));
    check("study-baseline-native", Some("5.17.0"), &of_preset("study_baseline"));
}

#[test]
fn vllm() {
    let native = format!("{VLLM}launch = \"native\"\n");
    check("vllm-0.9.2-native", Some("0.9.2"), &format!("{native}extra_args = [\"--disable-log-requests\"]"));
    let everything = "venv = \"/opt/vllm\"\nmodel_cache = \"/data/hf\"\ngpus = 2\n\
                      params = { tensor_parallel_size = 2, prefix_caching = true, enforce_eager = true, stream_interval = 4, \
                      kv_cache_dtype = \"fp8\", seed = 7, gpu_memory_utilization = 0.5 }\n\
                      extra_args = [\"--shutdown-timeout\", \"10\"]\n";
    check("vllm-0.33.0-native", Some("0.33.0"), &format!("{native}{everything}"));
    let folder = "kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"/srv/llama2-7b\"\nserved_name = \"llama2-7b\"\n\
                  command = [\"python3\", \"-m\", \"vllm.entrypoints.cli.main\"]\nparams = { load_format = \"dummy\" }\n";
    check("vllm-unknown-native", None, folder);
    let docker = format!("{VLLM}launch = \"docker\"\nimage = \"vllm/vllm-openai:v0.33.0\"\ngpus = 2\n");
    check("vllm-0.33.0-docker", Some("0.33.0"), &docker);
}

#[test]
fn sglang() {
    check("sglang-0.5.23-native", Some("0.5.23"), &format!("{SGLANG}launch = \"native\"\ngpus = 1\n"));
    let docker = "launch = \"docker\"\nimage = \"lmsysorg/sglang:v0.5.23\"\ngpus = 1\n\
                  params = { context_length = 4096, cuda_graph = false, prefix_caching = true }\n";
    check("sglang-0.5.23-docker", Some("0.5.23"), &format!("{SGLANG}{docker}"));
}

#[test]
fn the_others() {
    check("llama-server-native", Some("6123"), &format!("launch = \"native\"\n{LLAMA}"));
    let docker = "launch = \"docker\"\nimage = \"ghcr.io/ggml-org/llama.cpp:server-cuda\"\ngpus = 1\n";
    check("llama-server-docker", None, &format!("{docker}{LLAMA}"));
    let tgi = "kind = \"tgi\"\nlaunch = \"native\"\nmodel = \"/srv/llama2-7b\"\nparams = { attention = \"paged\" }\n";
    check("tgi-3.3.7-native", Some("3.3.7"), tgi);
    check("builtin", None, "kind = \"builtin\"\nparams = { preset = \"15m\", batch = 8, kv_cache = false }\n");
}

#[test]
fn an_argument_that_the_version_does_not_know_is_refused_with_what_to_do_instead() {
    let refused = |version: &str, line: &str, words: &str| {
        let error = command(&format!("{VLLM}launch = \"native\"\n{line}\n"), Some(version)).unwrap_err().to_string();
        assert!(error.contains(words), "{error} lacks {words}");
    };
    let old = "extra_args = [\"--disable-log-requests\"]";
    refused("0.25.1", old, "vLLM 0.25.1 does not know --disable-log-requests");
    refused("0.20.2", old, "leave it out, since requests are not logged unless --enable-log-requests asks for it.");
    refused("0.17.0", old, "there up to 0.16.0 and is gone in 0.20.2");
    refused("0.33.0", "extra_args = [\"--swap_space=4\"]", "does not know --swap_space,");
    refused(
        "0.11.0",
        "params = { stream_interval = 4 }",
        "does not know --stream-interval, which is not yet there in 0.11.0",
    );
    assert!(command(&format!("{VLLM}launch = \"native\"\n{old}\n"), Some("0.16.0")).is_ok());
    assert!(command(&format!("{VLLM}launch = \"native\"\n{old}\n"), None).is_ok());
}
