//! Owns backups as a user makes and restores them: while a run goes on, after it, and of a file that is damaged.
//! Must not know how a backup is written, beyond that it is a packed tar.

use crate::support::{Agent, LONG_PLAN, PROGRAM, SHORT_PLAN, client, finished, state};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

fn tokenprism(command: &str, file: &Path, data: &Path) -> (Option<i32>, String) {
    let output = finished(Command::new(PROGRAM).arg(command).arg(file).arg("--data").arg(data));
    let Output { status, stdout, stderr } = output;
    (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

/// A command that does its work.
fn done(command: &str, file: &Path, data: &Path) -> String {
    let (code, said) = tokenprism(command, file, data);
    assert_eq!(code, Some(0), "{said}");
    said
}

/// A command that refuses, and leaves nothing.
fn refused(command: &str, file: &Path, data: &Path) -> String {
    let (code, said) = tokenprism(command, file, data);
    assert_eq!(code, Some(1), "{said}");
    said.strip_prefix("tokenprism: ").unwrap().to_owned()
}

async fn run_view(agent: &Agent, run: &str) -> Value {
    let (status, view) = agent.get(&format!("/api/v1/runs/{run}")).await;
    assert_eq!(status, 200, "{view}");
    view
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn entries(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn what_was_kept_comes_back_elsewhere_as_it_was() {
    let folder = Folder::new();
    let (data, copy, during, after) =
        (folder.path("data"), folder.path("copy"), folder.path("during.tar.zst"), folder.path("after.tar.zst"));
    let agent = Agent::start(&data);
    let run = agent.submit(SHORT_PLAN).await;
    let view = agent.wait(&run, LIMIT, |view| state(view) == "done").await;
    let (_, requests) = agent.get(&format!("/api/v1/runs/{run}/trials/0/requests?limit=50")).await;
    let (status, token) =
        agent.post("/api/v1/tokens", r#"{"name": "Ada", "role": "viewer"}"#.to_owned(), "application/json").await;
    assert_eq!(status, 201, "{token}");

    // While the next run goes on.
    let long = agent.submit(LONG_PLAN).await;
    agent.wait(&long, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(0)).await;
    let said = done("backup", &during, &data);
    assert!(said.contains("the log and 2 files of records") && said.contains("Secrets are not in it"), "{said}");
    let seq = run_view(&agent, &long).await["seq"].as_u64();
    agent.wait(&long, LIMIT, |view| view["seq"].as_u64() > seq).await;
    assert_eq!(state(&run_view(&agent, &long).await), "running");
    drop(agent);
    done("backup", &after, &data);
    assert!(refused("backup", &after, &data).contains("is there already"));

    let said = done("restore", &during, &copy);
    assert!(said.contains("each as it was kept"), "{said}");
    // A backup does not know what was revoked after it, so nobody is let in by what it holds.
    assert!(said.contains("1 named tokens and 0 links of that time are ended"), "{said}");
    let agent = Agent::start(&copy);
    assert_eq!(run_view(&agent, &run).await, view);
    assert_eq!(agent.get(&format!("/api/v1/runs/{run}/trials/0/requests?limit=50")).await.1, requests);
    let cut = run_view(&agent, &long).await;
    assert_eq!(state(&cut), "interrupted", "{cut}");
    let (_, tokens) = agent.get("/api/v1/tokens").await;
    assert_eq!(tokens, json!([]));
    let secret = token["secret"].as_str().unwrap();
    let adas = client().get(format!("{}/api/v1/runs", agent.url)).bearer_auth(secret).send().await.unwrap();
    assert_eq!(adas.status(), 401);
    drop(agent);
    assert!(refused("restore", &after, &copy).contains("is not empty"));

    // An empty folder may be there.
    let again = folder.path("again");
    std::fs::create_dir(&again).unwrap();
    let mut keeping = Command::new(PROGRAM);
    keeping.args(["restore", "--keep-access"]).arg(&after).arg("--data").arg(&again);
    assert!(finished(&mut keeping).status.success());
    let agent = Agent::start(&again);
    let (_, tokens) = agent.get("/api/v1/tokens").await;
    assert_eq!(tokens[0]["name"], "Ada");
    assert_eq!(state(&run_view(&agent, &long).await), "interrupted");
    assert_eq!(run_view(&agent, &run).await, view);
    assert_eq!(folder.entries(), ["after.tar.zst", "again", "copy", "data", "during.tar.zst"]);
}

#[tokio::test]
async fn a_damaged_backup_is_refused_by_the_part_that_is_damaged() {
    let folder = Folder::new();
    let (data, copy, whole, broken) =
        (folder.path("data"), folder.path("copy"), folder.path("whole.tar.zst"), folder.path("broken.tar.zst"));
    let agent = Agent::start(&data);
    let run = agent.submit(SHORT_PLAN).await;
    agent.wait(&run, LIMIT, |view| state(view) == "done").await;
    drop(agent);
    let blobs: Vec<PathBuf> =
        std::fs::read_dir(data.join("blobs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    std::fs::remove_file(&blobs[0]).unwrap();
    let gone = blobs[0].file_name().unwrap().to_str().unwrap();
    let said = done("backup", &whole, &data);
    assert!(said.contains("1 files of records that events name are not on this disk") && said.contains(gone), "{said}");

    // Packed anew with a byte changed in a part, its sums all right: only the part's own hash is another.
    let tar = zstd::decode_all(std::fs::File::open(&whole).unwrap()).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let parts: Vec<(String, usize, usize)> = (archive.entries().unwrap().map(Result::unwrap))
        .map(|entry| {
            let (at, bytes) = (entry.raw_file_position() as usize, entry.size() as usize);
            (entry.path().unwrap().to_str().unwrap().to_owned(), at, bytes)
        })
        .collect();
    assert_eq!(parts.iter().filter(|(name, ..)| name.starts_with("blobs/")).count(), 1);
    let check = |tar: &[u8], expect: &str| {
        std::fs::write(&broken, zstd::encode_all(tar, 3).unwrap()).unwrap();
        let said = refused("restore", &broken, &copy);
        assert!(said.contains(expect) && !copy.exists(), "{expect}: {said}");
    };
    for (place, (name, at, bytes)) in parts.iter().enumerate().skip(1) {
        let mut changed = tar.clone();
        changed[at + bytes / 2] ^= 1;
        check(&changed, &format!("is damaged: {name} is not what was kept"));
        let after = parts.len() - place - 1;
        let more = if after == 0 { "".to_owned() } else { format!(", and {after} further parts come after it") };
        check(&tar[..at + bytes / 2], &format!("is damaged: {name} does not have the {bytes} bytes that it had"));
        check(&tar[..at + bytes / 2], &more);
    }
    // Cut, flipped, or something else.
    let packed = std::fs::read(&whole).unwrap();
    for share in [0.2, 0.5, 0.999] {
        std::fs::write(&broken, &packed[..(packed.len() as f64 * share) as usize]).unwrap();
        let said = refused("restore", &broken, &copy);
        assert!(said.contains("is damaged: ") || said.contains("is no backup"), "{said}");
        let mut flipped = packed.clone();
        flipped[(packed.len() as f64 * share) as usize] ^= 0x10;
        std::fs::write(&broken, flipped).unwrap();
        let said = refused("restore", &broken, &copy);
        assert!(said.contains("is damaged: ") || said.contains("is no backup"), "{said}");
    }
    std::fs::write(&broken, "a letter").unwrap();
    assert!(refused("restore", &broken, &copy).contains("is no backup of Tokenprism"));
    assert!(refused("restore", &folder.path("none"), &copy).contains("could not be read"));
    assert!(refused("backup", &folder.path("x"), &folder.path("elsewhere")).contains("There is no log in"));
    assert_eq!(folder.entries(), ["broken.tar.zst", "data", "whole.tar.zst"]);

    let said = done("restore", &whole, &copy);
    assert!(said.contains(gone) && said.contains("are not in the backup"), "{said}");
}
