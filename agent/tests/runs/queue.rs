//! Owns the queue through the real program: what waits and why, side by side on several GPUs, arranged, kept over a kill,
//! kept from others' processes, taken once more.
//! Must not know the agent's insides: a played driver and a played engine stand in for real ones.

use crate::fake_nvml::FakeNvml;
use crate::support::{Agent, LONG_PLAN, PROGRAM, SHORT_PLAN, TOKEN, client, finished, plan_of, state, with_vllm};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);

const TWO_GPUS: &str = r#"
[[device]]
uuid = "GPU-aa11"
name = "NVIDIA L4"
says = { memory_total = 25769803776, memory_used = 1073741824, power = 10000 }

[[device]]
uuid = "GPU-bb22"
name = "NVIDIA L4"
says = { memory_total = 25769803776, memory_used = 1073741824, power = 10000 }
"#;

async fn put(agent: &Agent, path: &str, body: Value) -> (u16, String) {
    let request = client().put(format!("{}{path}", agent.url)).bearer_auth(TOKEN).json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn arrange(agent: &Agent, run: &str, change: Value) {
    let (status, said) = put(agent, &format!("/api/v1/queue/{run}"), change).await;
    assert_eq!(status, 204, "{said}");
}

/// The queue once it is so.
async fn queue(agent: &Agent, until: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let (status, now) = agent.get("/api/v1/queue").await;
        assert_eq!(status, 200, "{now}");
        if until(&now) {
            return now;
        }
        assert!(begun.elapsed() < LIMIT, "the queue did not come so far: {now}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

fn ids<'a>(now: &'a Value, list: &str) -> Vec<&'a str> {
    now[list].as_array().unwrap().iter().map(|row| row["run"].as_str().unwrap()).collect()
}

fn on_gpus(gpus: &str, seconds: f64) -> String {
    let engine = format!("kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"m\"\nserved_name = \"m\"\ngpus = {gpus}");
    plan_of(&engine).replace("requests = 12", &format!("duration_s = {seconds}"))
}

fn agent_with(fake: &FakeNvml, dir: &Path, wait_s: u32) -> Agent {
    let mut command = with_vllm(dir, "");
    command.env("TOKENPRISM_NVML", fake.driver()).env_remove("CUDA_VISIBLE_DEVICES");
    command.env("TOKENPRISM_WAIT_FOR_GPUS", wait_s.to_string());
    Agent::of(command, &dir.join("data"), "127.0.0.1:0")
}

fn caveats(view: &Value) -> Vec<&str> {
    view["caveats"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_on_other_gpus_go_side_by_side_and_say_so_and_no_gpu_has_two() {
    let (fake, dir) = (FakeNvml::playing(TWO_GPUS), tempfile::tempdir().unwrap());
    let agent = agent_with(&fake, dir.path(), 600);
    let first = agent.submit(&on_gpus("[0]", 3.0)).await;
    let second = agent.submit(&on_gpus("[1]", 2.0)).await;
    let third = agent.submit(&on_gpus("[\"GPU-bb\"]", 0.5)).await;
    let alone = agent.submit(SHORT_PLAN).await;
    let now = queue(&agent, |now| ids(now, "running").len() == 2 && now["waiting"][0]["needs"] == "GPU-bb22").await;
    assert_eq!(ids(&now, "running"), [&first, &second]);
    assert_eq!(ids(&now, "waiting"), [&third, &alone]);
    let reason = |place: usize| now["waiting"][place]["reason"].as_str().unwrap();
    assert_eq!(reason(0), format!("It needs GPU-bb22, which the run {second} has."));
    assert_eq!(reason(1), format!("It is measured alone, and the run {first} is under way."));
    // Their engines' starts are unknown, so nobody can say when anything begins.
    assert_eq!((&now["waiting"][0]["starts_in_s"], &now["running"][0]["left_s"]), (&Value::Null, &Value::Null));
    for run in [&first, &second, &third, &alone] {
        let view = agent.wait(run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
        assert_eq!(state(&view), "done", "{}", view["reason"]);
        assert_eq!(caveats(&view).contains(&"beside_another_run"), *run != alone, "{run}: {:?}", caveats(&view));
        assert!(!caveats(&view).contains(&"device_memory_held") && !caveats(&view).contains(&"gpu_shared"));
    }
    // No two were measured at once on one GPU, nor anything beside the one that is alone.
    let mut spans = Vec::new();
    for run in [&first, &second, &third, &alone] {
        let (_, view) = agent.get(&format!("/api/v1/runs/{run}")).await;
        let anchor = view["header"]["anchor_unix_ms"].as_f64().unwrap();
        let at = |ns: &Value| anchor + ns.as_f64().unwrap() / 1e6;
        spans.push((at(&view["begun_ns"]), at(&view["last_ns"])));
    }
    assert!(spans[0].0 < spans[1].1 && spans[1].0 < spans[0].1, "{spans:?}");
    assert!(spans[2].0 >= spans[1].1 - 5.0, "{spans:?}");
    assert!(spans[..3].iter().all(|(_, end)| spans[3].0 >= end - 5.0), "{spans:?}");
    // What a run of the plan took is what the next is expected to take.
    put(&agent, "/api/v1/queue", json!({ "paused": true })).await;
    agent.submit(SHORT_PLAN).await;
    let now = queue(&agent, |now| ids(now, "waiting").len() == 1).await;
    assert!(now["waiting"][0]["takes_s"].as_f64() > Some(0.0), "{now}");
    assert_eq!(now["waiting"][0]["takes_by"], "As long as the last run of this plan took.");
}

#[tokio::test]
async fn what_waits_is_arranged_and_waits_on_after_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path());
    let under_way = agent.submit(LONG_PLAN).await;
    agent.wait(&under_way, LIMIT, |view| state(view) == "running").await;
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(agent.submit(SHORT_PLAN).await);
    }
    let [a, b, c, d] = [0, 1, 2, 3].map(|n: usize| waiting[n].clone());
    let now = queue(&agent, |_| true).await;
    assert_eq!(ids(&now, "waiting"), [&a, &b, &c, &d]);
    arrange(&agent, &c, json!({ "priority": 5 })).await;
    arrange(&agent, &d, json!({ "before": b })).await;
    arrange(&agent, &a, json!({ "held": true })).await;
    assert_eq!(put(&agent, "/api/v1/queue", json!({ "paused": true })).await.0, 204);
    let check = |now: &Value| {
        assert_eq!(ids(now, "waiting"), [&c, &a, &d, &b]);
        assert_eq!((&now["waiting"][0]["priority"], &now["waiting"][1]["held"]["id"]), (&5.into(), &"admin".into()));
        assert_eq!(now["paused"]["id"], "admin");
        assert_eq!(
            now["waiting"][1]["reason"],
            "Held back by the token printed at start: it starts once it is released."
        );
        assert_eq!(now["waiting"][3]["reason"], "The queue was paused by the token printed at start.");
    };
    check(&queue(&agent, |_| true).await);
    for (path, body, expect, words) in [
        (format!("/api/v1/queue/{under_way}"), json!({ "held": true }), 409, "does not wait"),
        (format!("/api/v1/queue/{a}"), json!({ "before": under_way }), 409, "does not wait"),
        (format!("/api/v1/queue/{a}"), json!({ "priority": 101 }), 409, "from -100 to 100"),
        (format!("/api/v1/queue/{a}"), json!({ "colour": "red" }), 422, "could not be read"),
        ("/api/v1/queue".to_owned(), json!({ "paused": "yes" }), 422, "could not be read"),
    ] {
        let (status, said) = put(&agent, &path, body).await;
        assert!(status == expect && said.contains(words), "{path}: {status} {said}");
    }
    agent.kill();

    let agent = Agent::start(dir.path());
    check(&queue(&agent, |_| true).await);
    let (_, view) = agent.get(&format!("/api/v1/runs/{under_way}")).await;
    assert_eq!(state(&view), "interrupted");
    arrange(&agent, &a, json!({ "held": false })).await;
    assert_eq!(put(&agent, "/api/v1/queue", json!({ "paused": false })).await.0, 204);
    let mut begun = Vec::new();
    for run in [&c, &a, &d, &b] {
        let view = agent.wait(run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
        assert_eq!(state(&view), "done", "{}", view["reason"]);
        // It waited over the restart; nothing of it was measured before, so there is nothing to say of that.
        assert!(!caveats(&view).contains(&"resumed"), "{:?}", caveats(&view));
        let anchor = view["header"]["anchor_unix_ms"].as_u64().unwrap();
        begun.push(anchor + view["begun_ns"].as_u64().unwrap() / 1_000_000);
    }
    assert!(begun.is_sorted(), "{begun:?}");
}

#[tokio::test]
async fn what_waits_when_the_agent_ends_waits_for_the_next_one_and_not_for_a_command() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    put(&agent, "/api/v1/queue", json!({ "paused": true })).await;
    let run = agent.submit(SHORT_PLAN).await;
    // Ends by SIGTERM.
    drop(agent);
    let plan = dir.path().join("plan.toml");
    std::fs::write(&plan, SHORT_PLAN).unwrap();
    let output = command(dir.path(), &["run", plan.to_str().unwrap()]);
    assert!(matches!(output.status.code(), Some(0 | 3 | 4)), "{}", told(&output));
    let agent = Agent::start(dir.path());
    let (_, view) = agent.get(&format!("/api/v1/runs/{run}")).await;
    assert_eq!(state(&view), "queued");
    put(&agent, "/api/v1/queue", json!({ "paused": false })).await;
    agent.wait(&run, LIMIT, |view| state(view) == "done").await;
}

/// Somebody else's process on the GPU, as the played driver tells.
fn with_process(pid: u32) -> FakeNvml {
    let process = format!("[[device.process]]\npid = {pid}\nmemory = 1073741824\n");
    let gone = "\n[[fault]]\nfield = \"processes\"\nfile = \"gone\"\nfails = \"not_supported\"\n";
    FakeNvml::playing(&format!("{TWO_GPUS}{process}{gone}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_process_on_the_gpu_is_waited_for_or_told_of() {
    let mut stranger = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
    let (fake, dir) = (with_process(stranger.id()), tempfile::tempdir().unwrap());
    let agent = agent_with(&fake, dir.path(), 600);
    // The process is on the second GPU.
    let run = agent.submit(&on_gpus("[1]", 0.5)).await;
    let free = agent.submit(&on_gpus("[0]", 0.5)).await;
    let now =
        queue(&agent, |now| now["waiting"][0]["reason"].as_str().is_some_and(|why| why.contains("process"))).await;
    let expect = format!(
        "The process {} (sleep) is on GPU-bb22. It starts when that has ended, or in 10 min beside it, and then says so.",
        stranger.id()
    );
    assert_eq!(now["waiting"][0]["reason"], expect);
    let view = agent.wait(&free, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    fake.raise("gone");
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    assert!(!caveats(&view).contains(&"gpu_shared"), "{:?}", caveats(&view));
    fake.lower("gone");
    drop(agent);

    let agent = agent_with(&fake, dir.path(), 0);
    let run = agent.submit(&on_gpus("[1]", 0.5)).await;
    let view = agent.wait(&run, LIMIT, |view| state(view) == "running").await;
    assert_eq!(view["reason"], format!("The process {} (sleep) is on GPU-bb22.", stranger.id()));
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert!(state(&view) == "done" && caveats(&view).contains(&"gpu_shared"), "{}", view["reason"]);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

fn command(data: &Path, args: &[&str]) -> Output {
    finished(Command::new(PROGRAM).args(args).arg("--data").arg(data))
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_arranges_cancels_and_takes_once_more() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = command(dir.path(), &["queue", "list"]);
    assert!(nobody.status.code() == Some(1) && told(&nobody).contains("no agent serves from"), "{}", told(&nobody));
    let agent = Agent::start(dir.path());
    let does = |args: &[&str]| {
        let output = command(dir.path(), args);
        assert!(output.status.success(), "{args:?}: {}", told(&output));
        told(&output)
    };
    assert_eq!(does(&["queue", "list"]), "Nothing waits.\n");
    does(&["queue", "pause"]);
    let (first, second) = (agent.submit(SHORT_PLAN).await, agent.submit(SHORT_PLAN).await);
    does(&["queue", "priority", &second, "-7"]);
    does(&["queue", "hold", &first]);
    let list = does(&["queue", "list"]);
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[0].starts_with("The queue was paused by"), "{list}");
    assert!(lines[2].contains(&first) && lines[2].contains("Held back by"), "{list}");
    assert!(lines[3].contains(&second) && lines[3].contains("-7") && lines[3].contains("unknown"), "{list}");
    does(&["queue", "before", &second, &first]);
    does(&["queue", "cancel", &second]);
    agent.wait(&second, LIMIT, |view| state(view) == "cancelled").await;
    let again = does(&["queue", "retry", &second]).trim().to_owned();
    let refused = command(dir.path(), &["queue", "retry", &again]);
    assert!(told(&refused).contains("has not ended"), "{}", told(&refused));
    does(&["queue", "resume"]);
    agent.wait(&again, LIMIT, |view| state(view) == "done").await;
    let (_, held) = agent.get(&format!("/api/v1/runs/{first}")).await;
    assert_eq!(state(&held), "queued");
    does(&["queue", "release", &first]);
    agent.wait(&first, LIMIT, |view| state(view) == "done").await;
    let (_, rows) = agent.get("/api/v1/audit").await;
    let done: Vec<(&str, &str)> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| Some((row["action"].as_str()?, row["object"].as_str().unwrap_or_default())))
        .collect();
    assert!(done.contains(&("queue", "paused")) && done.contains(&("queue", "goes on")), "{done:?}");
    assert!(done.contains(&("run in the queue", &format!("{first} (released)"))), "{done:?}");
    assert!(done.contains(&("run taken once more", &format!("{again} (of {second})"))), "{done:?}");
}
