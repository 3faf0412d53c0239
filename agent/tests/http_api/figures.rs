//! Owns the tests of the routes that compute figures anew from records.
//! Must not know how records are stored.

use crate::support::{Server, answer, sentence};
use serde_json::json;
use shared::event::Body;
use shared::ids::RunId;
use shared::outcome::Outcome;
use shared::plan::{Arrival, SloPlan};
use shared::summary::TokenSource;
use tokenprism::record::{Chunk, ClientSide, RequestRecord, Tally, Terms, Window};

const MS: u64 = 1_000_000;

/// Request `id` of a trial: sent every 10 ms, first token after `id + 1` ms, 1 ms a token, three tokens.
fn record(id: u64, began: u64) -> RequestRecord {
    let sent = began + id * 10 * MS;
    let first = sent + (id + 1) * MS;
    RequestRecord {
        sent_ns: Some(sent),
        head_ns: Some(sent),
        chunks: (0..3).map(|i| Chunk { t_ns: first + i * MS, tokens: Some(1) }).collect(),
        first_visible_ns: Some(first),
        end_ns: first + 2 * MS,
        outcome: Outcome::Ok,
        status: Some(200),
        prompt_tokens: Some(4),
        output_tokens: Some(3),
        token_source: TokenSource::ServerUsage,
        ..RequestRecord::due(id, sent)
    }
}

/// A run whose first point has two trials of ten requests after two of warm-up, one of them timed out; whose second
/// point has one without records. What the run itself says of the limits is returned beside it.
async fn measured(server: &Server, limits: SloPlan) -> (RunId, shared::summary::Goodput) {
    let run = RunId::new(1, 1);
    server.run(&run).await;
    let mut tallies = Vec::new();
    for trial in 0..2u32 {
        let began = u64::from(trial) * 1000 * MS;
        let mut records: Vec<_> = (0..12).map(|id| record(id, began)).collect();
        if trial == 1 {
            let last = &mut records[11];
            (last.outcome, last.end_ns, last.chunks) = (Outcome::TimedOut, last.end_ns + 500 * MS, vec![]);
        }
        let mut writer = server.blobs.create(&run, trial).unwrap();
        records.iter().for_each(|record| writer.push(record).unwrap());
        let window = Window {
            start_ns: Some(began + 20 * MS),
            end_ns: Some(began + 120 * MS),
            load_end_ns: records[11].end_ns,
            by_count: true,
            arrival: Arrival::Closed,
        };
        let tally = Tally::of(&records, window, &ClientSide::default());
        let summary = Box::new(tally.summary(&Terms::default()));
        tallies.push(tally);
        let bodies = [
            Body::TrialStarted { trial, point: 0, repeat: trial },
            Body::TrialDone { trial, summary, blob: Some(writer.finish().unwrap()) },
        ];
        server.log.append(&run, bodies.into_iter().map(|body| (began, body)).collect()).await.unwrap();
    }
    let terms = Terms { slo: Some(limits), ..Terms::default() };
    (run, Tally::pooled(&tallies).summary(&terms).goodput.unwrap())
}

#[tokio::test]
async fn goodput_for_any_limits_is_what_the_run_would_have_said() {
    let server = Server::start().await;
    let limits = SloPlan { ttft_ms: Some(6.0), tpot_ms: Some(1.0), e2e_ms: None };
    let (run, expect) = measured(&server, limits).await;
    let (status, rows) = answer(server.ask("GET", &format!("/api/v1/runs/{run}/goodput?ttft_ms=6&tpot_ms=1"))).await;
    assert_eq!(status, 200, "{rows}");
    // First tokens after 3 to 12 ms: four keep the limit in each trial.
    let row = json!([{
        "point": 0, "level": {"concurrency": 1}, "words": "1 in flight", "met": 8, "of": 20,
        "requests_per_s": expect.requests_per_s, "tokens_per_s": expect.tokens_per_s,
    }]);
    assert_eq!((rows, expect.met, expect.of), (row, 8, 20));
}

#[tokio::test]
async fn a_distribution_is_exact_and_says_what_it_does_not_know() {
    let server = Server::start().await;
    let (run, _) = measured(&server, SloPlan { e2e_ms: Some(1.0), ..SloPlan::default() }).await;
    let ask = async |metric: &str| {
        let path = format!("/api/v1/runs/{run}/points/0/distribution?metric={metric}");
        let (status, body) = answer(server.ask("GET", &path)).await;
        assert_eq!(status, 200, "{body}");
        body
    };
    let ttft = ask("ttft").await;
    assert_eq!((&ttft["metric"], &ttft["n"], &ttft["at_least"]), (&"ttft".into(), &19.into(), &1.into()));
    assert_eq!((&ttft["ecdf"][0], &ttft["ecdf"][9]), (&json!([3.0, 0.1]), &json!([12.0, 0.95])));
    let bins = ttft["bins"].as_array().unwrap();
    assert_eq!(bins.iter().map(|bin| bin[2].as_u64().unwrap()).sum::<u64>(), 19);
    assert_eq!((&bins[0][0], &bins[bins.len() - 1][1]), (&3.0.into(), &12.0.into()));
    let gaps = ask("chunk_gap").await;
    assert_eq!((&gaps["n"], &gaps["ecdf"]), (&38.into(), &json!([[1.0, 1.0]])));
    assert_eq!(ask("itl").await["n"], 38);
}

#[tokio::test]
async fn what_cannot_be_computed_is_refused_with_a_sentence() {
    let server = Server::start().await;
    let (run, _) = measured(&server, SloPlan { e2e_ms: Some(1.0), ..SloPlan::default() }).await;
    let check = async |path: &str, status: u16, expect: &str| {
        let (got, body) = answer(server.ask("GET", &format!("/api/v1/runs/{run}{path}"))).await;
        assert_eq!(got, status, "{path}: {body}");
        assert!(sentence(&body).contains(expect), "{path}: {body}");
    };
    check("/goodput", 400, "No limit was given").await;
    check("/goodput?ttft_ms=0", 400, "ttft_ms is 0, but must be").await;
    check("/goodput?tpot_ms=NaN", 400, "tpot_ms is NaN").await;
    check("/goodput?e2e_ms=soon", 400, "The query could not be read").await;
    check("/goodput?p99_ms=1", 400, "The query could not be read").await;
    check("/points/0/distribution", 400, "metric").await;
    check("/points/0/distribution?metric=speed", 400, "\"speed\" is no latency: ask for one of ttft,").await;
    check("/points/x/distribution?metric=ttft", 400, "is not a point number").await;
    check("/points/1/distribution?metric=ttft", 404, "No trial of point 1").await;
    check("/points/9/distribution?metric=ttft", 404, "No trial of point 9").await;
    let summary = Box::new(Tally::default().summary(&Terms::default()));
    let bodies =
        [Body::TrialStarted { trial: 2, point: 1, repeat: 0 }, Body::TrialDone { trial: 2, summary, blob: None }];
    server.log.append(&run, bodies.into_iter().map(|body| (9, body)).collect()).await.unwrap();
    check("/points/1/distribution?metric=ttft", 404, "Trial 2 of").await;
    check("/goodput?ttft_ms=6", 404, "could not be written").await;
    let (status, _) = answer(server.anonymous("GET", &format!("/api/v1/runs/{run}/goodput?ttft_ms=6"))).await;
    assert_eq!(status, 401);
}
