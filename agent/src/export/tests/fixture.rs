//! Owns the runs that the tests of this room export: one of our own with records and telemetry, and imported ones.
//! Must not know what is tested.

use crate::blob::BlobStore;
use crate::export::{Content, Exported, Exporter, Format, tar};
use crate::import::{Found, Importer, Intake, is_archive, walk};
use crate::log::SqliteLog;
use crate::record::{Chunk, ClientSide, RequestRecord, Tally, Terms, Window, intervals};
use crate::render::RenderError;
use shared::engine::{EngineInfo, Gpu};
use shared::event::{Body, Host, RunState};
use shared::ids::{RunId, StudyId};
use shared::outcome::Outcome;
use shared::plan::{Arrival, Plan};
use shared::study::StudyPlace;
use shared::summary::TokenSource;
use shared::telemetry::{Began, GpuFacts, Group, KV_USED, MEMORY_USED, Samples};
use shared::wire::ImportReport;
use std::io::Read;
use std::path::{Path, PathBuf};

pub const MS: u64 = 1_000_000;
pub const S: u64 = 1_000_000_000;

const PLAN: &str = "schema = 1\nname = \"QA, two levels\"\n[engine]\nkind = \"vllm\"\nlaunch = \"native\"\n\
    model = \"m\"\n[engine.params]\nmax_num_seqs = 64\nprefix_caching = false\n[workload]\ninput_tokens = 8\n\
    output_tokens = 4\n[load]\nconcurrency = [1, 4]\nrequests = 6\ntrials = 2\n[slo]\nttft_ms = 50.0\n";

/// How often a test waits for its turn to draw.
const TURNS: usize = 10;

/// A log and its records.
pub struct Store {
    pub dir: tempfile::TempDir,
    pub log: SqliteLog,
    pub blobs: BlobStore,
}

impl Store {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = SqliteLog::open(&dir.path().join("log.sqlite")).unwrap();
        let blobs = BlobStore::open(dir.path().join("blobs")).unwrap();
        Self { dir, log, blobs }
    }

    /// The bytes of an export; of a folder those of its tar archive. All tests of this process draw in turns, so one that is
    /// told to try again does.
    pub async fn bytes(&self, run: &RunId, format: Format) -> Vec<u8> {
        let exporter = Exporter::new(self.log.clone(), self.blobs.clone());
        for _ in 0..TURNS {
            match exporter.run(run, format).await {
                Err(error) if error.to_string() == RenderError::Busy.to_string() => {}
                done => return flat(done.unwrap_or_else(|error| panic!("{format:?}: {error}"))),
            }
        }
        panic!("{format:?}: others drew for too long")
    }

    pub async fn refusal(&self, run: &RunId, format: Format) -> String {
        let exporter = Exporter::new(self.log.clone(), self.blobs.clone());
        exporter.run(run, format).await.unwrap_err().to_string()
    }

    pub async fn import(&self, files: &[(String, Vec<u8>)]) -> ImportReport {
        let mut intake = Intake::default();
        for (name, bytes) in files {
            let mut file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut file, bytes).unwrap();
            if is_archive(&file) { intake.take_archive(name, file) } else { intake.take(name, bytes) }
        }
        Importer::new(self.log.clone(), self.blobs.clone()).import(intake).await.unwrap()
    }

    /// What a folder of this disk becomes.
    pub async fn import_folder(&self, folder: PathBuf) -> Vec<RunId> {
        let files: Vec<(String, Vec<u8>)> = walk(&[folder])
            .into_iter()
            .map(|found| match found {
                Found::File { name, path } => (name, std::fs::read(path).unwrap()),
                Found::LeftOut { name, why } => panic!("{name}: {why}"),
            })
            .collect();
        self.import(&files).await.new_runs().into_iter().cloned().collect()
    }

    /// A run of ours whose trials have these records; blobs and telemetry with it.
    pub async fn own_run(&self, trials: &[Vec<RequestRecord>]) -> RunId {
        let run = RunId::new(1_764_719_201_000, 7);
        let plan = Plan::from_toml(PLAN).unwrap();
        let terms = Terms { slo: plan.slo.clone(), ..Terms::default() };
        let (host, agent_version) = (Host { name: "box".to_owned(), cores: 8, cpu: None }, "0.1.0".to_owned());
        let created = Body::Created {
            run: run.clone(),
            plan: Box::new(plan),
            anchor_unix_ms: 1_764_719_201_000,
            host,
            agent_version,
        };
        let place = StudyPlace { study: StudyId::new(5, 5), index: 0, label: "first".to_owned() };
        let gpu = Gpu { name: Some("L4".to_owned()), uuid: Some("GPU-1".to_owned()), bounds: None };
        let engine = EngineInfo {
            label: "vLLM 0.25.1".to_owned(),
            model: "m".to_owned(),
            gpus: vec![gpu],
            ..EngineInfo::default()
        };
        let facts = GpuFacts { source: "gpu:GPU-1".to_owned(), memory_bytes: Some(24 << 30), ..GpuFacts::default() };
        let mut items = vec![
            (0, created),
            (0, Body::OfStudy(place)),
            (1, Body::State { state: RunState::Starting, reason: None }),
            (2, Body::TelemetryBegan(Began { rate_hz: 10.0, gpus: vec![facts], no_gpus: None })),
            (3, Body::EngineReady(Box::new(engine))),
            (4, Body::State { state: RunState::Running, reason: None }),
        ];
        let mut tallies = Vec::new();
        for (trial, records) in (0u32..).zip(trials) {
            let (point, repeat) = (trial / 2, trial % 2);
            let begun = u64::from(trial) * 10 * S;
            items.push((begun + 5, Body::TrialStarted { trial, point, repeat }));
            items.push((begun + 6, Body::WindowOpened { trial }));
            items.extend(reads(begun));
            let mut blob = self.blobs.create(&run, trial).unwrap();
            records.iter().for_each(|record| blob.push(record).unwrap());
            let blob = Some(blob.finish().unwrap());
            let load_end_ns = begun + 9 * S;
            let window =
                Window { start_ns: Some(begun), end_ns: None, load_end_ns, by_count: true, arrival: Arrival::Closed };
            let tally = Tally::of(records, window, &ClientSide::default());
            items.push((load_end_ns, Body::TrialDone { trial, summary: Box::new(tally.summary(&terms)), blob }));
            tallies.push(tally);
            if repeat == 1 {
                let of_point = &tallies[tallies.len() - 2..];
                let summary = Box::new(Tally::pooled(of_point).summary(&terms));
                items.push((load_end_ns, Body::PointDone { point, summary, intervals: intervals(of_point, &terms) }));
            }
        }
        let end = trials.len() as u64 * 10 * S;
        items.push((end, Body::Judged { findings: vec![], caveats: vec![] }));
        items.push((end, Body::State { state: RunState::Done, reason: None }));
        self.log.append(&run, items).await.unwrap();
        run
    }
}

/// Reads of the KV cache and of a GPU's memory during a trial, one of them without an answer.
fn reads(begun: u64) -> Vec<(u64, Body)> {
    let samples = |source: &str, key: &str, values: Vec<i64>| {
        let at_ns = (0..values.len() as u64).map(|at| begun + S + at * 100 * MS).collect();
        let group = Group { at_ns, took_ns: vec![], keys: vec![key.to_owned()], values };
        (begun + 2 * S, Body::Samples(Samples { source: source.to_owned(), groups: vec![group], dropped: 0 }))
    };
    let gib = 1i64 << 30;
    vec![
        samples("engine", KV_USED.key, vec![0, 125_000, -10_005, 291_429]),
        samples("gpu:GPU-1", MEMORY_USED.key, vec![20 * gib, 21 * gib, 20 * gib + 512]),
    ]
}

/// A request of `tokens` tokens, a chunk each, that began `sent_ms` into its trial.
pub fn record(trial: u64, id: u64, sent_ms: u64, tokens: u32) -> RequestRecord {
    let sent = trial * 10 * S + sent_ms * MS;
    let chunks: Vec<Chunk> =
        (0..u64::from(tokens)).map(|i| Chunk { t_ns: sent + (20 + i * 13) * MS + id, tokens: Some(1) }).collect();
    RequestRecord {
        sent_ns: Some(sent),
        head_ns: Some(sent + MS),
        end_ns: chunks.last().map_or(sent, |chunk| chunk.t_ns) + MS,
        chunks,
        outcome: Outcome::Ok,
        status: Some(200),
        prompt_tokens: Some(8),
        output_tokens: Some(tokens),
        token_source: TokenSource::ServerUsage,
        ..RequestRecord::due(id, sent)
    }
}

/// Four trials of six requests.
pub fn trials() -> Vec<Vec<RequestRecord>> {
    let trial = |trial: u64| (0..6).map(|id| record(trial, trial * 6 + id, id * 200, 4 + id as u32 % 2)).collect();
    (0..4).map(trial).collect()
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/import")
}

/// The bytes of an export, however it is held.
pub fn flat(exported: Exported) -> Vec<u8> {
    let mut bytes = Vec::new();
    match exported.content {
        Content::Bytes(of) => bytes = of,
        Content::Spooled(mut file) => drop(file.read_to_end(&mut bytes).unwrap()),
        Content::Folder(parts) => tar(&exported.name, &parts, &mut bytes).unwrap(),
    }
    bytes
}
