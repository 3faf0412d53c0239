//! Owns the tests of who may see and start engines, and of what the socket tells of them.
//! Must not know how an engine is started.

use crate::client::Client;
use crate::support::{ADMIN, Server, answer, sentence};
use serde_json::json;
use shared::ids::RunId;
use shared::people::Shared;
use shared::wire::{ClientMessage, EnginesNow, ServerMessage, StartedState};

#[tokio::test]
async fn only_an_operator_starts_engines_and_a_guest_does_not_even_see_them() {
    let server = Server::start().await;
    let engine = json!({ "kind": "builtin" });
    let (status, _) =
        answer(server.anonymous("POST", "/api/v1/engines").bearer_auth(&server.viewer).json(&engine)).await;
    assert_eq!(status, 403);
    let (status, _) = answer(server.anonymous("DELETE", "/api/v1/engines/started").bearer_auth(&server.viewer)).await;
    assert_eq!(status, 403);
    let (status, now) = answer(server.anonymous("GET", "/api/v1/engines/now").bearer_auth(&server.viewer)).await;
    assert_eq!((status, now["started"].is_null()), (200, true));
    let run = RunId::new(7, 7);
    server.run(&run).await;
    let mut guest = Client::greeted(&server.host, &server.link(Shared::Run(run)).await).await;
    guest.say(&ClientMessage::Engines { watch: true }).await;
    assert!(guest.refusal().await.contains("not include"));
    let (status, body) = answer(server.ask("POST", "/api/v1/engines").body("engine")).await;
    assert_eq!((status, sentence(&body).contains("could not be read")), (422, true), "{body}");
}

async fn engines(client: &mut Client) -> EnginesNow {
    loop {
        if let ServerMessage::Engines(now) = client.hear().await.expect("the agent closed") {
            return *now;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_is_told_of_a_start_as_it_goes_on() {
    let server = Server::start().await;
    let mut client = Client::greeted(&server.host, ADMIN).await;
    client.say(&ClientMessage::Engines { watch: true }).await;
    assert_eq!(engines(&mut client).await.started, None);
    let failing = json!({ "kind": "llama_server", "launch": "native", "model": "m", "command": ["sh", "-c", "echo first; echo second; exit 3"] });
    let (status, started) = answer(server.ask("POST", "/api/v1/engines").json(&failing)).await;
    assert_eq!(status, 201, "{started}");
    let mut lines = Vec::new();
    let reason = loop {
        let now = engines(&mut client).await;
        assert_eq!(now.log.before, lines.len() as u64, "a hole or a double");
        lines.extend(now.log.lines);
        match now.started {
            Some(started) if started.state == StartedState::Failed => break started.reason.unwrap(),
            _ => {}
        }
    };
    assert_eq!(lines, ["first", "second"]);
    assert!(reason.contains("exit code 3"), "{reason}");
    client.say(&ClientMessage::Engines { watch: false }).await;
}
