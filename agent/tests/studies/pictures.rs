//! Owns pictures and reports as a whole: every chart of a measured run and of a ladder, by command line and by HTTP.
//! Must not know how they are drawn. They need the built dashboard, whose chart library draws them.

use crate::fake_nvml::FakeNvml;
use crate::played_engine::{ABLE, play};
use crate::support::{Agent, PROGRAM, SHORT_PLAN, TOKEN, attached, client, finished, state};
use resvg::tiny_skia::Pixmap;
use shared::chart::Theme;
use shared::format;
use shared::ids::{RunId, StudyId};
use shared::view::RunView;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;
use tokenprism::blob::BlobStore;
use tokenprism::log::SqliteLog;
use tokenprism::render::{
    Canvas, Chart, RenderError, Renderer, RunSubject, StudySubject, Subject, Zone, charts, picture, report,
};

const LIMIT: Duration = Duration::from_secs(120);

/// What nobody may be able to put into a file that others open.
const HOSTILE: &str = "</title><script>alert(1)</script> & \"quotes\" 'too' ]]> --> é";

/// Two GPUs with everything that charts show.
const GPUS: &str = r#"
[[device]]
uuid = "GPU-aa11-0000"
name = "NVIDIA L4"
says = { memory_total = 25769803776, memory_used = 12884901888, gpu_busy = 90, memory_busy = 40, power = 60000, sm_clock = 1200, memory_clock = 6251, temperature = 60, throttle_reasons = 32, energy = 1000 }

[[device]]
uuid = "GPU-bb22-0000"
name = "NVIDIA L4"
says = { memory_total = 25769803776, memory_used = 2684354560, gpu_busy = 10, memory_busy = 4, power = 20000, sm_clock = 300, memory_clock = 405, temperature = 40 }
"#;

fn plan() -> String {
    let named = SHORT_PLAN.replace("name = \"Short\"", &format!("name = '''{HOSTILE}'''"));
    format!("{}trials = 2\n[telemetry]\nrate_hz = 10.0\n", named.replace("requests = 12", "duration_s = 1.5"))
}

/// A run that was measured by an agent of its own.
struct Measured {
    agent: Agent,
    data: tempfile::TempDir,
    run: RunId,
}

impl Measured {
    /// One of the hostile plan on the built-in engine.
    async fn start() -> Self {
        Self::of(Command::new(PROGRAM), &plan()).await
    }

    async fn of(command: Command, plan: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let agent = Agent::of(command, data.path(), "127.0.0.1:0");
        let run = agent.submit(plan).await;
        agent.wait(&run, LIMIT, |view| state(view) == "done").await;
        Self { agent, data, run: RunId::try_from(run).unwrap() }
    }

    async fn view(&self) -> Arc<RunView> {
        let log = SqliteLog::open(&self.data.path().join("log.sqlite")).unwrap();
        log.view(&self.run).await.unwrap().unwrap()
    }

    async fn subject(&self) -> Subject {
        let blobs = BlobStore::open(self.data.path().join("blobs")).unwrap();
        Subject::Run(Box::new(RunSubject::of(self.view().await, &blobs)))
    }

    async fn bytes(&self, path: &str) -> (u16, String, Vec<u8>) {
        let response = client().get(format!("{}{path}", self.agent.url)).bearer_auth(TOKEN).send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (response.status().as_u16(), kind, response.bytes().await.unwrap().to_vec())
    }
}

fn tokenprism(args: &[&str], data: &Path) -> Output {
    finished(Command::new(PROGRAM).args(args).arg("--data").arg(data))
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Text as it stands in a drawing.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

/// Draws a chart in both themes and holds the drawing to its definition: title with unit, and every row of data in each
/// series.
fn check(renderer: &Renderer, chart: &Chart) {
    for theme in [Theme::Light, Theme::Dark] {
        let definition = (chart.define)(theme).unwrap();
        let option = serde_json::to_value(&definition.option).unwrap();
        let svg = renderer.svg(chart, &Canvas { theme, ..Canvas::default() }, theme.background()).unwrap();
        let title = option["title"]["text"].as_str().unwrap();
        assert!(svg.text.contains(&escaped(title)), "{}: no title \"{title}\" in {}", chart.name, svg.text);
        let rows = definition.data.rows.len() / definition.data.dimensions.len();
        assert_eq!(svg.drawn.len(), option["series"].as_array().unwrap().len(), "{}", chart.name);
        assert!(rows > 0 && svg.drawn.iter().all(|drawn| *drawn as usize == rows), "{}: {:?}", chart.name, svg.drawn);
        assert!(svg.text.contains(theme.text()) && svg.text.contains(theme.background()), "{}", chart.name);
        resvg::usvg::roxmltree::Document::parse(&svg.text).unwrap();
    }
}

/// Marks of a colour in a drawing.
fn marks(svg: &str, colour: &str) -> usize {
    let document = resvg::usvg::roxmltree::Document::parse(svg).unwrap();
    let is_mark = |node: &resvg::usvg::roxmltree::Node| {
        node.has_tag_name("path") && node.attribute("fill").is_some_and(|fill| fill.eq_ignore_ascii_case(colour))
    };
    document.descendants().filter(is_mark).count()
}

/// A PNG's size, and how many colours it has.
fn seen(png: &[u8]) -> (u32, u32, usize) {
    let pixels = Pixmap::decode_png(png).unwrap();
    let colours: BTreeSet<u32> =
        pixels.pixels().iter().map(|p| u32::from_be_bytes([p.red(), p.green(), p.blue(), 0])).collect();
    (pixels.width(), pixels.height(), colours.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_chart_of_a_run_is_drawn_with_all_its_data() {
    let measured = Measured::start().await;
    let subject = measured.subject().await;
    let (charts, renderer) = (charts(&subject), Renderer::new().unwrap());
    let names: Vec<&str> = charts.iter().map(|chart| chart.name.as_str()).collect();
    for name in [
        "by-level",
        "ttft-by-level",
        "curve-tpot-mean",
        "pareto",
        "throughput",
        "in-flight",
        "ttft",
        "tpot",
        "gaps",
        "scatter",
        "ecdf-ttft",
        "histogram-ttft",
        "ecdf-e2e",
        "host-cpu",
        "host-memory",
    ] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    for chart in &charts {
        check(&renderer, chart);
    }
    // Not only counted: every request of the sample has a mark, every map's cell a rectangle.
    let view = measured.view().await;
    let of = |name: &str| charts.iter().find(|chart| chart.name == name).unwrap();
    let scatter = renderer.svg(of("scatter"), &Canvas::default(), "#ffffff").unwrap();
    let kept = view.scatter.kept.iter().filter(|sample| sample.ttft_ns.is_some()).count();
    assert!(kept > 10);
    assert_eq!(marks(&scatter.text, shared::chart::PALETTE[4]), kept);
    let png = |scale| {
        picture(&subject, "throughput", &Canvas { scale, ..Canvas::default() }, tokenprism::render::Format::Png)
    };
    assert!(matches!(seen(&png(1.0).unwrap()), (800, 360, 16..)));
    assert!(matches!(seen(&png(2.0).unwrap()), (1600, 720, 16..)));
    assert!(matches!(png(99.0), Err(RenderError::Canvas(_))));
    let none = picture(&subject, "nonsense", &Canvas::default(), tokenprism::render::Format::Svg).unwrap_err();
    assert!(none.to_string().contains("There is no chart \"nonsense\" here; there are by-level, "), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machine_is_drawn_and_its_gpus_are_named() {
    let (fake, played) = (FakeNvml::playing(GPUS), play(ABLE));
    played.shows("vllm:num_requests_running 3\nvllm:num_requests_waiting 1\nvllm:kv_cache_usage_perc 0.5\n");
    let mut command = Command::new(PROGRAM);
    command.env("TOKENPRISM_NVML", fake.driver());
    let plan =
        attached(&played.url, "gpus = [\"GPU-aa11\", \"GPU-bb22\"]\n").replace("requests = 12", "duration_s = 1.5");
    let measured = Measured::of(command, &format!("{plan}\n[telemetry]\nrate_hz = 10.0\n")).await;
    let subject = measured.subject().await;
    let (charts, renderer) = (charts(&subject), Renderer::new().unwrap());
    let of = |name: &str| charts.iter().find(|chart| chart.name == name).unwrap_or_else(|| panic!("no {name}"));
    for name in ["kv-cache", "engine-requests", "gpu-memory", "gpu-busy", "gpu-power", "gpu-clocks", "gpu-temperature"]
    {
        check(&renderer, of(name));
    }
    // Nothing beside a picture says which colour is whose.
    let power = renderer.svg(of("gpu-power"), &Canvas::default(), "#ffffff").unwrap();
    assert!(power.text.contains(">aa11<") && power.text.contains(">bb22<"), "{}", power.text);
    let text = report(&subject, &Zone::Utc).unwrap();
    assert!(text.contains("2 × NVIDIA L4") && text.contains("data-chart=\"gpu-power\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_holds_its_figures_and_nothing_that_runs_or_is_loaded() {
    let measured = Measured::start().await;
    let (subject, view) = (measured.subject().await, measured.view().await);
    let text = report(&subject, &Zone::Utc).unwrap();
    // As the page says them.
    for point in &view.points {
        let summary = point.summary.as_ref().unwrap();
        for figure in
            [summary.output_throughput, summary.ttft.mean_ms, summary.tpot.mean_ms, summary.request_throughput]
        {
            let figure = format::bare(figure);
            assert!(text.contains(&format!(">{figure}<")) || text.contains(&format!(">{figure} <")), "no {figure}");
        }
        let interval = format::bare(Some(point.intervals["output_throughput"].half_width));
        assert!(text.contains(&format!("± {interval}")), "no ± {interval}");
    }
    for words in ["1970-01-01", "Verdict", "random weights on the CPU", "concurrency = [", "Definitions"] {
        let is_time = words == "1970-01-01";
        assert!(is_time != text.contains(words), "{words}");
    }
    assert!(text.contains(measured.run.as_str()) && text.contains(" UTC"));
    // Nothing runs, and nothing comes from elsewhere.
    let lower = text.to_lowercase();
    assert!(
        !lower.contains("<script")
            && !lower.contains("javascript:")
            && !lower.contains("<link")
            && !lower.contains("@import")
    );
    assert!(text.contains(&escaped(HOSTILE).replace("&#39;", "'")), "the name is not there");
    let namespaces = ["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"];
    let others = namespaces.iter().fold(text.clone(), |text, namespace| text.replace(namespace, ""));
    assert!(!others.contains("http://") && !others.contains("https://"));
    let (srcs, urls) = (text.matches(" src=").count(), text.matches("url(").count());
    assert_eq!((srcs, text.matches("url(#").count()), (0, urls));
    assert!(text.contains("Content-Security-Policy") && text.contains("default-src 'none'"));
    // Names within the file are of one drawing each.
    let ids: Vec<&str> = text.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    for id in text.split("url(#").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(ids.contains(&id), "{id} is not in the file");
    }
    // Both themes out of one drawing.
    assert!(text.contains("var(--c0)") && !text.contains("class=\"dark\""));
    assert!(text.len() < 3 << 20, "{} bytes", text.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_and_http_draw_the_same() {
    let measured = Measured::start().await;
    let (run, data, out) = (measured.run.as_str(), measured.data.path(), tempfile::tempdir().unwrap());
    let listed = printed(&tokenprism(&["picture", run, "--list"], data));
    let folder = out.path().join("new/folder");
    let written = printed(&tokenprism(&["picture", run, "--out", folder.to_str().unwrap(), "--scale", "1"], data));
    assert_eq!(listed.lines().count(), written.lines().count(), "{listed}\n{written}");
    for file in written.lines() {
        assert!(matches!(seen(&std::fs::read(file).unwrap()), (800, 360, 16..)), "{file}");
    }
    let one = out.path().join("one.svg");
    let args = ["picture", run, "--chart", "tpot", "--theme", "dark", "--width", "640", "--out", one.to_str().unwrap()];
    printed(&tokenprism(&args, data));
    let (status, kind, bytes) =
        measured.bytes(&format!("/api/v1/runs/{run}/pictures/tpot?format=svg&theme=dark&width=640")).await;
    assert_eq!((status, kind.as_str()), (200, "image/svg+xml"));
    assert_eq!(String::from_utf8(bytes).unwrap(), std::fs::read_to_string(&one).unwrap());
    let two = tokenprism(&["picture", run, "--out", one.to_str().unwrap()], data);
    assert!(String::from_utf8_lossy(&two.stderr).contains("choose one with --chart"), "{two:?}");
    let (status, kind, bytes) = measured.bytes(&format!("/api/v1/runs/{run}/pictures/ecdf-ttft?scale=1")).await;
    assert_eq!((status, kind.as_str()), (200, "image/png"));
    assert!(matches!(seen(&bytes), (800, 360, 16..)));
    let (status, kind, bytes) =
        measured.bytes(&format!("/api/v1/compare/pictures/curve-ttft-p50?runs={run},{run}")).await;
    assert_eq!((status, kind.as_str()), (200, "image/png"), "{}", String::from_utf8_lossy(&bytes));
    let (status, pictures) = measured.agent.get(&format!("/api/v1/runs/{run}/pictures")).await;
    let names: Vec<&str> = pictures.as_array().unwrap().iter().map(|of| of["name"].as_str().unwrap()).collect();
    assert_eq!((status, names.len()), (200, listed.lines().count()));
    assert!(listed.lines().zip(names).all(|(line, name)| line.starts_with(name)));
    for (path, status, words) in [
        ("pictures/nonsense", 404, "There is no chart"),
        ("pictures/ttft?format=gif", 400, "svg or png"),
        ("pictures/ttft?theme=blue", 400, "light or dark"),
        ("pictures/ttft?scale=9", 400, "scale is 9"),
    ] {
        let (found, answer) = measured.agent.get(&format!("/api/v1/runs/{run}/{path}")).await;
        assert_eq!(found, status, "{path} {answer}");
        assert!(answer["error"].as_str().unwrap().contains(words), "{answer}");
    }
    let html = out.path().join("report.html");
    printed(&tokenprism(&["report", run, "--out", html.to_str().unwrap()], data));
    let (status, kind, bytes) = measured.bytes(&format!("/api/v1/runs/{run}/report")).await;
    assert_eq!((status, kind.as_str()), (200, "text/html; charset=utf-8"));
    let body = |text: &str| text.split("<footer").next().unwrap().to_owned();
    assert_eq!(body(&String::from_utf8(bytes).unwrap()), body(&std::fs::read_to_string(&html).unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_and_costs_at_a_price_are_drawn_where_they_are_asked_for() {
    let measured = Measured::start().await;
    let (run, data, out) = (measured.run.as_str(), measured.data.path(), tempfile::tempdir().unwrap());
    let file = |name: &str| out.path().join(name).to_str().unwrap().to_owned();
    let id = measured.view().await.scatter.kept.iter().find(|sample| sample.ttft_ns.is_some()).unwrap().id;
    let (number, one) = (id.to_string(), file("one.svg"));
    printed(&tokenprism(&["picture", run, "--request", &number, "--out", &one], data));
    let (status, _, bytes) = measured.bytes(&format!("/api/v1/runs/{run}/pictures/request-{id}?format=svg")).await;
    assert_eq!((status, String::from_utf8(bytes).unwrap()), (200, std::fs::read_to_string(&one).unwrap()));
    let listed = printed(&tokenprism(&["picture", run, "--request", &number, "--list"], data));
    assert!(listed.contains(&format!("request-{id} ")), "{listed}");
    let cost = file("cost.svg");
    let both = ["picture", run, run, "--chart", "curve-cost-per-mtok", "--out", &cost];
    let refused = |args: &[&str], words: &str| {
        let output = tokenprism(args, data);
        assert!(String::from_utf8_lossy(&output.stderr).contains(words), "{output:?}");
    };
    refused(&["picture", run, "--request", "999999999", "--out", &one], "is in no trial that has ended");
    refused(&["picture", run, run, "--request", &number, "--out", &one], "--request is of one run");
    refused(&["picture", run, "--price", "2.5", "--out", &one], "there are no curves");
    refused(&["picture", run, run, "--price", "0", "--list"], "above zero");
    // No GPU, so no cost of its own.
    refused(&both, "There is no chart \"curve-cost-per-mtok\"");
    printed(&tokenprism(&[&both[..], &["--price", "2.5"]].concat(), data));
    let costs = format!("/api/v1/compare/pictures/curve-cost-per-mtok?runs={run},{run}&format=svg");
    let (status, _, bytes) = measured.bytes(&format!("{costs}&price=2.5")).await;
    assert_eq!((status, String::from_utf8(bytes).unwrap()), (200, std::fs::read_to_string(&cost).unwrap()));
    let html = file("report.html");
    printed(&tokenprism(&["report", run, run, "--price", "2.5", "--out", &html], data));
    assert!(std::fs::read_to_string(html).unwrap().contains("at 2.5 USD an hour"));
    for (path, status, words) in [
        (costs.clone(), 404, "There is no chart"),
        (format!("{costs}&price=-1"), 400, "above zero"),
        (format!("/api/v1/runs/{run}/pictures/ttft?price=2.5"), 400, "no curves"),
        (format!("/api/v1/runs/{run}/pictures/request-999999999"), 404, "is in no trial"),
    ] {
        let (found, answer) = measured.agent.get(&path).await;
        assert_eq!(found, status, "{path} {answer}");
        assert!(answer["error"].as_str().unwrap().contains(words), "{answer}");
    }
}

#[test]
fn a_ladder_is_drawn_and_reported_from_its_file() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/evidence/h100-decomposition/decomposition.json");
    let study = serde_json::from_slice::<serde_json::Value>(&std::fs::read(&file).unwrap()).unwrap();
    let view: shared::study::StudyView = serde_json::from_value(study["study"].clone()).unwrap();
    let id: StudyId = view.study.clone();
    let steps = view.decomposition.as_ref().unwrap().cases[0].steps.clone();
    let subject = Subject::Study(Box::new(StudySubject { view, runs: Vec::new() }));
    let (charts, renderer) = (charts(&subject), Renderer::new().unwrap());
    let names: Vec<&str> = charts.iter().map(|chart| chart.name.as_str()).collect();
    assert!(names.contains(&"waterfall-latency-bound-output-throughput"), "{names:?}");
    assert!(names.contains(&"waterfall-throughput-bound-ttft-mean"), "{names:?}");
    assert!(names.contains(&"left-out-latency-bound-output-throughput"), "{names:?}");
    charts.iter().for_each(|chart| check(&renderer, chart));
    let text = report(&subject, &Zone::Utc).unwrap();
    assert!(text.contains(id.as_str()));
    for rung in &steps {
        assert!(text.contains(&format!(">{}<", escaped(&rung.label).replace("&#39;", "'"))), "{}", rung.label);
        let against = rung.against.get("output_throughput");
        let factor = shared::said::compared::factor(against.and_then(|against| against.ratio));
        assert!(text.contains(&factor), "{factor}");
    }
    let out = tempfile::tempdir().unwrap();
    let html = out.path().join("ladder.html");
    let args = ["report", file.to_str().unwrap(), "--out", html.to_str().unwrap()];
    printed(&tokenprism(&args, out.path()));
    assert!(std::fs::read_to_string(html).unwrap().contains("<figure"));
}
