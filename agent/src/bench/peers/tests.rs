use super::compared::Reported;
use super::*;

/// What each tool's result file says, by files that the tools themselves wrote, cut to what is read.
#[test]
fn results_are_read() {
    let check = |tool: &Tool, text: &str, expect: Reported| assert_eq!((tool.read)(text).unwrap(), expect);
    check(&guidellm::TOOL, include_str!("fixtures/guidellm-0.8.1.json"), Reported::default());
    check(&aiperf::TOOL, include_str!("fixtures/aiperf-0.13.0.json"), Reported::default());
    check(&vllm::TOOL, include_str!("fixtures/vllm-0.25.1.json"), Reported::default());
    check(&inference_benchmarker::TOOL, include_str!("fixtures/inference-benchmarker-1.1.0.json"), Reported::default());
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
