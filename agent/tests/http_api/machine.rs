//! Owns the tests of the machine over the socket and `/metrics`: read while somebody looks, the same for everybody.
//! Must not know how it is read: a played driver stands in for a real one.

use crate::client::{Client, LIMIT};
use crate::fake_nvml::FakeNvml;
use crate::support::{ADMIN, Server, answer};
use shared::event::Event;
use shared::ids::RunId;
use shared::people::Shared;
use shared::telemetry::{Field, TroubleKind};
use shared::view::{MachineView, Telemetry};
use shared::wire::{ClientMessage, MachineTold, ServerMessage};
use std::sync::Arc;
use std::time::Duration;
use tokenprism::orchestrate::Manner;
use tokenprism::telemetry::{Nvml, Reading};
use tokio::time::{sleep, timeout};

const FIRST: &str = "gpu:GPU-aa11";
const SECOND: &str = "gpu:GPU-bb22";
/// What `/metrics` says of the first one.
const SHOWN: &str = "tokenprism_gpu_power_watts{gpu=\"GPU-aa11\"} ";

const TWO: &str = r#"
[[device]]
uuid = "GPU-aa11"
name = "NVIDIA L4"
says = { memory_total = 25769803776, memory_used = 1073741824, power = 60000, throttle_reasons = 4 }
[[device.process]]
pid = 4000000
memory = 1073741824

[[device]]
uuid = "GPU-bb22"
name = "NVIDIA H100 80GB HBM3"
says = { power = 300000 }

[[fault]]
device = 1
file = "lost"
fails = "gpu_is_lost"
"#;

/// A manner for tests: read often, and not for long once nobody looks.
fn manner(driver: impl Fn() -> Reading<Nvml> + Send + Sync + 'static) -> Manner {
    Manner {
        driver: Arc::new(driver),
        rate_hz: 20.0,
        viewer_grace: Duration::from_millis(50),
        look_grace: Duration::from_millis(50),
        ..Manner::default()
    }
}

/// A server on a machine whose driver plays a script.
async fn playing(script: &str) -> (Arc<FakeNvml>, Server) {
    let fake = Arc::new(FakeNvml::playing(script));
    let played = Arc::clone(&fake);
    (fake, Server::looking(manner(move || played.open())).await)
}

/// Somebody who looks, and everything that it was told.
struct Looking {
    client: Client,
    known: Option<MachineView>,
    snapshots: Vec<MachineView>,
    events: Vec<Event>,
}

impl Looking {
    async fn at(server: &Server, token: &str) -> Self {
        let mut client = Client::greeted(&server.host, token).await;
        client.say(&ClientMessage::Machine { watch: true }).await;
        Self { client, known: None, snapshots: vec![], events: vec![] }
    }

    /// What it knows once that is so.
    async fn until(&mut self, is_so: impl Fn(&Telemetry) -> bool) -> &MachineView {
        loop {
            match self.client.hear().await.expect("the agent closed") {
                ServerMessage::Machine(told) => {
                    match &told {
                        MachineTold::Snapshot { view, .. } => self.snapshots.push((**view).clone()),
                        MachineTold::Events(events) => self.events.extend_from_slice(events),
                    }
                    assert_eq!(told.fold(&mut self.known), 0);
                }
                ServerMessage::Refused { sentence } => panic!("{sentence}"),
                _ => {}
            }
            if self.known.as_ref().is_some_and(|known| is_so(&known.telemetry)) {
                return self.known.as_ref().unwrap();
            }
        }
    }
}

fn bins(telemetry: &Telemetry, source: &str, signal: &str) -> usize {
    telemetry.track(source, signal).map_or(0, |track| track.bins().count())
}

fn now(telemetry: &Telemetry, source: &str, signal: &str) -> Option<Field> {
    telemetry.track(source, signal).map(|track| track.now())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_looks_sees_the_same_machine_without_a_run() {
    let (_fake, server) = playing(TWO).await;
    let mut early = Looking::at(&server, ADMIN).await;
    let is_read = |telemetry: &Telemetry| {
        bins(telemetry, SECOND, "power") > 0 && bins(telemetry, "host", "agent_cpu") > 0 && telemetry.looks.len() == 3
    };
    let view = early.until(is_read).await;
    let began = view.telemetry.began.clone().unwrap();
    let names: Vec<_> = began.gpus.iter().map(|gpu| gpu.name.as_deref().unwrap()).collect();
    assert_eq!((names, began.no_gpus), (vec!["NVIDIA L4", "NVIDIA H100 80GB HBM3"], None));
    assert_eq!(now(&view.telemetry, FIRST, "throttled_by_power"), Some(Field::Value(1)));
    assert_eq!(now(&view.telemetry, FIRST, "energy"), Some(Field::NotSupported));
    let look = view.telemetry.looks.iter().find(|look| look.source == FIRST).unwrap();
    assert_eq!(look.processes[0].pid, 4_000_000);
    assert!(view.anchor_unix_ms > 1_600_000_000_000 && view.now_ns > 0);

    let mut late = Looking::at(&server, &server.viewer).await;
    late.until(|_| true).await;
    let joined = late.snapshots[0].clone();
    while early.known.as_ref().is_none_or(|known| known.seq < joined.seq) {
        early.until(|_| true).await;
    }
    // One snapshot each, then events without holes or doubles; both come to the same.
    assert_eq!((early.snapshots.len(), late.snapshots.len()), (1, 1));
    let mut fold = early.snapshots[0].clone();
    for event in early.events.iter().take_while(|event| event.seq <= joined.seq) {
        assert_eq!(event.seq, fold.seq + 1);
        fold.apply(event);
    }
    assert_eq!((fold.seq, fold.telemetry), (joined.seq, joined.telemetry));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_read_unless_somebody_looks() {
    // Each read of its power tells how many there were.
    let reads: Vec<String> = (1..=20_000).map(|n| n.to_string()).collect();
    let script =
        format!("[[device]]\nuuid = \"GPU-aa11\"\nname = \"NVIDIA L4\"\nsays = {{ power = [{}] }}\n", reads.join(", "));
    let (fake, server) = playing(&script).await;
    let gpus = fake.nvml().gpus(&[]).0;
    let count = || gpus[0].power().value().unwrap();
    // Somebody who is there and does not look, and somebody who may not.
    let _other = Client::greeted(&server.host, ADMIN).await;
    let run = RunId::new(1, 1);
    server.run(&run).await;
    let link = server.link(Shared::Run(run)).await;
    assert_eq!(answer(server.anonymous("GET", "/metrics").bearer_auth(link)).await.0, 401);
    assert_eq!(count(), 1);
    let quiet = async || {
        loop {
            let before = count();
            sleep(Duration::from_millis(500)).await;
            if count() == before + 1 {
                return;
            }
        }
    };
    for leaves_the_socket in [false, true] {
        let begins_anew = async || {
            loop {
                let before = count();
                let mut looking = Looking::at(&server, ADMIN).await;
                let view = looking.until(|telemetry| bins(telemetry, FIRST, "power") > 0).await;
                // Nothing of the time before, in which nobody looked, stands in.
                let is_anew = view.telemetry.track(FIRST, "power").unwrap().bins().all(|bin| bin.min > before);
                if leaves_the_socket {
                    drop(looking);
                } else {
                    looking.client.say(&ClientMessage::Machine { watch: false }).await;
                }
                quiet().await;
                // Silence is no proof that reading has ended: a busy machine may keep its threads from their turn so long.
                if is_anew {
                    return;
                }
            }
        };
        timeout(LIMIT, begins_anew()).await.expect("it is read on");
    }
    // Who asks once is answered after two seconds at the latest, with what is known by then.
    let is_shown = async || {
        while !answer(server.ask("GET", "/metrics")).await.1.as_str().unwrap().contains(SHOWN) {}
    };
    timeout(LIMIT, is_shown()).await.expect("nobody is told its power");
    timeout(LIMIT, quiet()).await.expect("it is read on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gpu_that_is_lost_is_told_and_no_value_of_it_stays() {
    let (fake, server) = playing(TWO).await;
    let mut looking = Looking::at(&server, &server.viewer).await;
    looking.until(|telemetry| now(telemetry, SECOND, "power") == Some(Field::Value(300_000))).await;
    let shown = async || answer(server.ask("GET", "/metrics")).await.1.as_str().unwrap().to_owned();
    assert!(shown().await.contains("tokenprism_gpu_power_watts{gpu=\"GPU-bb22\"} 300\n"));
    fake.raise("lost");
    let is_lost = |telemetry: &Telemetry| {
        let lost = Some(Field::Failed(15));
        !telemetry.troubles.is_empty()
            && ["power", "pcie_rx"].iter().all(|signal| now(telemetry, SECOND, signal) == lost)
    };
    let view = looking.until(is_lost).await.clone();
    let troubles: Vec<_> = view.telemetry.troubles.iter().map(|of| (of.source.as_str(), of.kind, of.code)).collect();
    assert_eq!(troubles, [(SECOND, TroubleKind::Lost, 15)]);
    let shown = shown().await;
    assert!(!shown.contains("watts{gpu=\"GPU-bb22\"}"), "{shown}");
    assert!(shown.contains("watts{gpu=\"GPU-aa11\"} 60\n"), "{shown}");
    // The other one goes on, and so it is told to who comes now.
    let reads = |telemetry: &Telemetry| telemetry.track(FIRST, "power").unwrap().bins().map(|bin| bin.n).sum::<u64>();
    let before = reads(&view.telemetry);
    looking.until(|telemetry| reads(telemetry) > before).await;
    let mut late = Looking::at(&server, &server.viewer).await;
    assert!(is_lost(&late.until(|_| true).await.telemetry));
}

#[tokio::test]
async fn what_was_shared_does_not_include_the_machine() {
    let (_fake, server) = playing(TWO).await;
    let run = RunId::new(7, 7);
    server.run(&run).await;
    let link = server.link(Shared::Run(run.clone())).await;
    let mut guest = Client::greeted(&server.host, &link).await;
    guest.say(&ClientMessage::Machine { watch: true }).await;
    assert!(guest.refusal().await.contains("does not include the host"));
    // Somebody else looks, and still the guest hears of its run alone.
    Looking::at(&server, ADMIN).await.until(|telemetry| bins(telemetry, FIRST, "power") > 0).await;
    guest.follow(&run).await;
    loop {
        match guest.hear().await.expect("the agent closed") {
            ServerMessage::Snapshot { .. } => break,
            message => assert!(!matches!(message, ServerMessage::Machine(_)), "{message:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_there_is_no_gpu_is_told_and_the_host_is_read_all_the_same() {
    let check = async |driver: Box<dyn Fn() -> Reading<Nvml> + Send + Sync>, expect: &str| {
        let server = Server::looking(manner(driver)).await;
        let mut looking = Looking::at(&server, ADMIN).await;
        let view = looking.until(|telemetry| bins(telemetry, "host", "host_memory_used") > 0).await;
        let began = view.telemetry.began.as_ref().unwrap();
        assert!(began.gpus.is_empty() && began.no_gpus.as_ref().is_some_and(|why| why.contains(expect)), "{began:?}");
        assert!(view.telemetry.tracks.iter().all(|track| track.source == "host"));
    };
    check(Box::new(|| Reading::NotSupported), "has no NVIDIA driver").await;
    check(Box::new(|| Reading::Failed("version mismatch".into())), "does not answer (version mismatch)").await;
    let fake = FakeNvml::playing("");
    check(Box::new(move || fake.open()), "and no GPU").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_that_takes_long_is_not_waited_for_and_its_gpus_are_seen_once_they_are_there() {
    let slow = "[[fault]]\nfield = \"handle\"\nuntil = 1\nslow_ms = 1500\n";
    let fake = FakeNvml::playing(&format!("{TWO}{slow}"));
    let manner = Manner { patience: Duration::from_millis(500), ..manner(move || fake.open()) };
    let server = Server::looking(manner).await;
    let mut looking = Looking::at(&server, ADMIN).await;
    let view = looking.until(|telemetry| bins(telemetry, "host", "host_memory_used") > 0).await;
    let began = view.telemetry.began.clone().unwrap();
    assert!(began.gpus.is_empty(), "{began:?}");
    assert!(began.no_gpus.as_ref().is_some_and(|why| why.contains("within 0.5 s")), "{began:?}");
    let view = looking.until(|telemetry| bins(telemetry, SECOND, "power") > 0).await;
    assert_eq!(view.telemetry.began.as_ref().map(|began| began.no_gpus.clone()), Some(None));
    // The time of before is gone with its stream.
    assert!(looking.snapshots.len() >= 2);
}
