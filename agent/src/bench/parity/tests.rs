use super::compared::{Ours, Theirs, sides};
use super::cut::cut;
use super::figures::FIGURES;
use super::kept::Trial;
use super::timeline::Timeline;
use super::verdict::Verdict;
use super::*;
use shared::outcome::Outcome;

/// What the tools themselves wrote of a short trial, cut as it is kept.
const RESULTS: [(&str, &str); 3] = [
    ("guidellm", include_str!("fixtures/guidellm.json")),
    ("aiperf", include_str!("fixtures/aiperf.json")),
    ("vllm", include_str!("fixtures/vllm.json")),
];

/// A request of two tokens sent at that ms whose first came after 100 ms and the second after 20 more, `late_ms` later
/// than the server wrote them.
fn request(id: u64, sent_ms: u64, late_ms: u64) -> Timeline {
    let chunks_us = vec![(100 + late_ms) * 1000, 20_000];
    Timeline {
        id,
        sent_us: sent_ms * 1000,
        connect_us: (id == 0).then_some(1000),
        end_us: sent_ms * 1000 + chunks_us.iter().sum::<u64>(),
        chunks_us,
        outcome: Outcome::Ok,
        prompt_tokens: Some(8),
        output_tokens: Some(2),
    }
}

/// A trial of ours of one stream after the other.
fn ours(late_ms: u64) -> Trial {
    let requests = |late_ms| (0..4).map(|id| request(id, 10 + id * 125, late_ms)).collect();
    let seen =
        ours::Seen { begin_ns: 0, window_us: (Some(10_000), Some(510_000), 510_000), requests: requests(late_ms) };
    Trial { seen: Some(seen), served: Some(requests(0)), ..Trial::default() }
}

fn theirs(mean_ttft_ms: f64) -> Trial {
    let result = serde_json::json!({
        "completed": 4, "duration": 0.5, "request_throughput": 8.0, "output_throughput": 16.0, "model_id": "m",
        "num_prompts": 4, "max_concurrency": 1, "mean_ttft_ms": mean_ttft_ms, "mean_tpot_ms": 20.0
    });
    let served = (0..4).map(|id| request(id, 10 + id * 125, 0)).collect();
    Trial { result: Some(result), served: Some(served), ..Trial::default() }
}

#[test]
fn every_figure_is_set_beside_its_own_truth() {
    let definition = definition("vllm").unwrap();
    let verdict = |late_ms, mean_ttft_ms, name: &str| {
        let (ours, theirs) = (Ours::of(&ours(late_ms)).unwrap(), Theirs::of(&theirs(mean_ttft_ms)).unwrap().unwrap());
        let place = FIGURES.iter().position(|figure| figure.name == name).unwrap();
        sides(&[ours], &[theirs], &definition)[place]
    };
    let same = verdict(0, 100.5, "TTFT mean, ms");
    assert_eq!(
        (same.ours, same.ours_true, same.theirs, same.theirs_true),
        (Some(100.0), Some(100.0), Some(100.5), Some(100.0))
    );
    // One connection of 1 ms among four requests.
    assert_eq!((same.alike, same.verdict()), (Some(100.25), Verdict::Same));
    let late = verdict(0, 130.0, "TTFT mean, ms").verdict();
    let Verdict::Differs(why) = late else { panic!("{late:?}") };
    assert_eq!(why, "by its own definition theirs is +30.00 % from what the server did, ours +0.25 %");
    assert_eq!(verdict(0, 100.0, "TPOT p99, ms").verdict(), Verdict::Unsaid);
    assert_eq!(verdict(0, 100.0, "requests that ended well").verdict(), Verdict::Same);
}

#[test]
fn results_of_the_tools_are_read_whole_and_cut_without_loss() {
    for (program, text) in RESULTS {
        let value = cut(text).unwrap();
        assert_eq!(value, serde_json::from_str::<serde_json::Value>(text).unwrap(), "{program} was cut before");
        let trial = Trial { result: Some(value), ..Trial::default() };
        let reported = trial.reported().unwrap().unwrap();
        assert!(definition(program).is_ok());
        for name in
            ["TTFT mean, ms", "TTFT p99, ms", "TPOT mean, ms", "end to end mean, ms", "output tokens/s", "requests/s"]
        {
            let figure = FIGURES.iter().find(|figure| figure.name == name).unwrap();
            assert!((figure.of)(&reported).is_some_and(|value| value > 0.0), "{program} does not say {name}");
        }
    }
}

#[test]
fn engines_are_named_by_host_and_port() {
    let check = |url: &str, expect: Option<(&str, u16)>| {
        let got = engine(url).map(|server| server.host_and_port()).ok();
        assert_eq!(got, expect.map(|(host, port)| (host.to_owned(), port)), "{url}");
    };
    check("http://gpu-host:8000", Some(("gpu-host", 8000)));
    check("http://10.0.0.1/", Some(("10.0.0.1", 80)));
    for wrong in ["https://gpu-host:8000", "http://gpu-host:8000/v1", "gpu-host:8000", ""] {
        check(wrong, None);
    }
}

/// The page of the repository says what its files say, and nobody has written into it.
#[test]
fn the_page_is_what_its_files_come_to() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/evidence/parity.md");
    let folder = Folder::beside(&page);
    let expect = super::page(&folder, &folder.setting().unwrap()).unwrap();
    let is = std::fs::read_to_string(&page).unwrap();
    assert!(
        is == expect,
        "docs/evidence/parity.md is not what its files come to: run `cargo xtask parity --page-only`"
    );
}
