//! Owns requests that are slow, long or strange: they end, are refused, and keep nobody else waiting.
//! Must not know how.

use crate::support::{ADMIN, Server, answer};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Above every limit of the agent on how long a request may take to arrive.
const LIMIT: Duration = Duration::from_secs(120);

/// Sends a beginning, then a byte at a time, until the agent closes; what it said.
async fn trickle(host: &str, beginning: &str, byte: &str) -> String {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(beginning.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let feed = async {
        loop {
            sleep(Duration::from_millis(500)).await;
            if write.write_all(byte.as_bytes()).await.is_err() {
                // Reading tells how it ended.
                std::future::pending::<()>().await;
            }
        }
    };
    let answered = async {
        let mut answer = Vec::new();
        // A connection that is reset has been closed, too.
        drop(read.read_to_end(&mut answer).await);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let both = async {
        tokio::select! {
            answer = answered => answer,
            () = feed => String::new(),
        }
    };
    timeout(LIMIT, both).await.expect("the agent waits for a slow sender for ever")
}

/// Sends a beginning and nothing more until the agent closes; what it said.
async fn stall(host: &str, beginning: &str) -> String {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(beginning.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let ended = timeout(LIMIT, stream.read_to_end(&mut answer)).await;
    drop(ended.expect("the agent waits for the rest for ever"));
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_a_byte_at_a_time_is_cut_off_and_nobody_waits_for_it() {
    let server = Server::start().await;
    let host = server.host.clone();
    let head = format!("GET /api/v1/runs HTTP/1.1\r\nhost: {host}\r\nx: ");
    let body = format!(
        "POST /api/v1/runs HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {ADMIN}\r\ncontent-type: application/toml\r\n\
         content-length: 60000\r\n\r\n"
    );
    let guess = format!("POST /api/v1/sign-in HTTP/1.1\r\nhost: {host}\r\ncontent-length: 60000\r\n\r\n");
    let form = format!(
        "POST /api/v1/imports HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {ADMIN}\r\ncontent-length: 60000\r\n\
         content-type: multipart/form-data; boundary=b\r\n\r\n--b\r\ncontent-disposition: form-data; name=\"files\"; \
         filename=\"half.json\"\r\n\r\n{{\"half\": "
    );
    let nothing = String::new();
    let slow = async {
        tokio::join!(
            trickle(&host, &head, "y"),
            trickle(&host, &body, "#"),
            trickle(&host, &guess, " "),
            trickle(&host, &nothing, "G"),
            stall(&host, &form)
        )
    };
    let others = async {
        for _ in 0..20 {
            assert_eq!(answer(server.ask("GET", "/api/v1/runs")).await.0, 200);
            sleep(Duration::from_millis(50)).await;
        }
    };
    let ((of_head, of_body, of_guess, _, of_form), ()) = tokio::join!(slow, others);
    assert!(!of_head.contains(" 200 "), "{of_head}");
    for answer in [of_body, of_guess, of_form] {
        assert!(answer.contains(" 408 ") && answer.contains("did not arrive within"), "{answer}");
    }
    assert!(server.log.rows(10, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn heads_without_end_or_sense_are_refused() {
    let server = Server::start().await;
    let host = &server.host;
    let long = "x".repeat(1 << 20);
    let many = "x: y\r\n".repeat(500);
    for head in [
        format!("GET /{long} HTTP/1.1\r\nhost: {host}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {host}\r\nx: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {host}\r\n{many}\r\n"),
        "\u{16}\u{3}\u{1}\u{2}".to_owned(),
        format!("GET / HTTP/9.9\r\nhost: {host}\r\n\r\n"),
        format!("POST /api/v1/runs HTTP/1.1\r\nhost: {host}\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
        format!("POST /api/v1/runs HTTP/1.1\r\nhost: {host}\r\ncontent-length: -1\r\n\r\n"),
    ] {
        let mut stream = TcpStream::connect(host).await.unwrap();
        // It may close before it has read all.
        drop(stream.write_all(head.as_bytes()).await);
        let mut answer = Vec::new();
        drop(timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("no end"));
        let answer = String::from_utf8_lossy(&answer);
        let begin: String = head.chars().take(60).collect();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4"),
            "{begin}: {answer}"
        );
    }
    assert_eq!(answer(server.ask("GET", "/api/v1/runs")).await.0, 200);
}
