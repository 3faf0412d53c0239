//! Owns the agent at the edge of a network: TLS from files that change, IPv6, and whether it is ready.
//! Must not know the agent's insides.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod support;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{Agent, PROGRAM, SHORT_PLAN, TOKEN, client, finished, state};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(60);

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

/// A certificate and its key in a folder, where another pair can take their place.
struct Pair(tempfile::TempDir);

impl Pair {
    fn new() -> Self {
        let pair = Self(tempfile::tempdir().unwrap());
        pair.put("first");
        pair
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn put(&self, which: &str) {
        for part in ["cert.pem", "key.pem"] {
            std::fs::copy(fixture(&format!("{which}.{part}")), self.0.path().join(part)).unwrap();
        }
    }

    fn agent(&self, data: &Path) -> Agent {
        Agent::with(data, &["--tls-cert", &self.path("cert.pem"), "--tls-key", &self.path("key.pem")])
    }
}

fn certificate(which: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(fixture(&format!("{which}.cert.pem"))).unwrap()
}

/// A request over TLS, trusting both certificates: whose it was, and the answer.
async fn ask(url: &str, path: &str, headers: &str) -> (&'static str, String) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut roots = RootCertStore::empty();
    roots.add(certificate("first")).unwrap();
    roots.add(certificate("second")).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let address = url.strip_prefix("https://").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let of = stream.get_ref().1.peer_certificates().unwrap()[0] == certificate("first");
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    (if of { "first" } else { "second" }, String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn with_tls_everything_is_encrypted_and_commands_on_this_host_still_find_the_agent() {
    let (dir, pair) = (tempfile::tempdir().unwrap(), Pair::new());
    let agent = pair.agent(dir.path());
    let (of, answer) = ask(&agent.url, &format!("/?token={TOKEN}"), "").await;
    assert_eq!(of, "first");
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/; Secure"), "{cookie}");
    let (_, answer) = ask(&agent.url, "/api/v1/runs", &format!("authorization: Bearer {TOKEN}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Whoever speaks without TLS gets no answer.
    let plain = client().get(agent.url.replace("https", "http")).send().await;
    assert!(plain.is_err(), "{plain:?}");
    let output = finished(Command::new(PROGRAM).args(["token", "list", "--data"]).arg(dir.path()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Their own door is on loopback.
    let file: Value = serde_json::from_slice(&std::fs::read(dir.path().join("agent.json")).unwrap()).unwrap();
    assert!(file["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{file}");
}

#[tokio::test]
async fn a_new_certificate_is_used_once_it_is_there_and_a_broken_one_is_not() {
    let (dir, pair) = (tempfile::tempdir().unwrap(), Pair::new());
    let agent = pair.agent(dir.path());
    let becomes = async |expect: &str| {
        let begun = Instant::now();
        while ask(&agent.url, "/healthz", "").await.0 != expect {
            assert!(begun.elapsed() < LIMIT, "the certificate did not become the {expect}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    becomes("first").await;
    // Broken in each way, one after the other, for longer than it takes to be looked at.
    std::fs::write(pair.0.path().join("cert.pem"), "no certificate").unwrap();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    becomes("first").await;
    std::fs::copy(fixture("second.cert.pem"), pair.0.path().join("cert.pem")).unwrap();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    becomes("first").await;
    pair.put("second");
    becomes("second").await;
}

#[test]
fn files_that_cannot_be_used_are_named_before_anything_is_served() {
    let (dir, pair) = (tempfile::tempdir().unwrap(), Pair::new());
    let check = |cert: &str, key: &str, expect: &str| {
        let mut command = Command::new(PROGRAM);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--data"])
            .arg(dir.path());
        let output = finished(&mut command);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expect), "{expect}: {said}");
        assert!(!said.contains("PRIVATE"), "{said}");
    };
    let (cert, key) = (pair.path("cert.pem"), pair.path("key.pem"));
    check(&pair.path("none"), &key, "The TLS certificate");
    check(&cert, &pair.path("none"), "The TLS key");
    check(&cert, &cert, "The TLS key");
    check(&key, &key, "it holds no certificate");
    check(&cert, fixture("second.key.pem").to_str().unwrap(), "cannot be used together");
}

#[tokio::test]
async fn ipv6_is_served_as_any_address() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this system has no IPv6");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start_at(dir.path(), "[::1]:0");
    assert!(agent.url.starts_with("http://[::1]:"), "{}", agent.url);
    let run = agent.submit(SHORT_PLAN).await;
    agent.wait(&run, LIMIT, |view| state(view) == "done").await;
    let output =
        finished(Command::new(PROGRAM).args(["watch", &format!("{}/runs/{run}", agent.url), "--token", TOKEN]));
    assert!(matches!(output.status.code(), Some(0 | 3 | 4)), "{}", String::from_utf8_lossy(&output.stderr));
    // Listening everywhere on IPv6, whoever comes by IPv4 is heard, too.
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start_at(dir.path(), "[::]:0");
    let port = agent.url.parse::<reqwest::Url>().unwrap().port().unwrap();
    for address in [format!("[::1]:{port}"), format!("127.0.0.1:{port}")] {
        let address: SocketAddr = address.parse().unwrap();
        let answer = client().get(format!("http://{address}/healthz")).send().await;
        assert!(answer.is_ok_and(|answer| answer.status().is_success()), "{address}");
    }
}

#[tokio::test]
async fn ready_is_who_can_store_what_happens() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let ask = async || {
        let answer = client().get(format!("{}/readyz", agent.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask().await, (200, "ready".to_owned()));
    // Another program takes the log for itself.
    let other = rusqlite::Connection::open(dir.path().join("log.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    while ask().await.0 == 200 {
        assert!(begun.elapsed() < LIMIT, "it is ready with a log that takes nothing");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (status, said) = ask().await;
    assert!(status == 503 && said.contains("the log takes nothing") && !said.contains("sqlite"), "{said}");
    let (status, refused) = agent.post("/api/v1/runs", SHORT_PLAN.to_owned(), "application/toml").await;
    assert!(
        status == 409 && refused["error"].as_str().unwrap().starts_with("Another program holds the log"),
        "{refused}"
    );
    assert_eq!(agent.get("/api/v1/runs").await.0, 200, "what is stored can still be read");
    assert_eq!(client().get(format!("{}/healthz", agent.url)).send().await.unwrap().status(), 200);
    other.execute_batch("ROLLBACK").unwrap();
    while ask().await.0 != 200 {
        assert!(begun.elapsed() < LIMIT, "it is not ready again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let run = agent.submit(SHORT_PLAN).await;
    agent.wait(&run, LIMIT, |view| state(view) == "done").await;
}
