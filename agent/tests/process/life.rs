//! Owns the proof, with real processes, that nothing of an engine outlives it, whoever is killed.
//! Must not know vendors or docker: engines here are shell scripts and the built-in one.

use crate::engine_life::{
    DEAF, Holder, PAIR, Stranger, entries, gone, host, kill_9, open, parent_of, pids, shell, start, terms,
};
use crate::support::{PROGRAM, alive};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shared::engine::Phase;
use std::sync::Mutex;
use std::time::Duration;
use tokenprism::process::{
    Child, DeviceMemory, DeviceUse, Ending, Failure, Launch, MemoryBack, MemoryTerms, ProbeOutcome, Reaped, State,
    Terms, port,
};
use tokenprism::secret::Secret;
use tokenprism::telemetry::Reading;

#[tokio::test]
async fn lines_of_both_outputs_arrive_in_order_of_each_and_end_with_the_engine() {
    let (_dir, host) = host();
    let (mut child, mut lines) = start(&host, "echo one; echo two; printf '\\033[31mred\\033[0m\\n' >&2; exit 3");
    let mut got = Vec::new();
    while let Some(line) = lines.recv().await {
        got.push(line.text);
    }
    got.sort_by_key(|line| line == "red");
    assert_eq!(got, ["one", "two", "red"]);
    let death = child.ready().await.unwrap_err();
    assert_eq!(death.failure, Failure::Exited(Ending::Code(3)));
    assert_eq!(death.lines.len(), 3);
    assert_eq!(child.stop(Duration::ZERO).await.dropped_lines, 0);
}

#[tokio::test]
async fn lines_that_nobody_reads_stop_nothing_and_are_counted() {
    let (_dir, host) = host();
    let (mut child, mut lines) = start(&host, "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; exit 0");
    // Its own end is reached though nobody has read a line.
    let death = child.ready().await.unwrap_err();
    assert_eq!(death.failure, Failure::Exited(Ending::Code(0)));
    assert_eq!(death.lines.last().unwrap().text, "line 4999");
    let reading = tokio::spawn(async move {
        let (mut read, mut told) = (0, 0);
        while let Some(line) = lines.recv().await {
            read += 1;
            told += line.dropped_before;
        }
        (read, told)
    });
    let ended = child.stop(Duration::ZERO).await;
    let (read, told) = reading.await.unwrap();
    assert!(ended.dropped_lines > 1000, "{}", ended.dropped_lines);
    assert_eq!((told, read + told), (ended.dropped_lines, 5000));
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_named() {
    let (dir, host) = host();
    let launch = Launch { program: "/nonexistent/engine".into(), ..shell("") };
    let (mut child, _lines) = Child::start(&host, launch, terms(), |_| None, || async { ProbeOutcome::Token });
    let said = child.ready().await.unwrap_err().failure.to_string();
    assert!(said.starts_with("/nonexistent/engine could not be started: No such file"), "{said}");
    child.stop(Duration::ZERO).await;
    assert_eq!(entries(dir.path()), 0);
}

#[tokio::test]
async fn the_environment_has_what_the_launch_adds_and_none_of_our_own_secrets() {
    let (_dir, host) = host();
    let env = vec![("ADDED".to_owned(), "plain".to_owned())];
    let secrets = vec![("HF_TOKEN".to_owned(), Secret::new("hf_secret"))];
    assert!(!format!("{secrets:?}").contains("hf_secret"));
    let script = "echo \"token $HF_TOKEN, ${#HF_TOKEN} $ADDED\"; cat; echo \"pids $$\"; sleep 1000";
    let launch = Launch { env, secrets, ..shell(script) };
    let never = || async { ProbeOutcome::NotYet("never".into()) };
    let (child, mut lines) = Child::start(&host, launch, terms(), |_| None, never);
    // It has the secret, and its lines have not.
    assert_eq!(lines.recv().await.unwrap().text, "token [secret], 9 plain");
    // Its standard input is empty, and nobody's.
    let engine = pids(&mut lines).await[0];
    for pid in [engine, parent_of(engine)] {
        let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(!arguments.contains("hf_secret"), "{arguments}");
    }
    let environment = std::fs::read_to_string(format!("/proc/{engine}/environ")).unwrap();
    assert!(!environment.contains("TOKENPRISM_TOKEN") && !environment.contains("TOKENPRISM_API_KEY"));
    child.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn an_engine_leaves_the_load_generators_core_alone() {
    let (_dir, host) = host();
    let (child, mut lines) = start(&host, "env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc; exec sleep 1000");
    let all = nix::sched::sched_getaffinity(Pid::from_raw(0)).unwrap();
    let all = (0..nix::sched::CpuSet::count()).filter(|core| all.is_set(*core).unwrap()).count();
    let cores: usize = lines.recv().await.unwrap().text.parse().unwrap();
    assert_eq!(cores, if all < 4 { all } else { all - 1 });
    child.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn an_engine_in_a_session_of_its_own_is_stopped_politely() {
    let (dir, host) = host();
    let script =
        "trap 'echo terminated; kill $!; exit 0' TERM; sleep 1000 & echo \"pids $$ $!\"; while :; do wait; done";
    let (child, mut lines) = start(&host, script);
    let pids = pids(&mut lines).await;
    assert_eq!(entries(dir.path()), 1);
    let session = |pid: i32| nix::unistd::getsid(Some(Pid::from_raw(pid))).unwrap().as_raw();
    assert_eq!((session(pids[0]), session(pids[1])), (pids[0], pids[0]));
    let supervisor = parent_of(pids[0]);
    let ended = child.stop(Duration::from_secs(20)).await;
    assert!(ended.death.is_none());
    assert_eq!(lines.recv().await.unwrap().text, "terminated");
    assert_eq!((entries(dir.path()), alive(supervisor)), (0, false));
    gone(&pids);
}

#[tokio::test]
async fn a_child_that_ignores_sigterm_dies_with_its_own_children() {
    let (_dir, host) = host();
    let (child, mut lines) = start(&host, DEAF);
    let pids = pids(&mut lines).await;
    let ended = child.stop(Duration::from_millis(200)).await;
    assert!(ended.death.is_none());
    gone(&pids);
}

#[tokio::test]
async fn grandchildren_die_in_this_session_and_in_another() {
    let (_dir, host) = host();
    let script = r#"echo "leader $$"
        sh -c '(trap "" TERM; exec sleep 1000) & echo "orphan $!"'
        sh -c 'setsid sh -c "trap \"\" TERM; echo daemon \$\$; exec sleep 1000" &'
        exec sleep 1000"#;
    let (child, mut lines) = start(&host, script);
    let mut said = std::collections::BTreeMap::new();
    while said.len() < 3 {
        let line = lines.recv().await.unwrap().text;
        let (who, pid) = line.split_once(' ').unwrap();
        said.insert(who.to_owned(), pid.parse::<i32>().unwrap());
    }
    let (leader, orphan, daemon) = (said["leader"], said["orphan"], said["daemon"]);
    let supervisor = parent_of(leader);
    // Whoever lost its parent has the supervisor for one, as soon as the parent is gone.
    for _ in 0..1000 {
        if parent_of(orphan) == supervisor && parent_of(daemon) == supervisor {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((parent_of(orphan), parent_of(daemon)), (supervisor, supervisor));
    let session = |pid: i32| nix::unistd::getsid(Some(Pid::from_raw(pid))).unwrap().as_raw();
    assert_eq!((session(leader), session(orphan), session(daemon)), (leader, leader, daemon));
    child.stop(Duration::from_millis(100)).await;
    gone(&[leader, orphan, daemon]);
}

#[tokio::test]
async fn dropping_the_handle_kills() {
    let (dir, host) = host();
    let (child, mut lines) = start(&host, DEAF);
    let pids = pids(&mut lines).await;
    drop(child);
    // The lines end when the engine has, and the ledger has been kept.
    while lines.recv().await.is_some() {}
    gone(&pids);
    assert_eq!(entries(dir.path()), 0);
}

#[tokio::test]
async fn kill_9_of_the_first_process_takes_its_workers_along() {
    let (dir, host) = host();
    let stranger = Stranger::start();
    let (mut child, mut lines) = start(&host, PAIR);
    let pids = pids(&mut lines).await;
    kill_9(pids[0]);
    let death = child.ready().await.unwrap_err();
    assert_eq!(death.failure, Failure::Exited(Ending::Signal(9)));
    gone(&pids);
    assert_eq!(child.condition().borrow().state, State::Failed);
    let ended = child.stop(Duration::ZERO).await;
    assert!(ended.death.is_some());
    assert_eq!(entries(dir.path()), 0);
    assert!(stranger.is_untouched());
}

#[tokio::test]
async fn an_engine_that_ends_with_0_after_its_worker_was_killed_has_failed() {
    let (_dir, host) = host();
    let (mut child, mut lines) = start(&host, "sleep 1000 & echo \"pids $$ $!\"; wait $!; echo 'worker died'; exit 0");
    let pids = pids(&mut lines).await;
    kill_9(pids[1]);
    let death = child.ready().await.unwrap_err();
    assert_eq!(death.failure, Failure::Exited(Ending::Code(0)));
    assert_eq!(death.lines.last().unwrap().text, "worker died");
    gone(&pids);
}

#[tokio::test]
async fn kill_9_of_the_supervisor_leaves_nothing() {
    let (dir, host) = host();
    let stranger = Stranger::start();
    let (mut child, mut lines) = start(&host, DEAF);
    let pids = pids(&mut lines).await;
    kill_9(parent_of(pids[0]));
    let death = child.ready().await.unwrap_err();
    assert_eq!(death.failure, Failure::SupervisorLost);
    child.stop(Duration::ZERO).await;
    gone(&pids);
    assert_eq!(entries(dir.path()), 0);
    assert!(stranger.is_untouched());
}

#[tokio::test]
async fn a_supervisor_that_is_stopped_holds_nothing_up() {
    let (dir, host) = host();
    let terms = Terms { grace: Duration::from_secs(2), ..terms() };
    let never = || async { ProbeOutcome::NotYet("never".into()) };
    let (child, mut lines) = Child::start(&host, shell(PAIR), terms, |_| None, never);
    let pids = pids(&mut lines).await;
    let supervisor = parent_of(pids[0]);
    kill(Pid::from_raw(supervisor), Signal::SIGSTOP).unwrap();
    child.stop(Duration::ZERO).await;
    gone(&pids);
    gone(&[supervisor]);
    assert_eq!(entries(dir.path()), 0);
}

/// Not a test: the agent-like process that tests here and of containers start and kill.
#[tokio::test]
#[ignore = "runs only as the child process of other tests"]
async fn holder() {
    crate::engine_life::hold().await;
}

#[test]
fn kill_9_of_the_agent_leaves_nothing_even_if_it_never_returns() {
    for script in [PAIR, DEAF] {
        let dir = tempfile::tempdir().unwrap();
        let stranger = Stranger::start();
        let mut holder = Holder::start(dir.path(), &[("HOLDER_SCRIPT", script)]);
        let supervisor = holder.supervisor();
        let environment = std::fs::read_to_string(format!("/proc/{}/environ", holder.pids[0])).unwrap();
        assert!(!environment.contains("TOKENPRISM_TOKEN"), "{environment}");
        holder.kill();
        gone(&holder.pids);
        gone(&[supervisor]);
        assert!(stranger.is_untouched());
        // An agent that does return finds nothing to end.
        assert_eq!(open(dir.path()).1, []);
        assert_eq!(entries(dir.path()), 0);
    }
}

#[test]
fn what_outlives_agent_and_supervisor_is_ended_by_the_next_agent_and_nobody_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let stranger = Stranger::start();
    let mut holder = Holder::start(dir.path(), &[("HOLDER_SCRIPT", DEAF)]);
    holder.kill_with_its_supervisor();
    gone(&[holder.pids[0]]);
    assert!(alive(holder.pids[1]), "nobody was there to end it");
    let (_, reaped) = open(dir.path());
    assert!(
        matches!(&reaped[..], [Reaped(said)] if said.starts_with("An engine that an earlier agent left was ended: /bin/sh")),
        "{reaped:?}"
    );
    gone(&holder.pids);
    assert_eq!(entries(dir.path()), 0);
    assert!(stranger.is_untouched());
}

#[test]
fn an_agent_that_returns_ends_what_the_supervisor_still_waits_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut holder = Holder::start(dir.path(), &[("HOLDER_SCRIPT", DEAF)]);
    let supervisor = holder.supervisor();
    holder.kill();
    open(dir.path());
    gone(&holder.pids);
    gone(&[supervisor]);
    assert_eq!(entries(dir.path()), 0);
}

#[tokio::test]
async fn ready_is_a_token_on_a_port_of_the_engines_own() {
    let (dir, host) = host();
    let port = port::free().unwrap();
    let script = format!("echo loading; exec '{PROGRAM}' builtin-engine --port {port}");
    let ask = move || async move {
        match crate::support::client().get(format!("http://127.0.0.1:{port}/health")).send().await {
            Ok(answer) if answer.status().is_success() => ProbeOutcome::Token,
            Ok(answer) => ProbeOutcome::NotYet(answer.status().to_string()),
            Err(error) => ProbeOutcome::NotYet(error.to_string()),
        }
    };
    let recognise = |line: &str| line.contains("loading").then_some(tokenprism::process::Mark::of(Phase::Weights));
    let launch = Launch { port, ..shell(&script) };
    let (mut child, _lines) =
        Child::start(&host, launch, Terms { drain: Duration::from_secs(20), ..terms() }, recognise, ask);
    let timings = child.ready().await.unwrap();
    assert_eq!(timings.iter().map(|(phase, _)| *phase).collect::<Vec<_>>(), [Phase::Process, Phase::Weights]);
    assert_eq!(child.condition().borrow().state, State::Ready);
    port::refuse_taken(port).unwrap_err();
    let ended = child.stop(Duration::from_secs(20)).await;
    assert!(ended.death.is_none());
    assert_eq!(ended.memory, MemoryBack::NotWatched);
    port::refuse_taken(port).unwrap();
    assert_eq!(entries(dir.path()), 0);
}

#[tokio::test]
async fn a_token_from_a_stranger_on_the_port_is_refused_with_who_it_is() {
    let (_dir, host) = host();
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let launch = Launch { port: stranger.local_addr().unwrap().port(), ..shell(PAIR) };
    let (mut child, mut lines) = Child::start(&host, launch, terms(), |_| None, || async { ProbeOutcome::Token });
    let pids = pids(&mut lines).await;
    let death = child.ready().await.unwrap_err();
    let said = death.failure.to_string();
    assert!(said.contains(&format!("is held by process {}", std::process::id())), "{said}");
    child.stop(Duration::ZERO).await;
    gone(&pids);
}

#[tokio::test]
async fn an_engine_that_never_serves_is_ended_at_its_limit() {
    let (_dir, host) = host();
    let terms = Terms { start_limit: Duration::from_millis(200), ..terms() };
    let never = || async { ProbeOutcome::NotYet("connection refused".into()) };
    let (mut child, mut lines) = Child::start(&host, shell(PAIR), terms, |_| None, never);
    let pids = pids(&mut lines).await;
    let said = child.ready().await.unwrap_err().failure.to_string();
    assert!(said.ends_with("connection refused"), "{said}");
    child.stop(Duration::ZERO).await;
    gone(&pids);
}

/// Devices that answer from a script; the last answer stays.
struct Scripted(Mutex<Vec<u64>>);

impl DeviceMemory for Scripted {
    fn read(&self) -> Reading<Vec<DeviceUse>> {
        let mut script = self.0.lock().unwrap();
        let used_bytes = if script.len() > 1 { script.remove(0) } else { script[0] };
        Reading::Value(vec![DeviceUse { id: "a".into(), label: "GPU 0".into(), used_bytes, holders: vec![] }])
    }
}

#[tokio::test]
async fn device_memory_is_waited_for_and_told_where_it_does_not_come_back() {
    let memory =
        Some(MemoryTerms { tolerance_bytes: 0, limit: Duration::from_millis(300), every: Duration::from_millis(10) });
    for (script, expect) in [(vec![5, 9 << 30, 9 << 30, 5], true), (vec![5, 9 << 30], false)] {
        let (_dir, host) = host();
        let host = host.with_memory(std::sync::Arc::new(Scripted(Mutex::new(script))));
        let never = || async { ProbeOutcome::NotYet("never".into()) };
        let (child, mut lines) = Child::start(&host, shell(PAIR), Terms { memory, ..terms() }, |_| None, never);
        let pids = pids(&mut lines).await;
        let ended = child.stop(Duration::ZERO).await;
        gone(&pids);
        match ended.memory {
            MemoryBack::Back(_) if expect => {}
            MemoryBack::Held(said) if !expect => assert!(said.starts_with("GPU 0 still holds 9.0 GiB more"), "{said}"),
            other => panic!("{other:?}"),
        }
    }
}
