use super::compared::Reported;
use super::*;

/// Answered, failed and in flight; time to first token and per output token, each mean and 99th percentile; tokens and
/// tokens/s: what result files say that the tools themselves wrote, cut to what is read.
#[test]
fn results_are_read() {
    let check = |tool: &Tool, text: &str, [requests, ttft, tpot, tokens]: [&[f64]; 4]| {
        let of = |values: &[f64], place| values.get(place).copied();
        let expect = Reported {
            completed: of(requests, 0),
            failed: of(requests, 1),
            in_flight: of(requests, 2),
            ttft_mean_ms: of(ttft, 0),
            ttft_p99_ms: of(ttft, 1),
            tpot_mean_ms: of(tpot, 0),
            tpot_p99_ms: of(tpot, 1),
            tokens: of(tokens, 0),
            tokens_per_s: of(tokens, 1),
        };
        assert_eq!((tool.read)(text).unwrap(), expect, "{}", tool.title);
    };
    check(
        &guidellm::TOOL,
        include_str!("fixtures/guidellm-0.8.1.json"),
        [
            &[64.0, 0.0, 8.0],
            &[54.63588610291481, 71.43282890319824],
            &[20.95299811353759, 21.23985593281095],
            &[4096.0, 365.8790910327101],
        ],
    );
    check(
        &aiperf::TOOL,
        include_str!("fixtures/aiperf-0.13.0.json"),
        [
            &[256.0, 0.0, 64.0],
            &[187.62108709375, 559.5854509999999],
            &[22.197272850260415, 27.908996048412693],
            &[16384.0, 2178.2614607528644],
        ],
    );
    check(
        &vllm::TOOL,
        include_str!("fixtures/vllm-0.25.1.json"),
        [
            &[32.0, 0.0, 16.0],
            &[58.489254718743666, 64.66863497003715],
            &[21.17123095089271, 21.45033852650862],
            &[2048.0, 367.45065739174294],
        ],
    );
}

#[test]
fn what_a_result_lacks_is_absent() {
    let check = |tool: &Tool, text: &str| assert_eq!((tool.read)(text).unwrap(), Reported::default(), "{}", tool.title);
    check(&guidellm::TOOL, r#"{"benchmarks": []}"#);
    check(&aiperf::TOOL, "{}");
    check(&vllm::TOOL, "{}");
    check(&inference_benchmarker::TOOL, r#"{"results": []}"#);
    assert!(TOOLS.iter().all(|tool| (tool.read)("not JSON").is_err()));
}
