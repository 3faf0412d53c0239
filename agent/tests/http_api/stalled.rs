//! Owns the proof that a socket which is not read holds up nobody and is told what it missed.
//! Must not know the hub's bounds.

use crate::client::Client;
use crate::page::Page;
use crate::support::{ADMIN, Server};
use shared::event::Body;
use shared::ids::RunId;

/// About 100 kB of an engine's log.
fn lines(n: u64) -> Body {
    Body::EngineLog { lines: (0..100).map(|line| format!("{n} {line} {}", "x".repeat(1000))).collect() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_reads_again_gets_one_gap_in_place_of_what_it_missed() {
    let server = Server::start().await;
    let run = RunId::new(1, 1);
    server.run(&run).await;
    let (mut slow, mut slow_page) = (Client::narrow(&server.host, ADMIN).await, Page::of(run.clone()));
    let (mut quick, mut quick_page) = (Client::greeted(&server.host, ADMIN).await, Page::of(run.clone()));
    for (client, page) in [(&mut slow, &mut slow_page), (&mut quick, &mut quick_page)] {
        client.follow(&run).await;
        while page.begun_at.is_none() {
            page.take(client.hear().await.unwrap());
        }
    }
    // More than lies between the agent and a viewer, and no faster than a viewer that reads can take.
    for round in 0..8u64 {
        let events = (0..4).map(|n| (1, lines(round * 4 + n))).collect();
        server.log.append(&run, events).await.unwrap();
        while quick_page.view.seq < 1 + (round + 1) * 4 {
            quick_page.take(quick.hear().await.unwrap());
        }
    }
    assert_eq!((quick_page.received, quick_page.missed), (32, 0));
    while slow_page.view.seq < quick_page.view.seq {
        slow_page.take(slow.hear().await.unwrap());
    }
    assert_eq!(slow_page.view, quick_page.view);
    assert_eq!(slow_page.accounted(), quick_page.view.seq);
    // Had everything waited for it, nothing would be missing.
    assert!(slow_page.missed >= 16, "only {} events were left out", slow_page.missed);
}
