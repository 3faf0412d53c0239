//! Owns the search for tokens and links in what the agent says and keeps: nothing has them but whoever they were made for.
//! Must not know how they are kept.

use crate::agent::{Agent, PROGRAM, SHORT_PLAN, TOKEN, client, finished};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const GUESS: &str = "guess-Kq7XzVbN3mWtR9pLsD2fGh";

/// `tokenprism token …` on a data directory.
fn token(data: &Path, args: &[&str]) -> Output {
    finished(Command::new(PROGRAM).arg("token").args(args).arg("--data").arg(data))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// Makes a token by the command line and gives it.
fn made(data: &Path, name: &str, role: &str) -> String {
    let made = token(data, &["create", name, "--role", role]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(!text(&made.stderr).contains(&text(&made.stdout)));
    text(&made.stdout)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Files of a folder that hold a text.
fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        std::fs::read(path).is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    files(folder).into_iter().filter(holds).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_and_no_link_stands_in_the_log_or_the_data() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    // Before an agent serves, and while one does.
    let early = made(&data, "Early", "operator");
    let mut command = Command::new(PROGRAM);
    let said = dir.path().join("said");
    command.env("TOKENPRISM_LOG", "trace").stderr(File::create(&said).unwrap());
    let mut agent = Agent::of(command, &data, "127.0.0.1:0");
    let late = made(&data, "Late", "viewer");
    let http = client();
    let ask = |method: &str, path: &str, bearer: &str| {
        http.request(method.parse().unwrap(), format!("{}{path}", agent.url)).bearer_auth(bearer)
    };
    let me: Value = ask("GET", "/api/v1/me", &early).send().await.unwrap().json().await.unwrap();
    assert_eq!(me["who"]["name"], "Early");
    let run = agent.submit(SHORT_PLAN).await;
    let wanted = json!({ "shared": { "run": run } });
    let link: Value = ask("POST", "/api/v1/shares", &early).json(&wanted).send().await.unwrap().json().await.unwrap();
    let link = link["path"].as_str().unwrap().strip_prefix("/s/").unwrap().to_owned();
    for path in [format!("/s/{link}"), format!("/s/{GUESS}"), format!("/?token={late}"), format!("/?token={GUESS}")] {
        http.get(format!("{}{path}", agent.url)).send().await.unwrap();
    }
    for token in [&late, GUESS] {
        let body = json!({ "token": token });
        http.post(format!("{}/api/v1/sign-in", agent.url)).json(&body).send().await.unwrap();
    }
    for (path, bearer) in [
        ("/api/v1/me", GUESS),
        ("/api/v1/me", &link),
        ("/api/v1/tokens", TOKEN),
        ("/api/v1/shares", TOKEN),
        ("/api/v1/audit", TOKEN),
    ] {
        let answer = ask("GET", path, bearer).send().await.unwrap().text().await.unwrap();
        for secret in [&early, &late, &link, TOKEN, GUESS] {
            assert!(!answer.contains(secret), "{path} repeats a secret");
        }
    }
    let listed = text(&token(&data, &["list"]).stdout);
    assert!(listed.contains("Early") && listed.contains("Late"), "{listed}");
    let id = listed.lines().find(|line| line.contains("Late")).unwrap().trim().split(' ').next().unwrap();
    assert!(token(&data, &["revoke", id]).status.success());
    assert_eq!(ask("GET", "/api/v1/me", &late).send().await.unwrap().status(), 401);
    assert_eq!(holding(&data, TOKEN), [data.join("agent.json")], "commands on this host find it there");

    nix::sys::signal::kill(nix::unistd::Pid::from_raw(agent.child.id().cast_signed()), nix::sys::signal::SIGTERM)
        .unwrap();
    agent.child.wait().unwrap();
    let log = std::fs::read_to_string(&said).unwrap();
    // What is searched is there: the log says what was done.
    assert!(log.contains("a run was created") && log.contains(&run), "{log}");
    for secret in [&early, &late, &link, TOKEN, GUESS] {
        assert!(!log.contains(secret), "a secret is in the log");
        assert!(holding(&data, secret).is_empty(), "a secret is kept");
    }
    // What was revoked stays so, and what was not, too, with its last use.
    let listed = text(&token(&data, &["list"]).stdout);
    assert!(listed.contains("Early") && !listed.contains("Late") && !listed.contains(&early), "{listed}");
    assert_eq!(listed.matches("never").count(), 1, "it was used, and never expires: {listed}");
    let refused = token(&data, &["revoke", id]);
    assert!(
        !refused.status.success() && text(&refused.stderr).contains("revoked already"),
        "{}",
        text(&refused.stderr)
    );
}
