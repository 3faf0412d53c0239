//! Owns the tests of the routes of the disk and of the policy: tried, set, followed, and what it never takes.
//! Must not know how the log keeps it.

use crate::support::{Server, answer, sentence, who};
use serde_json::{Value, json};
use shared::event::RunState;
use shared::ids::RunId;
use shared::people::Side;
use tokenprism::log::REDUCER_VERSION;

async fn ended(server: &Server, n: u32) -> RunId {
    let run = RunId::new(u64::from(n), n);
    server.run(&run).await;
    server.state(&run, 9, RunState::Done).await;
    std::fs::write(server.dir().join(format!("blobs/{run}-t0-a0.rmp.zst")), vec![0; 1_000]).unwrap();
    run
}

async fn send(server: &Server, method: &str, path: &str, body: Value) -> (u16, Value) {
    answer(server.ask(method, path).body(body.to_string())).await
}

fn names(preview: &Value) -> Vec<String> {
    preview["let_go"].as_array().unwrap().iter().map(|of| of["run"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_policy_is_tried_set_and_followed() {
    let server = Server::start().await;
    let (old, pinned, tagged) = (ended(&server, 1).await, ended(&server, 2).await, ended(&server, 3).await);
    let waits = RunId::new(4, 4);
    server.run(&waits).await;
    server.log.pin(Side::Run(pinned.clone()), true, who()).await.unwrap();
    server.log.tag(Side::Run(tagged.clone()), vec!["keep".to_owned()], vec![], who()).await.unwrap();

    let (_, disk) = answer(server.ask("GET", "/api/v1/history/disk")).await;
    assert_eq!((&disk["runs"], &disk["records_bytes"], &disk["bin"]), (&json!(4), &json!(3_000), &json!(0)), "{disk}");
    assert!(disk["log_bytes"].as_u64() > Some(4_096) && disk["free_bytes"].is_u64(), "{disk}");
    let kept: Vec<_> = disk["largest"].as_array().unwrap().iter().map(|of| &of["kept"]).collect();
    assert!(kept.contains(&&json!("pinned")) && kept.contains(&&json!("active")), "{disk}");
    assert_eq!(disk["policy"], json!({ "keep_days": null, "max_bytes": null }));

    // The runs are of 1970: whatever is not kept is too old.
    let policy = json!({ "keep_days": 30 });
    let (status, preview) = send(&server, "POST", "/api/v1/retention/preview", policy.clone()).await;
    assert_eq!((status, names(&preview), &preview["kept"]), (200, vec![old.to_string()], &json!(3)), "{preview}");
    assert_eq!(preview["let_go"][0]["why"], "age");
    // Trying has changed nothing.
    let (_, swept) = send(&server, "POST", "/api/v1/retention/sweep", json!(null)).await;
    assert_eq!(swept, json!({ "binned": 0, "purged": 0, "records_bytes": 0, "events_bytes": 0 }));
    assert_eq!(send(&server, "PUT", "/api/v1/retention", policy).await.0, 200);
    let (_, swept) = send(&server, "POST", "/api/v1/retention/sweep", json!(null)).await;
    assert_eq!((&swept["binned"], &swept["purged"]), (&json!(1), &json!(0)), "{swept}");
    let (_, bin) = answer(server.ask("GET", "/api/v1/history/bin")).await;
    assert_eq!((&bin[0]["item"], &bin[0]["by"]["name"]), (&json!(old), &json!("retention")));
    let (_, audit) = answer(server.ask("GET", "/api/v1/audit?limit=5")).await;
    assert!(audit.to_string().contains("retention set") && audit.to_string().contains("30 days"), "{audit}");

    for (body, words) in [
        (json!({ "keep_days": 0 }), "must be from 1"),
        (json!({ "max_bytes": 5 }), "must be at least"),
        (json!({ "days": 5 }), "could not be read"),
    ] {
        let (status, told) = send(&server, "PUT", "/api/v1/retention", body).await;
        assert_eq!(status, 422, "{told}");
        assert!(sentence(&told).contains(words), "{told}");
    }
}

#[tokio::test]
async fn what_is_gone_for_good_is_gone_from_the_disk_and_stays_so() {
    let server = Server::start().await;
    let (gone, stays) = (ended(&server, 1).await, ended(&server, 2).await);
    for run in [&gone, &stays] {
        server.log.delete(run, Some(who())).await.unwrap();
    }
    let held = server.log.event_bytes().await.unwrap();
    assert!(held[&gone] > 100);
    // As after 7 days of one of them.
    server.log.purge(vec![Side::Run(gone.clone())]).await.unwrap();
    assert_eq!(server.log.event_bytes().await.unwrap().keys().collect::<Vec<_>>(), [&stays]);
    let (_, swept) = send(&server, "POST", "/api/v1/retention/sweep", json!(null)).await;
    assert_eq!((&swept["records_bytes"], &swept["purged"]), (&json!(1_000), &json!(0)), "{swept}");
    assert!(server.dir().join(format!("blobs/{stays}-t0-a0.rmp.zst")).exists(), "what lies in the bin has its records");
    // A log that is made anew knows it no more, and lets nobody write to it.
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("log.sqlite");
    rusqlite::Connection::open(server.dir().join("log.sqlite"))
        .unwrap()
        .execute("VACUUM INTO ?1", [path.to_str().unwrap()])
        .unwrap();
    let anew = tokenprism::log::SqliteLog::open_as(&path, REDUCER_VERSION + 1).unwrap();
    for log in [&server.log, &anew] {
        assert!(log.is_deleted(&gone));
        assert!(log.undelete(Side::Run(gone.clone())).await.is_err());
        let bin = log.bin(9).await.unwrap();
        assert_eq!(bin.iter().map(|row| &row.item).collect::<Vec<_>>(), [&Side::Run(stays.clone())]);
        log.undelete(Side::Run(stays.clone())).await.unwrap();
        assert_eq!(log.rows(9, None).await.unwrap().len(), 1);
        log.delete(&stays, None).await.unwrap();
    }
}
