//! Owns the proof that a run sees its machine: GPUs by UUID, the engine's own metrics, the host, energy, and a GPU that is
//! lost, all in its view and with its trials.
//! Must not know the agent's insides: a played engine and a played driver stand in for real ones.

use crate::fake_nvml::FakeNvml;
use crate::played_engine::{ABLE, Played, play};
use crate::support::{Agent, attached, plan_of, state, with_vllm};
use serde_json::Value;
use shared::said::machine::driver_says;
use shared::view::RunView;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const GPU: &str = "gpu:GPU-bb22-0000";

const SCRIPT: &str = r#"
[[device]]
uuid = "GPU-aa11-0000"
name = "NVIDIA L4"
says = { power = 10000 }

[[device]]
uuid = "GPU-bb22-0000"
name = "NVIDIA H100 80GB HBM3"
says = { memory_total = 85520809984, memory_used = 42949672960, gpu_busy = 90, power = 200000 }

[[fault]]
device = 1
file = "lost"
fails = "gpu_is_lost"
"#;

/// A page of metrics: what runs, how full the cache is, tokens, and `n` requests whose first token came within 20 ms.
fn page(n: u32) -> String {
    format!(
        "vllm:num_requests_running{{engine=\"0\"}} 3\nvllm:kv_cache_usage_perc{{engine=\"0\"}} 0.5\n\
         vllm:generation_tokens_total{{engine=\"0\"}} {}\n\
         vllm:time_to_first_token_seconds_bucket{{le=\"0.01\"}} 0\n\
         vllm:time_to_first_token_seconds_bucket{{le=\"0.02\"}} {n}\n\
         vllm:time_to_first_token_seconds_bucket{{le=\"+Inf\"}} {n}\n\
         vllm:time_to_first_token_seconds_sum {}\nvllm:time_to_first_token_seconds_count {n}\n",
        n * 8,
        f64::from(n) * 0.015
    )
}

/// Counts as a server would while it is asked: so many requests a page.
fn counting(played: &Played) -> tokio::task::JoinHandle<()> {
    let metrics = std::sync::Arc::clone(&played.metrics);
    tokio::spawn(async move {
        for n in 1.. {
            *metrics.lock().unwrap() = Some(page(n * 10));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
}

/// One signal of a source; nothing where there is none.
fn track<'a>(view: &'a Value, source: &str, signal: &str) -> &'a Value {
    let tracks = view["telemetry"]["tracks"].as_array().unwrap();
    tracks.iter().find(|track| track["source"] == source && track["signal"] == signal).unwrap_or(&Value::Null)
}

/// Its bins: number, count, sum, least and greatest.
fn bins(view: &Value, source: &str, signal: &str) -> Vec<[u64; 5]> {
    let track = track(view, source, signal);
    let flat = track["bins"].as_array().unwrap_or_else(|| panic!("no {signal} of {source}"));
    let flat: Vec<u64> = flat.iter().map(|number| number.as_u64().unwrap()).collect();
    flat.chunks_exact(5).map(|bin| bin.try_into().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_sees_the_engines_gpu_the_engine_and_the_host_and_notices_a_gpu_that_is_lost() {
    let (fake, data, played) = (FakeNvml::playing(SCRIPT), tempfile::tempdir().unwrap(), play(ABLE));
    played.shows(&page(0));
    let agent = Agent::driven_by(&fake.driver(), data.path());
    // The second GPU of the host, and never the first one.
    let plan = attached(&played.url, "gpus = [\"GPU-bb22\"]\n").replace("requests = 12", "duration_s = 1.5");
    let plan = format!("{plan}\n[telemetry]\nrate_hz = 10.0\n");
    let counting = counting(&played);
    let run = agent.submit(&plan).await;
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    let telemetry = &view["telemetry"];
    assert_eq!(telemetry["began"]["rate_hz"], 10.0);
    assert_eq!(telemetry["began"]["gpus"][0]["uuid"], "GPU-bb22-0000");
    assert_eq!(
        (telemetry["began"]["gpus"].as_array().unwrap().len(), &telemetry["began"]["no_gpus"]),
        (1, &Value::Null)
    );
    assert_eq!(telemetry["dropped"], 0);
    assert!(bins(&view, GPU, "power").iter().all(|bin| bin[3] == 200_000 && bin[4] == 200_000));
    assert!(bins(&view, "engine", "kv_used").iter().all(|bin| bin[4] == 500_000));
    assert!(bins(&view, "engine", "running").iter().all(|bin| bin[4] == 3));
    assert!(!bins(&view, "host", "host_memory_used").is_empty());
    let host = telemetry["looks"].as_array().unwrap().iter().find(|look| look["source"] == "host").unwrap();
    assert!(host["cores"].as_array().is_some_and(|cores| !cores.is_empty()));
    // What is not there is counted as that and is no zero.
    assert!(bins(&view, GPU, "energy").is_empty() && bins(&view, "engine", "output_tokens").len() > 2);
    assert_eq!(track(&view, GPU, "energy")["absent"][0], 0);
    for trial in view["trials"].as_array().unwrap() {
        let summary = &trial["summary"];
        let energy = &summary["energy"];
        assert_eq!((&energy["method"], &energy["gpus"]), (&"integrated".into(), &1.into()), "{energy}");
        // 200 W over the window.
        let expect = 200.0 * summary["window_s"].as_f64().unwrap();
        assert!((energy["joules"].as_f64().unwrap() / expect - 1.0).abs() < 0.001, "{energy} is not {expect}");
        let per_token = energy["joules"].as_f64().unwrap() / summary["output_tokens"].as_f64().unwrap();
        assert!((energy["joules_per_token"].as_f64().unwrap() - per_token).abs() < 1e-9);
        let (server, window_ns) = (&summary["server"], summary["window_start_ns"].as_u64().unwrap());
        let ttft = &server["ttft"];
        assert!(
            ttft["n"].as_u64().unwrap() > 20 && (ttft["mean_ms"].as_f64().unwrap() - 15.0).abs() < 1e-6,
            "{server}"
        );
        assert_eq!((&ttft["p50"]["above_ms"], &ttft["p50"]["up_to_ms"]), (&10.0.into(), &20.0.into()));
        assert!(server["from_ns"].as_u64().unwrap() <= window_ns, "{server} around {window_ns}");
        let end_ns = window_ns + (summary["window_s"].as_f64().unwrap() * 1e9) as u64;
        assert!(server["to_ns"].as_u64().unwrap() >= end_ns, "{server} around {end_ns}");
    }
    assert!(telemetry["troubles"].as_array().unwrap().is_empty());
    // What looking cost is told for each thread that looks.
    let observer = &telemetry["observer"];
    let readers = observer["readers"].as_array().unwrap();
    let names: Vec<&str> = readers.iter().map(|reader| reader["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["engine-metrics", "gpu", "gpu-slow", "host", "host-processes"]);
    for reader in readers {
        let of = |key: &str| reader[key].as_u64().unwrap();
        assert!(of("reads") > 0 && of("read_ns") >= of("longest_ns") && of("longest_ns") > 0, "{reader}");
        assert!((1..observer["wall_ns"].as_u64().unwrap()).contains(&of("cpu_ns")), "{reader} in {observer}");
    }

    let run = agent.submit(&plan).await;
    agent.wait(&run, LIMIT, |view| !track(view, GPU, "power").is_null()).await;
    let shown = agent.get("/metrics").await.1.as_str().unwrap().to_owned();
    let of_gpu = "gpu=\"GPU-bb22-0000\"} 200\n";
    const OF_RUN: &str = "tokenprism_gpu_power_watts{run=";
    assert!(shown.contains(OF_RUN) && shown.contains(of_gpu), "{shown}");
    fake.raise("lost");
    let gone = async || !agent.get("/metrics").await.1.as_str().unwrap().contains(OF_RUN);
    while !gone().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    let troubles = view["telemetry"]["troubles"].as_array().unwrap();
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    let of = |field: &str| &troubles[0][field];
    assert_eq!((of("source"), of("kind"), of("code")), (&GPU.into(), &"lost".into(), &15.into()));
    let (_, exported) = agent.get(&format!("/api/v1/runs/{run}/export?format=json")).await;
    assert_eq!(
        (&exported["troubles"], &exported["machine"]),
        (&view["telemetry"]["troubles"], &view["telemetry"]["began"])
    );
    assert!(view["caveats"].as_array().unwrap().contains(&"gpu_lost".into()), "{}", view["caveats"]);
    // Nothing is carried on: its values end, its failures are counted, and its energy is unknown.
    assert_eq!(track(&view, GPU, "power")["absent"][0], 15);
    let width_ns = 100_000_000u64 << view["telemetry"]["width_pow"].as_u64().unwrap();
    let last = bins(&view, GPU, "power").last().unwrap()[0];
    assert!(last * width_ns <= troubles[0]["at_ns"].as_u64().unwrap());
    assert_eq!(view["trials"][1]["summary"]["energy"], Value::Null);
    counting.abort();
}

/// The GPUs that are read for an engine that the agent starts, by what the agent inherits and what the plan says.
async fn check_chosen(inherited: Option<&str>, gpus: &str, expect: &[&str]) {
    let device = |uuid: &str, more: &str| {
        format!("[[device]]\nuuid = \"{uuid}\"\nname = \"NVIDIA H100\"\nsays = {{ power = 100000 }}\n{more}\n")
    };
    let whole = ["GPU-aa11", "GPU-bb22", "GPU-cc33", "GPU-dd44"].map(|uuid| device(uuid, "")).concat();
    let (fake, dir) = (FakeNvml::playing(&(whole + &device("MIG-5f1c", "slice_of = 3"))), tempfile::tempdir().unwrap());
    let mut command = with_vllm(dir.path(), "");
    command.env("TOKENPRISM_NVML", fake.driver());
    match inherited {
        Some(list) => command.env("CUDA_VISIBLE_DEVICES", list),
        None => command.env_remove("CUDA_VISIBLE_DEVICES"),
    };
    let agent = Agent::of(command, &dir.path().join("data"), "127.0.0.1:0");
    let engine = format!("kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"m\"\nserved_name = \"m\"\n{gpus}");
    let run = agent.submit(&plan_of(&engine)).await;
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{inherited:?} {gpus}: {}", view["reason"]);
    let read = view["telemetry"]["began"]["gpus"].as_array().unwrap();
    let read: Vec<&str> = read.iter().map(|gpu| gpu["uuid"].as_str().unwrap()).collect();
    assert_eq!(read, expect, "{inherited:?} {gpus}");
    // The exported run has the same, and the page's own words name as many.
    let (_, exported) = agent.get(&format!("/api/v1/runs/{run}/export?format=json")).await;
    assert_eq!(exported["machine"], view["telemetry"]["began"], "{inherited:?} {gpus}");
    let shown: RunView = serde_json::from_value(view.clone()).unwrap();
    assert_eq!(shown.telemetry.gpus().len(), expect.len(), "{inherited:?} {gpus}");
    assert_eq!(driver_says(&shown.telemetry).is_some(), expect.is_empty(), "{inherited:?} {gpus}");
    // Energy is the engine's only where it is known to use all of these, and a slice has none of its own.
    let is_known = (expect.len() == 1 || !gpus.is_empty()) && !expect.iter().any(|uuid| uuid.starts_with("MIG-"));
    assert_eq!(!view["trials"][0]["summary"]["energy"].is_null(), is_known, "{inherited:?} {gpus}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engines_gpus_are_read_however_they_are_spelled() {
    check_chosen(None, "gpus = [2]", &["GPU-cc33"]).await;
    check_chosen(Some("0"), "gpus = [\"GPU-bb\"]", &["GPU-bb22"]).await;
    check_chosen(None, "gpus = 2", &["GPU-aa11", "GPU-bb22"]).await;
    check_chosen(Some("2,0"), "", &["GPU-aa11", "GPU-cc33"]).await;
    check_chosen(Some("GPU-bb"), "", &["GPU-bb22"]).await;
    check_chosen(Some("MIG-5f1c"), "", &["MIG-5f1c"]).await;
    // The fourth one is in slices: CUDA shows the first of them, whoever names the whole.
    check_chosen(Some("3"), "", &["MIG-5f1c"]).await;
    check_chosen(None, "gpus = [3]", &["MIG-5f1c"]).await;
    check_chosen(None, "gpus = [\"GPU-dd\"]", &["MIG-5f1c"]).await;
    check_chosen(Some("1,-1,0"), "", &["GPU-bb22"]).await;
    check_chosen(Some("2,1"), "gpus = 1", &["GPU-cc33"]).await;
    check_chosen(Some("-1"), "", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_without_a_driver_says_so_and_everything_else_goes_on() {
    let (data, played) = (tempfile::tempdir().unwrap(), play(ABLE));
    let agent = Agent::driven_by(std::path::Path::new("libnvidia-ml-that-nobody-has.so.1"), data.path());
    let run = agent.submit(&attached(&played.url, "")).await;
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    assert_eq!(view["telemetry"]["began"]["no_gpus"], "This host has no NVIDIA driver.");
    assert!(!bins(&view, "host", "host_memory_used").is_empty());
    // It has no page of metrics.
    assert_eq!(track(&view, "engine", "running"), &Value::Null);
    let summary = &view["trials"][0]["summary"];
    assert_eq!((&summary["energy"], &summary["server"]), (&Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_that_hangs_keeps_neither_the_machine_nor_the_agent_from_answering_and_ending() {
    let script = format!("{SCRIPT}\n[[fault]]\nfield = \"handle\"\nslow_ms = 3600000\n");
    let (fake, data) = (FakeNvml::playing(&script), tempfile::tempdir().unwrap());
    let mut agent = Agent::driven_by(&fake.driver(), data.path());
    let host =
        async || agent.get("/metrics").await.1.as_str().unwrap().contains("tokenprism_host_host_memory_used_bytes ");
    while !host().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = nix::unistd::Pid::from_raw(agent.child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::SIGTERM).unwrap();
    assert!(agent.child.wait().unwrap().success());
}

const CONTAINER: &str = r#"
[[device]]
uuid = "GPU-aa11-0000"
name = "NVIDIA L4"
says = { memory_total = 25769803776, memory_used = 1073741824, power = 10000 }
[[device.process]]
pid = 4194303

[[fault]]
field = "memory_used"
file = "loaded"
value = 9663676416
"#;

/// The driver names a process that is nobody's here: the engine's memory is what came since before its start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_container_an_engines_memory_is_what_the_device_holds_above_what_it_held_before() {
    let (fake, dir) = (FakeNvml::playing(CONTAINER), tempfile::tempdir().unwrap());
    let mut command = with_vllm(dir.path(), "");
    command.env("TOKENPRISM_NVML", fake.driver()).env_remove("CUDA_VISIBLE_DEVICES");
    let agent = Agent::of(command, &dir.path().join("data"), "127.0.0.1:0");
    let engine = "kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"m\"\nserved_name = \"m\"\ngpus = 1\n";
    let plan = plan_of(engine).replace("requests = 12", "duration_s = 4.0");
    let run = agent.submit(&format!("{plan}\n[telemetry]\nrate_hz = 10.0\n")).await;
    let gpu = "gpu:GPU-aa11-0000";
    let held = |view: &Value| track(view, gpu, "engine_memory")["latest"].as_i64();
    agent.wait(&run, LIMIT, |view| held(view) == Some(0)).await;
    fake.raise("loaded");
    let view = agent.wait(&run, LIMIT, |view| held(view) == Some(8 << 30)).await;
    assert_eq!(track(&view, gpu, "engine_memory_by_difference")["latest"], 1);
    assert_eq!(track(&view, gpu, "others_memory")["absent"][0], 0);
    // Given back, or the end of the engine would wait for it.
    std::fs::remove_file(fake.folder().join("loaded")).unwrap();
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    let memory = &view["trials"][0]["summary"]["kv"]["memory"];
    assert_eq!((&memory["idle_bytes"], &memory["gpus"]), (&(1u64 << 30).into(), &1.into()), "{memory}");
}
