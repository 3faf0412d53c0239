//! Owns the tests of named tokens, links and the audit log over the API: made, listed, used, revoked, noted.
//! Must not know how they are kept.

use crate::support::{ADMIN, PLAN, Server, answer, sentence};
use serde_json::{Value, json};
use shared::ids::RunId;
use shared::people::Shared;

async fn create(server: &Server, wanted: &Value) -> (u16, Value) {
    answer(server.ask("POST", "/api/v1/tokens").json(wanted)).await
}

#[tokio::test]
async fn a_token_is_seen_once_listed_by_name_and_gone_when_revoked() {
    let server = Server::start().await;
    let (status, made) = create(&server, &json!({ "name": " Ada ", "role": "operator", "days": 3 })).await;
    assert_eq!(status, 201, "{made}");
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 64);
    let (status, me) = answer(server.anonymous("GET", "/api/v1/me").bearer_auth(secret)).await;
    let expect = (200, &json!("Ada"), &json!("operator"), &Value::Null);
    assert_eq!((status, &me["who"]["name"], &me["role"], &me["shared"]), expect, "{me}");

    let (_, rows) = answer(server.ask("GET", "/api/v1/tokens")).await;
    let row = rows.as_array().unwrap().iter().find(|row| row["name"] == "Ada").unwrap();
    assert_eq!((&row["role"], &row["by"]["id"]), (&json!("operator"), &json!("admin")));
    let (created, expires) = (row["created_unix_ms"].as_u64().unwrap(), row["expires_unix_ms"].as_u64().unwrap());
    assert_eq!(expires - created, 3 * 24 * 3_600_000);
    assert!(row["used_unix_ms"].as_u64() >= Some(created), "{row}");
    assert!(!rows.to_string().contains(secret), "a token is listed");
    let unused = rows.as_array().unwrap().iter().find(|row| row["name"] == "Vi").unwrap();
    assert_eq!(unused.get("used_unix_ms"), None, "never is not a time");

    let path = format!("/api/v1/tokens/{}", row["token"].as_str().unwrap());
    assert_eq!(answer(server.ask("DELETE", &path)).await.0, 204);
    assert_eq!(answer(server.anonymous("GET", "/api/v1/me").bearer_auth(secret)).await.0, 401);
    let (status, body) = answer(server.ask("DELETE", &path)).await;
    assert!(status == 404 && sentence(&body).contains("revoked already"), "{status} {body}");
    assert_eq!(answer(server.ask("DELETE", "/api/v1/tokens/nonsense")).await.0, 400);
}

#[tokio::test]
async fn a_named_token_signs_in_by_cookie_and_by_url() {
    let server = Server::start().await;
    let sign_in = server.anonymous("POST", "/api/v1/sign-in").json(&json!({ "token": server.viewer }));
    let response = sign_in.send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let (status, me) = answer(server.anonymous("GET", "/api/v1/me").header("cookie", cookie)).await;
    assert_eq!((status, &me["who"]["name"]), (200, &json!("Vi")));
    let response = server.anonymous("GET", &format!("/runs?token={}", server.viewer)).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["location"]), (303, &"/runs".parse().unwrap()));
}

#[tokio::test]
async fn what_cannot_be_a_token_or_a_link_is_refused_in_words() {
    let server = Server::start().await;
    for (wanted, words) in [
        (json!({ "name": "", "role": "viewer" }), "no name"),
        (json!({ "name": "a\nb", "role": "viewer" }), "in one line"),
        (json!({ "name": "Ada", "role": "root" }), "could not be read"),
        (json!({ "name": "Ada", "role": "viewer", "days": 0 }), "from 1 to 3650"),
        (json!({ "name": "Ada", "role": "viewer", "secret": "mine" }), "could not be read"),
    ] {
        let (status, body) = create(&server, &wanted).await;
        assert!(status == 422 && sentence(&body).contains(words), "{wanted}: {status} {body}");
    }
    let run = RunId::new(1, 1);
    server.run(&run).await;
    for (wanted, status, words) in [
        (json!({ "shared": { "run": RunId::new(9, 9) } }), 404, "to share"),
        (json!({ "shared": { "run": "nonsense" } }), 422, "could not be read"),
        (json!({ "shared": { "everything": true } }), 422, "could not be read"),
        (json!({ "shared": { "comparison": [] } }), 422, "of 1 to 64"),
        (json!({ "shared": { "run": run }, "days": 91 }), 422, "from 1 to 90"),
    ] {
        let (got, body) = answer(server.ask("POST", "/api/v1/shares").json(&wanted)).await;
        assert!(got == status && sentence(&body).contains(words), "{wanted}: {got} {body}");
    }
    assert_eq!(answer(server.ask("GET", "/api/v1/shares")).await.1, json!([]));
}

#[tokio::test]
async fn links_are_listed_by_what_they_show() {
    let server = Server::start().await;
    let (run, other) = (RunId::new(1, 1), RunId::new(1, 2));
    server.run(&run).await;
    server.run(&other).await;
    let share = async |shared: Value| {
        let wanted = json!({ "shared": shared });
        let request = server.anonymous("POST", "/api/v1/shares").bearer_auth(&server.operator);
        let (status, made) = answer(request.json(&wanted)).await;
        assert_eq!(status, 201, "{made}");
        made
    };
    let made = share(json!({ "run": run })).await;
    share(json!({ "comparison": [run, other] })).await;
    share(json!({ "run": other })).await;
    let (created, expires) = (&made["row"]["created_unix_ms"], &made["row"]["expires_unix_ms"]);
    assert_eq!(expires.as_u64().unwrap() - created.as_u64().unwrap(), 7 * 24 * 3_600_000);
    assert_eq!((&made["row"]["title"], &made["row"]["by"]["name"]), (&json!("A plan"), &json!("Op")));
    let (_, rows) = answer(server.ask("GET", &format!("/api/v1/shares?of={run}"))).await;
    let shown: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["shared"].clone()).collect();
    assert_eq!(shown, [json!({ "run": run }), json!({ "comparison": [run, other] })]);
    let secret = made["path"].as_str().unwrap().strip_prefix("/s/").unwrap();
    assert_eq!(secret.len(), 64);
    assert!(!rows.to_string().contains(secret), "a link is listed");
}

#[tokio::test]
async fn who_did_what_is_noted_and_listed_the_last_first() {
    let mut server = Server::start().await;
    let created = server.anonymous("POST", "/api/v1/runs").bearer_auth(&server.operator);
    let (_, run) = answer(created.header("content-type", "application/toml").body(PLAN)).await;
    let run = run["run"].as_str().unwrap().to_owned();
    let (_, link) = answer(server.ask("POST", "/api/v1/shares").json(&json!({ "shared": { "run": run } }))).await;
    let share = link["row"]["share"].as_str().unwrap();
    assert_eq!(answer(server.ask("DELETE", &format!("/api/v1/shares/{share}"))).await.0, 204);
    assert_eq!(answer(server.ask("POST", &format!("/api/v1/runs/{run}/cancel"))).await.0, 202);
    // What was refused was not done.
    assert_eq!(answer(server.ask("POST", &format!("/api/v1/runs/{run}/cancel"))).await.0, 409);
    assert_eq!(
        answer(server.ask("PUT", "/api/v1/prices/A100%2080GB").json(&json!({ "usd_per_gpu_hour": 2.0 }))).await.0,
        200
    );
    for _ in 0..3 {
        server.anonymous("POST", "/api/v1/sign-in").json(&json!({ "token": "guess" })).send().await.unwrap();
    }
    let (_, rows) = answer(server.ask("GET", "/api/v1/audit")).await;
    let told = |row: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&row["by"]["name"]), text(&row["action"]), text(&row["object"]))
    };
    let rows: Vec<_> = rows.as_array().unwrap().iter().map(told).collect();
    let admin = "the token printed at start";
    let expect = [
        (admin, "price set", "A100 80GB".to_owned()),
        (admin, "run cancelled", run.clone()),
        (admin, "share revoked", share.to_owned()),
        (admin, "share created", format!("{share} (/runs/{run})")),
        ("Op", "run created", run.clone()),
    ];
    assert!(rows.len() >= 7, "{rows:?}");
    for (row, (by, action, object)) in rows.iter().zip(expect) {
        assert_eq!(row, &(by.to_owned(), action.to_owned(), object));
    }
    assert!(rows[5].1 == "token created" && rows[5].2.contains("operator, Op"), "{rows:?}");

    let (_, page) = answer(server.ask("GET", "/api/v1/audit?limit=2")).await;
    let (_, next) = answer(server.ask("GET", &format!("/api/v1/audit?limit=2&before={}", page[1]["seq"]))).await;
    assert_eq!([told(&page[0]), told(&page[1]), told(&next[0]), told(&next[1])], rows[..4]);
    let (status, _) = answer(server.ask("GET", "/api/v1/audit?limit=201")).await;
    assert_eq!(status, 400);

    // Failed sign-ins are counted, and noted in bulk: once a minute, and at the end.
    server.stop();
    (&mut server.task).await.unwrap().unwrap();
    let last = server.log.audit(1, None).await.unwrap().remove(0);
    assert_eq!((last.by, last.action.as_str()), (None, "sign-in failed 3 times"));
    assert_eq!(last.object.as_deref(), Some("127.0.0.1"));
    let all = format!("{:?}", server.log.audit(1_000, None).await.unwrap());
    assert!(!all.contains("guess") && !all.contains(ADMIN), "{all}");
}

#[tokio::test]
async fn a_link_leads_to_what_it_shows_and_signs_nobody_out() {
    let server = Server::start().await;
    let run = RunId::new(1, 1);
    server.run(&run).await;
    let secret = server.link(Shared::Run(run.clone())).await;
    let response = server.anonymous("GET", &format!("/s/{secret}")).send().await.unwrap();
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers()["location"], format!("/runs/{run}").as_str());
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("tokenprism_link_l") && cookie.contains("; HttpOnly; SameSite=Strict; "), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let as_of = |path: String, cookie: String| answer(server.anonymous("GET", &path).header("cookie", cookie));
    let (status, me) = as_of("/api/v1/me".to_owned(), cookie.clone()).await;
    assert_eq!((status, &me["shared"]), (200, &json!([{ "run": run }])), "{me}");
    assert_eq!(as_of(format!("/api/v1/runs/{run}"), cookie.clone()).await.0, 200);
    // Beside the cookie of whoever signed in it changes nothing, and goes on where that one ends.
    let both = format!("{cookie}; tokenprism={ADMIN}");
    assert_eq!(as_of("/api/v1/tokens".to_owned(), both).await.0, 200);
    let stale = format!("{cookie}; tokenprism=old");
    assert_eq!(as_of(format!("/api/v1/runs/{run}"), stale).await.0, 200);
}
