//! Owns the replay of the stream fixtures: each as it was timed, whole, byte by byte, and cut anywhere.
//! Must not know real servers; `captures` has those.

// Helpers of a test may fail it; clippy exempts only the test functions themselves.

use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tokenprism::stream::{Arrival, Channel, Decoder, Protocol, StreamSummary};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sidecar {
    about: String,
    protocol: Protocol,
    /// Each read: when it returned, ms, and its length, bytes.
    segments: Vec<(u64, usize)>,
    end_ms: u64,
    arrivals: Vec<Expected>,
    summary: StreamSummary,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    t_ms: u64,
    channel: Channel,
    tokens: Option<u32>,
    text_bytes: u32,
}

struct Fixture {
    body: Vec<u8>,
    sidecar: Sidecar,
}

static FIXTURES: LazyLock<BTreeMap<String, Fixture>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/streams");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "sse"));
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let sidecar = fs::read(path.with_extension("json")).unwrap();
            let sidecar = serde_json::from_slice(&sidecar).unwrap_or_else(|error| panic!("{name}.json: {error}"));
            (name, Fixture { body: fs::read(path).unwrap(), sidecar })
        })
        .collect()
});

const NS_PER_MS: u64 = 1_000_000;

fn decode<'a>(
    protocol: Protocol,
    reads: impl IntoIterator<Item = (u64, &'a [u8])>,
    end_ns: u64,
) -> (Vec<Arrival>, StreamSummary) {
    let mut arrivals = Vec::new();
    let mut on_arrival = |arrival| arrivals.push(arrival);
    let mut decoder = Decoder::new(protocol);
    for (t_ns, bytes) in reads {
        decoder.feed(bytes, t_ns, &mut on_arrival);
    }
    let summary = decoder.finish(end_ns, &mut on_arrival);
    (arrivals, summary)
}

/// Feeds `pieces` and compares all but the times with what the fixture expects.
fn check_pieces<'a>(name: &str, how: &str, fixture: &Fixture, pieces: impl IntoIterator<Item = &'a [u8]>) {
    let (arrivals, summary) = decode(fixture.sidecar.protocol, pieces.into_iter().map(|piece| (7, piece)), 7);
    let got: Vec<_> = arrivals.iter().map(|a| (a.channel, a.tokens, a.text_bytes)).collect();
    let expect: Vec<_> = fixture.sidecar.arrivals.iter().map(|a| (a.channel, a.tokens, a.text_bytes)).collect();
    assert_eq!(got, expect, "{name}, {how}");
    let mut expect = fixture.sidecar.summary.clone();
    expect.first_visible_ns = expect.first_visible_ns.map(|_| 7);
    assert_eq!(summary, expect, "{name}, {how}");
}

#[test]
fn every_kind_of_fault_has_a_fixture() {
    for number in (1..=13).chain(19..=28) {
        let prefix = format!("b{number:02}_");
        assert!(FIXTURES.keys().any(|name| name.starts_with(&prefix)), "no fixture for B{number:02}");
    }
}

#[test]
fn replayed_as_timed() {
    for (name, fixture) in FIXTURES.iter() {
        let sidecar = &fixture.sidecar;
        let mut rest = fixture.body.as_slice();
        let mut reads = Vec::new();
        for &(t_ms, len_bytes) in &sidecar.segments {
            let (read, after) = rest.split_at(len_bytes);
            reads.push((t_ms * NS_PER_MS, read));
            rest = after;
        }
        assert!(rest.is_empty(), "{name}: segments do not cover the body");
        let (arrivals, summary) = decode(sidecar.protocol, reads, sidecar.end_ms * NS_PER_MS);
        let expect: Vec<_> = sidecar
            .arrivals
            .iter()
            .map(|a| Arrival {
                t_ns: a.t_ms * NS_PER_MS,
                channel: a.channel,
                tokens: a.tokens,
                text_bytes: a.text_bytes,
            })
            .collect();
        assert_eq!(arrivals, expect, "{name}: {}", sidecar.about);
        assert_eq!(summary, sidecar.summary, "{name}: {}", sidecar.about);
        assert_eq!(summary.output_chunks as usize, arrivals.len(), "{name}");
    }
}

#[test]
fn replayed_whole() {
    for (name, fixture) in FIXTURES.iter() {
        check_pieces(name, "whole", fixture, [fixture.body.as_slice()]);
    }
}

#[test]
fn replayed_byte_by_byte() {
    for (name, fixture) in FIXTURES.iter() {
        check_pieces(name, "byte by byte", fixture, fixture.body.chunks(1));
    }
}

#[test]
fn cut_in_two_at_every_boundary() {
    for (name, fixture) in FIXTURES.iter() {
        for cut in 0..=fixture.body.len() {
            let (head, tail) = fixture.body.split_at(cut);
            check_pieces(name, &format!("cut at {cut}"), fixture, [head, tail]);
        }
    }
}

#[test]
fn the_end_is_known_as_soon_as_it_was_read() {
    for (name, fixture) in FIXTURES.iter() {
        let mut decoder = Decoder::new(fixture.sidecar.protocol);
        assert!(!decoder.is_done(), "{name}");
        decoder.feed(&fixture.body, 0, &mut |_| {});
        // A sentinel without its blank line is completed by the end of the body only.
        let by_end_of_body = name == "b25_done_unterminated";
        assert_eq!(decoder.is_done(), fixture.sidecar.summary.done_seen && !by_end_of_body, "{name}");
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_arrivals(which in any::<prop::sample::Index>(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40)) {
        let (name, fixture) = FIXTURES.iter().nth(which.index(FIXTURES.len())).unwrap();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(fixture.body.len() + 1)).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.iter().copied().chain([fixture.body.len()]) {
            pieces.push(&fixture.body[from..cut]);
            from = cut;
        }
        check_pieces(name, &format!("cut at {cuts:?}"), fixture, pieces);
    }

    /// Whatever a server sends, decoding ends, is bounded, and does not depend on how it was cut.
    #[test]
    fn arbitrary_bytes_are_survived(
        lines in prop::collection::vec(
            prop_oneof![
                Just(b"data: {\"choices\":[{\"text\":\"a\"}]}\n".to_vec()),
                Just(b"data: {\"error\":\"x\n".to_vec()),
                Just(b"event: error\r\n".to_vec()),
                Just(b"\n".to_vec()),
                Just(b"\r".to_vec()),
                prop::collection::vec(any::<u8>(), 0..30),
            ],
            0..12,
        ),
        protocol in prop_oneof![Just(Protocol::OpenAiChat), Just(Protocol::TgiGenerateStream)],
        cut in any::<prop::sample::Index>(),
    ) {
        let body = lines.concat();
        let (head, tail) = body.split_at(cut.index(body.len() + 1));
        let whole = decode(protocol, [(1, body.as_slice())], 1);
        prop_assert_eq!(&whole, &decode(protocol, [(1, head), (1, tail)], 1));
        prop_assert_eq!(&whole, &decode(protocol, body.chunks(1).map(|byte| (1, byte)), 1));
    }
}
