//! Owns schedules through the real program: made, refused, begun at their time and after a kill, and told of with a signature.
//! Must not know the agent's insides but its log: a played receiver stands in for a real one, and times that passed are written.

use crate::support::{Agent, LONG_PLAN, PROGRAM, SHORT_PLAN, TOKEN, client, state};
use serde_json::{Value, json};
use shared::ids::{RunId, ScheduleId};
use shared::people::{Side, Who};
use shared::plan::Plan;
use shared::schedule::{Fate, Missed, Occasion, On, Schedule, SchedulePlan, Webhook, When, Work};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokenprism::log::{ScheduleEvent, SqliteLog};
use tokenprism::schedule::signature;

const LIMIT: Duration = Duration::from_secs(120);
const SECRET: &str = "a-secret-that-signs";

/// A request that came, and its headers.
struct Told {
    headers: BTreeMap<String, String>,
    body: String,
}

/// A receiver that answers with these statuses, one after the other.
fn receiver(statuses: &'static [u16]) -> (String, Receiver<Told>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?key=k", listener.local_addr().unwrap());
    let (sender, told) = channel();
    std::thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut headers = BTreeMap::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line == "\r\n" {
                    break;
                }
                if let Some((name, value)) = line.split_once(": ") {
                    headers.insert(name.to_lowercase(), value.trim().to_owned());
                }
            }
            let mut body = vec![0; headers["content-length"].parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            sender.send(Told { headers, body: String::from_utf8(body).unwrap() }).unwrap();
        }
    });
    (url, told)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn agent(data: &Path) -> Agent {
    agent_of_zone(data, "UTC")
}

/// An agent whose host has this time zone.
fn agent_of_zone(data: &Path, zone: &str) -> Agent {
    let mut command = Command::new(PROGRAM);
    command.env("HOOK_SECRET", SECRET).env("TZ", zone);
    Agent::of(command, data, "127.0.0.1:0")
}

async fn post(agent: &Agent, path: &str, body: Value) -> (u16, Value) {
    agent.post(path, body.to_string(), "application/json").await
}

/// The only schedule's row, once it is so.
async fn row(agent: &Agent, until: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let (status, rows) = agent.get("/api/v1/schedules").await;
        assert_eq!(status, 200, "{rows}");
        if until(&rows[0]) {
            return rows[0].clone();
        }
        assert!(begun.elapsed() < LIMIT, "the schedule did not come so far: {rows}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The id of a run of the short plan that is done.
async fn done(agent: &Agent) -> String {
    let run = agent.submit(SHORT_PLAN).await;
    agent.wait(&run, LIMIT, |view| state(view) == "done").await;
    run
}

#[tokio::test]
async fn what_is_due_begins_ends_and_is_told_with_a_signature_until_it_arrives() {
    let dir = tempfile::tempdir().unwrap();
    let agent = agent(dir.path());
    let like = done(&agent).await;
    let (url, told) = receiver(&[500, 204]);
    let wanted = json!({
        "work": { "like": like },
        "when": { "once": now_ms() + 1_500 },
        "webhook": { "url": url, "secret": "HOOK_SECRET" },
    });
    let (status, made) = post(&agent, "/api/v1/schedules", wanted).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["next"].as_array().unwrap().len(), 1, "{made}");
    let due = made["next_unix_ms"][0].as_u64().unwrap();
    let begun = row(&agent, |row| row["last"]["fate"]["began"].is_string()).await;
    let run = begun["last"]["fate"]["began"].as_str().unwrap().to_owned();
    assert_eq!((&begun["last"]["due_unix_ms"], begun["next"].as_array().unwrap().len()), (&due.into(), 0));
    let view = agent.wait(&run, LIMIT, |view| state(view) == "done").await;
    assert!(view["header"]["anchor_unix_ms"].as_u64() >= Some(due), "it began before its time");
    assert_eq!(view["header"]["plan"]["name"], "Short");

    let told: Vec<Told> = [(); 2].map(|()| told.recv_timeout(LIMIT).unwrap()).into();
    for Told { headers, body } in &told {
        let at: u64 = headers["tokenprism-timestamp"].parse().unwrap();
        assert_eq!(headers["tokenprism-signature"], signature(SECRET.as_bytes(), at, body.as_bytes()));
        assert!(at.abs_diff(now_ms() / 1_000) < 60);
        let said: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            (&said["of"], &said["changed"], &said["regression"]),
            (&run.clone().into(), &"first".into(), &false.into())
        );
        assert!(said["markdown"].as_str().unwrap().starts_with("## Short: first result"), "{said}");
        assert!(!body.contains(SECRET));
    }
    // What is sent again is the same, so that a receiver can tell.
    assert_eq!(told[0].headers["tokenprism-delivery"], told[1].headers["tokenprism-delivery"]);
    let row = row(&agent, |row| row["delivery"].is_object()).await;
    assert_eq!((&row["delivery"]["attempts"], &row["delivery"]["failure"]), (&2.into(), &Value::Null));
    assert_eq!((&row["outcome"]["of"], &row["outcome"]["changed"]), (&run.into(), &"first".into()));
    let (_, audit) = agent.get("/api/v1/audit").await;
    assert_eq!(audit[0]["action"], "schedule created", "{audit}");
}

#[tokio::test]
async fn a_time_at_which_the_agent_was_killed_begins_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = agent(dir.path());
    let like = done(&first).await;
    let wanted = json!({ "work": { "like": like }, "when": { "once": now_ms() + 800 } });
    assert_eq!(post(&first, "/api/v1/schedules", wanted).await.0, 201);
    first.kill();
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    let second = agent(dir.path());
    let begun = row(&second, |row| row["outcome"].is_object()).await;
    assert_eq!(begun["outcome"]["changed"], "first", "{begun}");
    // Neither the time nor its end come twice.
    drop(second);
    let third = agent(dir.path());
    assert_eq!(row(&third, |_| true).await, begun);
    let (_, rows) = third.get("/api/v1/runs").await;
    assert_eq!(rows.as_array().unwrap().len(), 2, "{rows}");
    let id = begun["schedule"]["schedule"].as_str().unwrap();
    let remove = || client().delete(format!("{}/api/v1/schedules/{id}", third.url)).bearer_auth(TOKEN).send();
    assert_eq!(remove().await.unwrap().status(), 204);
    assert_eq!(remove().await.unwrap().status(), 404);
    assert_eq!(third.get("/api/v1/schedules").await.1, json!([]));
}

/// Pauses the queue, or lets it go on.
async fn pause(agent: &Agent, paused: bool) {
    let request = client().put(format!("{}/api/v1/queue", agent.url)).bearer_auth(TOKEN);
    assert_eq!(request.json(&json!({ "paused": paused })).send().await.unwrap().status(), 204);
}

/// Leaves a schedule of the short plan in the log of an agent that is gone. It began this run a while ago, later times were passed
/// over, and one came while no agent was there: when that was, Unix ms.
async fn left(data: &Path, run: &str, passed: &[u64], webhook: Webhook) -> u64 {
    let log = SqliteLog::open(&data.join("log.sqlite")).unwrap();
    let (now, run) = (now_ms(), Side::Run(RunId::try_from(run.to_owned()).unwrap()));
    let due = now - 1_000;
    let work = Work::Run(Box::new(Plan::from_toml(SHORT_PLAN).unwrap()));
    let (missed, webhook) = (Missed::RunOnce, Some(webhook));
    let plan = SchedulePlan { work, when: When::Once(due), missed, webhook };
    let (schedule, by) = (ScheduleId::new(now, 1), Who { id: "test".to_owned(), name: "a test".to_owned() });
    let made = Schedule { schedule: schedule.clone(), plan, created_unix_ms: now - 600_000, by };
    let settled =
        |before_ms: u64, fate| ScheduleEvent::Settled(Occasion { due_unix_ms: now - before_ms, fate, missed: 0 });
    let mut events = vec![
        ScheduleEvent::Created(Box::new(made)),
        settled(300_000, Fate::Begins),
        settled(300_000, Fate::Began(run)),
    ];
    events.extend(passed.iter().map(|before_ms| settled(*before_ms, Fate::Passed("It had not ended.".to_owned()))));
    for event in events {
        log.schedule(schedule.clone(), event).await.unwrap();
    }
    due
}

#[tokio::test]
async fn what_takes_longer_than_two_times_is_there_once_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = agent(dir.path());
    // What waits in a queue that is paused has not ended for as long as the test wants.
    pause(&first, true).await;
    let run = first.submit(SHORT_PLAN).await;
    first.kill();
    let (url, told) = receiver(&[204]);
    let webhook = Webhook { url, secret: "HOOK_SECRET".to_owned(), on: On::Finish };
    let third = left(dir.path(), &run, &[200_000], webhook).await;

    let second = agent(dir.path());
    let passed = row(&second, |row| row["last"]["due_unix_ms"] == third).await;
    let why = passed["last"]["fate"]["passed"].as_str().unwrap_or_default();
    assert!(why.contains(&run) && why.contains("had not ended"), "{passed}");
    assert_eq!(passed.get("outcome"), None, "{passed}");
    pause(&second, false).await;
    let ended = row(&second, |row| row["outcome"].is_object()).await;
    assert_eq!((&ended["outcome"]["of"], &ended["outcome"]["changed"]), (&run.clone().into(), &"first".into()));
    let said: Value = serde_json::from_str(&told.recv_timeout(LIMIT).unwrap().body).unwrap();
    assert_eq!(said["of"], run, "{said}");
    let (_, rows) = second.get("/api/v1/runs").await;
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
}

#[tokio::test]
async fn what_was_interrupted_is_told_although_the_next_time_is_due_when_the_agent_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = agent(dir.path());
    let run = first.submit(LONG_PLAN).await;
    first.wait(&run, LIMIT, |view| state(view) == "running").await;
    first.kill();
    let (url, told) = receiver(&[204]);
    let webhook = Webhook { url, secret: "HOOK_SECRET".to_owned(), on: On::Regression };
    left(dir.path(), &run, &[], webhook).await;

    let second = agent(dir.path());
    let said: Value = serde_json::from_str(&told.recv_timeout(LIMIT).unwrap().body).unwrap();
    assert_eq!(
        (&said["of"], &said["changed"], &said["regression"]),
        (&run.clone().into(), &"failed".into(), &true.into())
    );
    let next = row(&second, |row| row["last"]["fate"]["began"].is_string()).await["last"]["fate"]["began"].clone();
    assert_ne!(next, run);
    let ended = row(&second, |row| row["outcome"]["of"] == next).await;
    // What was interrupted has no figures to compare with.
    assert_eq!(ended["outcome"]["changed"], "first", "{ended}");
}

#[tokio::test]
async fn a_viewer_sees_no_more_of_a_webhooks_address_than_its_host() {
    let dir = tempfile::tempdir().unwrap();
    let agent = agent(dir.path());
    let url = "https://hooks.example.org/services/hidden?key=hidden";
    let wanted = json!({
        "work": { "preset": "first" },
        "when": { "once": now_ms() + 3_600_000 },
        "webhook": { "url": url, "secret": "HOOK_SECRET" },
    });
    let (status, made) = post(&agent, "/api/v1/schedules", wanted).await;
    assert_eq!(status, 201, "{made}");
    for (role, expect) in [("viewer", "https://hooks.example.org/…"), ("operator", url), ("admin", url)] {
        let (status, token) = post(&agent, "/api/v1/tokens", json!({ "name": role, "role": role })).await;
        assert_eq!(status, 201, "{token}");
        let request = client().get(format!("{}/api/v1/schedules", agent.url));
        let response = request.bearer_auth(token["secret"].as_str().unwrap()).send().await.unwrap();
        let text = response.text().await.unwrap();
        let rows: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(rows[0]["schedule"]["plan"]["webhook"]["url"], expect, "{role}: {text}");
        assert_eq!(text.contains("hidden"), role != "viewer", "{role}: {text}");
    }
}

#[tokio::test]
async fn another_time_zone_of_the_host_moves_no_schedule() {
    let dir = tempfile::tempdir().unwrap();
    // Far enough from midnight of the fourth of July that no time passes while this runs, unless it is run right then.
    let cron = json!({ "cron": { "cron": "30 2 4 7 *", "time_zone": "Europe/Berlin" } });
    let once = json!({ "once": now_ms() + 3_600_000 });
    let rows = async |zone: &str| {
        let agent = agent_of_zone(dir.path(), zone);
        if agent.get("/api/v1/schedules").await.1 == json!([]) {
            for when in [&cron, &once] {
                let wanted = json!({ "work": { "preset": "first" }, "when": when });
                assert_eq!(post(&agent, "/api/v1/schedules", wanted).await.0, 201);
            }
        }
        let (_, rows) = agent.get("/api/v1/schedules").await;
        let times = rows.as_array().unwrap().iter().map(|row| row["next_unix_ms"].clone()).collect::<Vec<_>>();
        assert!(times.len() == 2 && times.iter().all(|of| of[0].is_u64()), "{rows}");
        assert!(rows.to_string().contains("02:30 Europe/Berlin (+02:00)"), "{rows}");
        times
    };
    let before = rows("Asia/Tokyo").await;
    assert_eq!(rows("America/St_Johns").await, before);
}

#[tokio::test]
async fn what_cannot_be_a_schedule_is_refused_and_a_good_one_shows_its_next_five_times() {
    let dir = tempfile::tempdir().unwrap();
    let agent = agent(dir.path());
    let cron = |cron: &str, zone: &str| json!({ "cron": { "cron": cron, "time_zone": zone } });
    let preset = json!({ "preset": "first" });
    let hook = |url: &str, secret: &str| json!({ "url": url, "secret": secret });
    let wanted = |work: &Value, when: Value| json!({ "work": work, "when": when });
    let told = |webhook: Value| json!({ "work": preset, "when": cron("0 2 * * *", "UTC"), "webhook": webhook });
    for (body, status, words) in [
        (wanted(&preset, cron("0 2 * *", "UTC")), 422, "no cron pattern"),
        (wanted(&preset, cron("0 2 * * *", "Mars/Base")), 422, "IANA"),
        (wanted(&preset, json!({ "once": 1 })), 422, "is over"),
        (wanted(&preset, json!({ "sometime": 1 })), 422, "could not be read"),
        (wanted(&json!({ "preset": "x" }), cron("0 2 * * *", "UTC")), 422, "no preset"),
        (wanted(&json!({ "like": "r0000000000000000dead" }), cron("0 2 * * *", "UTC")), 404, "no run"),
        (wanted(&json!({ "like": "s0000000000000000dead" }), cron("0 2 * * *", "UTC")), 404, "no study"),
        (told(hook("ftp://example.org", "HOOK_SECRET")), 422, "https://"),
        (told(hook("http://169.254.169.254/", "HOOK_SECRET")), 422, "link-local"),
        (told(hook("https://example.org/", "NO_SUCH_SECRET")), 422, "NO_SUCH_SECRET"),
    ] {
        for path in ["/api/v1/schedules/check", "/api/v1/schedules"] {
            let (got, said) = post(&agent, path, body.clone()).await;
            assert!(got == status && said["error"].as_str().unwrap().contains(words), "{body}: {got} {said}");
        }
    }
    let (status, row) =
        post(&agent, "/api/v1/schedules/check", wanted(&preset, cron("30 2 * * *", "Asia/Tokyo"))).await;
    assert_eq!(status, 200, "{row}");
    let next: Vec<u64> = row["next_unix_ms"].as_array().unwrap().iter().map(|time| time.as_u64().unwrap()).collect();
    assert_eq!(next.len(), 5);
    // Tokyo has no summer time: each is a day after the one before.
    assert!(next.windows(2).all(|pair| pair[1] - pair[0] == 86_400_000), "{next:?}");
    assert!(row["next"][0].as_str().unwrap().ends_with("02:30 Asia/Tokyo (+09:00)"), "{row}");
    assert_eq!(agent.get("/api/v1/schedules").await.1, json!([]));
}
