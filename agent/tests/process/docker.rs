//! Owns the proof that a container is started, stopped and never left, against a docker that records what it is told.
//! Must not know what would run in a container.

use crate::engine_life::{Holder, PAIR, entries, gone, host, kill_9, pids, terms};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokenprism::process::{Child, Ending, Failure, Host, Launch, ProbeOutcome, port};

/// A `docker` that records what it is told; a container is a file in its folder.
struct FakeDocker(tempfile::TempDir);

impl FakeDocker {
    fn install(port: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let script = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" >> calls
value_of() { wanted=$1; shift; while [ $# -gt 0 ]; do [ "$1" = "$wanted" ] && { echo "$2"; return; }; shift; done; }
case "$1" in
run)
    name=$(value_of --name "$@")
    value_of --label "$@" > "container-$name"
    trap '' TERM
    echo "pids $$"
    while [ -e "container-$name" ]; do sleep 0.02; done
    exit 143 ;;
stop) [ -e deaf ] || rm -f "container-$4" ;;
rm) for id in "$@"; do rm -f "container-${id#id-}"; done ;;
ps)
    for container in container-*; do
        [ -e "$container" ] || continue
        name=${container#container-}
        case "$*" in *"label=$(cat "$container")"*"name=^/$name\$"*) echo "id-$name" ;; esac
    done ;;
port) echo "8000/tcp -> 127.0.0.1:PORT" ;;
esac
"#;
        let path = dir.path().join("docker");
        std::fs::write(&path, script.replace("PORT", &port.to_string())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("docker")
    }

    /// What it was told, a line each, with the container's random name as NAME and its owner's as OWNER.
    fn calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.0.path().join("calls")).unwrap();
        let name = calls.split_whitespace().find(|word| word.starts_with("tokenprism-")).unwrap().to_owned();
        let owner = calls.split("tokenprism.agent=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        calls.replace(&name, "NAME").replace(&owner, "OWNER").lines().map(str::to_owned).collect()
    }

    fn containers(&self) -> Vec<String> {
        containers_in(self.0.path())
    }

    fn wait_for_no_container_but(&self, expect: &[&str]) {
        for _ in 0..1000 {
            if self.containers() == expect {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{:?} are there", self.containers());
    }

    fn launch(&self, host: &Host, port: u16) -> Launch {
        let container = host.container(self.path());
        let args = container.run_args(["image:1", "--model", "a model"].map(Into::into));
        Launch { program: self.path(), args, env: vec![], secrets: vec![], port, container: Some(container) }
    }
}

const RUN: &str = "run --rm --name NAME --label tokenprism.agent=OWNER image:1 --model a model";
const FIND: &str = "ps --all --quiet --no-trunc --filter label=tokenprism.agent=OWNER --filter name=^/NAME$";

#[tokio::test]
async fn a_container_is_started_stopped_and_looked_after_by_argument_vectors() {
    let (dir, host) = host();
    let port = port::free().unwrap();
    let docker = FakeDocker::install(port);
    let folder = docker.0.path().to_owned();
    let ask = move || {
        let runs = containers_in(&folder).len() == 1;
        async move { if runs { ProbeOutcome::Token } else { ProbeOutcome::NotYet("no container".into()) } }
    };
    let (mut child, mut lines) = Child::start(&host, docker.launch(&host, port), terms(), |_| None, ask);
    let pids = pids(&mut lines).await;
    child.ready().await.unwrap();
    let ended = child.stop(Duration::from_secs(20)).await;
    assert!(ended.death.is_none());
    gone(&pids);
    assert_eq!(docker.calls(), [RUN, "port NAME", "stop -t 20 NAME", FIND]);
    assert_eq!((docker.containers().len(), entries(dir.path())), (0, 0));
}

#[tokio::test]
async fn a_container_that_docker_forwards_no_port_to_is_not_ready() {
    let (_dir, host) = host();
    let docker = FakeDocker::install(1);
    let launch = docker.launch(&host, port::free().unwrap());
    let (mut child, _lines) = Child::start(&host, launch, terms(), |_| None, || async { ProbeOutcome::Token });
    let said = child.ready().await.unwrap_err().failure.to_string();
    assert!(said.contains("docker forwards no such port"), "{said}");
    child.stop(Duration::ZERO).await;
    docker.wait_for_no_container_but(&[]);
}

#[tokio::test]
async fn a_container_that_does_not_stop_is_removed_and_so_is_one_whose_command_was_killed() {
    for killed in [false, true] {
        let (_dir, host) = host();
        let port = port::free().unwrap();
        let docker = FakeDocker::install(port);
        std::fs::write(docker.0.path().join("deaf"), "").unwrap();
        let never = || async { ProbeOutcome::NotYet("never".into()) };
        let (mut child, mut lines) = Child::start(&host, docker.launch(&host, port), terms(), |_| None, never);
        let pids = pids(&mut lines).await;
        if killed {
            kill_9(pids[0]);
            assert_eq!(child.ready().await.unwrap_err().failure, Failure::Exited(Ending::Signal(9)));
        }
        child.stop(Duration::from_millis(100)).await;
        gone(&pids);
        let calls = docker.calls();
        assert!(calls.contains(&"rm --force NAME".to_owned()) && calls.last().unwrap() == FIND, "{calls:?}");
        docker.wait_for_no_container_but(&[]);
    }
}

fn containers_in(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    names.filter_map(|name| name.to_str()?.strip_prefix("container-").map(str::to_owned)).collect()
}

/// A holder whose engine is a container of the fake docker on its PATH.
fn docker_holder(data_dir: &Path, docker: &FakeDocker) -> Holder {
    let path = format!("{}:{}", docker.0.path().display(), std::env::var("PATH").unwrap());
    Holder::start(data_dir, &[("PATH", &path), ("HOLDER_DOCKER_ARGS", "image:1"), ("HOLDER_PORT", "1")])
}

#[test]
fn kill_9_of_the_agent_leaves_no_container() {
    let dir = tempfile::tempdir().unwrap();
    let docker = FakeDocker::install(1);
    let mut holder = docker_holder(dir.path(), &docker);
    assert_eq!(docker.containers().len(), 1);
    let supervisor = holder.supervisor();
    holder.kill();
    docker.wait_for_no_container_but(&[]);
    gone(&holder.pids);
    gone(&[supervisor]);
}

#[test]
fn a_container_that_outlives_agent_and_supervisor_is_removed_by_the_next_agent_and_no_other_is() {
    let dir = tempfile::tempdir().unwrap();
    let docker = FakeDocker::install(1);
    let mut holder = docker_holder(dir.path(), &docker);
    holder.kill_with_its_supervisor();
    gone(&holder.pids);
    // Another agent's, with a name that begins as ours do.
    std::fs::write(docker.0.path().join("container-tokenprism-other"), "tokenprism.agent=another\n").unwrap();
    assert_eq!(docker.containers().len(), 2, "{:?}", docker.calls());
    // The agent that returns has the same docker on its path.
    let path = format!("{}:{}", docker.0.path().display(), std::env::var("PATH").unwrap());
    let mut again = Holder::start(dir.path(), &[("PATH", &path), ("HOLDER_SCRIPT", PAIR)]);
    docker.wait_for_no_container_but(&["tokenprism-other"]);
    again.kill();
    gone(&again.pids);
}
