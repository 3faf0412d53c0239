//! Owns what the agent shows to a Prometheus that scrapes it: the machine, runs under way, and what these see of it now.
//! Must not know how any of it is measured. Values are in Prometheus' base units; what is unknown is left out.

use super::App;
use super::error::Refusal;
use super::runs::MAX_ROWS;
use axum::extract;
use axum::http::header;
use axum::response::IntoResponse;
use shared::ids::RunId;
use shared::outcome::Ended;
use shared::roofline::Limit;
use shared::summary::{Distribution, Summary};
use shared::telemetry::{Field, GpuFacts, Kind, Observer, SIGNALS, Signal};
use shared::units::ns_to_s;
use shared::view::{MachineView, RunView, Telemetry, Track};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Begins every name.
const PREFIX: &str = "tokenprism_";
/// The text format, by its version.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics of the machine and of the runs under way, in Prometheus' text format. The machine is read for whoever asks, and
/// for 150 s after that; the first who asks waits up to 2 s for it.
#[utoipa::path(get, path = "/metrics", tag = "agent", responses(
    (status = 200, description = "The machine and runs under way, in Prometheus' text format", body = String)))]
pub(super) async fn metrics(extract::State(app): extract::State<App>) -> Result<impl IntoResponse, Refusal> {
    let rows = app.state.log.rows(MAX_ROWS, None).await?;
    let mut page = Page::default();
    page.info(&app.state.agent_version);
    if let Some(machine) = app.state.machine.look().await {
        page.machine(&machine);
    }
    for row in rows.into_iter().filter(|row| !row.state.is_final()) {
        if let Some(view) = app.state.log.view(&row.run).await? {
            page.run(&row.run, &view);
        }
    }
    Ok(([(header::CONTENT_TYPE, TEXT_FORMAT)], page.text()))
}

/// A page under way: each metric by its name.
#[derive(Default)]
struct Page(BTreeMap<String, Family>);

/// One metric.
struct Family {
    kind: &'static str,
    /// Labels and value of each sample.
    samples: Vec<(String, f64)>,
}

impl Page {
    fn info(&mut self, version: &str) {
        self.add("agent_info".to_owned(), "gauge", format!("version=\"{}\"", escaped(version)), 1.0);
    }

    fn machine(&mut self, view: &MachineView) {
        for GpuFacts { uuid, name, memory_bytes, slice_of, .. } in
            view.telemetry.began.iter().flat_map(|began| &began.gpus)
        {
            let of_gpu = format!("gpu=\"{}\"", escaped(uuid));
            let mut facts = format!("{of_gpu},name=\"{}\"", escaped(name.as_deref().unwrap_or_default()));
            // Whoever sums over GPUs leaves out slices, or the whole ones that are cut.
            if let Some(whole) = slice_of {
                facts.push_str(&format!(",slice_of=\"{}\"", escaped(whole)));
            }
            self.add("gpu_info".to_owned(), "gauge", facts, 1.0);
            if let Some(bytes) = memory_bytes {
                self.add("gpu_memory_bytes".to_owned(), "gauge", of_gpu, *bytes as f64);
            }
        }
        self.telemetry(None, &view.telemetry, view.now_ns);
    }

    fn run(&mut self, run: &RunId, view: &RunView) {
        let of_run = format!("run=\"{}\"", run.as_str());
        let (name, engine) = view
            .header
            .as_ref()
            .map_or(("", ""), |header| (header.plan.name.as_str(), header.plan.engine.kind.label()));
        let state = view.run_state().label();
        let facts = format!("{of_run},name=\"{}\",engine=\"{}\",state=\"{state}\"", escaped(name), escaped(engine));
        self.add("run_info".to_owned(), "gauge", facts, 1.0);
        self.add("run_requests_in_flight".to_owned(), "gauge", of_run.clone(), f64::from(view.in_flight));
        self.add("run_requests_due_and_unsent".to_owned(), "gauge", of_run.clone(), f64::from(view.waiting));
        let Ended { ok, failed, cancelled } = view.ended;
        for (outcome, n) in [("ok", ok), ("failed", failed), ("cancelled", cancelled)] {
            let labels = format!("{of_run},outcome=\"{outcome}\"");
            self.add("run_requests_total".to_owned(), "counter", labels, n as f64);
        }
        let millitokens: u64 = view.series.bins.iter().map(|bin| bin.millitokens).sum();
        self.add("run_output_tokens_total".to_owned(), "counter", of_run.clone(), millitokens as f64 / 1000.0);
        if let Some(usd) = view.spending.usd(view.last_ns) {
            self.add("run_cost_dollars_total".to_owned(), "counter", of_run.clone(), usd);
        }
        for point in &view.points {
            if let Some(summary) = &point.summary {
                self.point(&format!("{of_run},point=\"{}\"", escaped(&point.words())), summary);
            }
        }
        self.telemetry(Some(&of_run), &view.telemetry, view.last_ns);
        self.observer(&of_run, &view.telemetry.observer);
    }

    /// What sources tell, with a label of whom they are read for, unless it is for everybody.
    fn telemetry(&mut self, of: Option<&str>, telemetry: &Telemetry, now_ns: u64) {
        for track in &telemetry.tracks {
            let (room, of_gpu) = match track.source.strip_prefix(Telemetry::GPU) {
                Some(uuid) => ("gpu", Some(format!("gpu=\"{}\"", escaped(uuid)))),
                None => (track.source.as_str(), None),
            };
            let labels: Vec<&str> = of.into_iter().chain(of_gpu.as_deref()).collect();
            if let Some(signal) = SIGNALS.iter().find(|signal| signal.key == track.signal) {
                self.signal(room, *signal, labels.join(","), track, telemetry.now_of(track, now_ns));
            }
        }
        self.troubles(of, telemetry);
    }

    /// Which GPUs are lost, of all that are known, and the errors that the driver reported of them.
    fn troubles(&mut self, of: Option<&str>, telemetry: &Telemetry) {
        for gpu in telemetry.gpus() {
            let of_gpu = format!("gpu=\"{}\"", escaped(gpu.source.trim_start_matches(Telemetry::GPU)));
            let labels: Vec<&str> = of.into_iter().chain([of_gpu.as_str()]).collect();
            let labels = labels.join(",");
            let fate = telemetry.fate(&gpu.source);
            for (xid, n) in fate.iter().flat_map(|fate| &fate.xids) {
                self.add("gpu_xid_errors_total".to_owned(), "counter", format!("{labels},xid=\"{xid}\""), *n as f64);
            }
            let is_lost = fate.is_some_and(|fate| fate.is_lost);
            self.add("gpu_lost".to_owned(), "gauge", labels, f64::from(u8::from(is_lost)));
        }
    }

    /// What looking costs; nothing before that has been told.
    fn observer(&mut self, of_run: &str, observer: &Observer) {
        if observer.readers.is_empty() {
            return;
        }
        let mut add = |name: &str, labels: String, value: f64| self.add(name.to_owned(), "counter", labels, value);
        add("sampling_seconds_total", of_run.to_owned(), ns_to_s(observer.wall_ns));
        for reader in &observer.readers {
            let labels = || format!("{of_run},reader=\"{}\"", escaped(&reader.name));
            if let Some(cpu_ns) = reader.cpu_ns {
                add("sampling_cpu_seconds_total", labels(), ns_to_s(cpu_ns));
            }
            add("sampling_reads_total", labels(), reader.reads as f64);
            add("sampling_read_seconds_total", labels(), ns_to_s(reader.read_ns));
            add("sampling_reads_stretched_total", labels(), reader.stretched as f64);
            add("sampling_reads_skipped_total", labels(), reader.skipped as f64);
        }
    }

    /// The figures of a point that was measured, and what the hardware allows there.
    fn point(&mut self, labels: &str, summary: &Summary) {
        for (name, of) in [("ttft", &summary.ttft), ("tpot", &summary.tpot), ("e2e", &summary.e2e)] {
            self.distribution(name, labels, of);
        }
        for (name, value) in [
            ("output_throughput_tokens_per_second", summary.output_throughput),
            ("requests_per_second", summary.request_throughput),
        ] {
            if let Some(value) = value {
                self.add(format!("point_{name}"), "gauge", labels.to_owned(), value);
            }
        }
        if let Some(limit) = &summary.limit {
            self.limit(labels, limit);
        }
    }

    /// Exact quantiles of a latency, and its mean; those for which there were too few samples are left out.
    fn distribution(&mut self, name: &str, labels: &str, of: &Distribution) {
        let quantiles = [("0.5", of.p50), ("0.9", of.p90), ("0.95", of.p95), ("0.99", of.p99)];
        for (quantile, ms) in quantiles.iter().filter_map(|(quantile, of)| Some((quantile, of.ms()?))) {
            let labels = format!("{labels},quantile=\"{quantile}\"");
            self.add(format!("point_{name}_seconds"), "gauge", labels, ms / 1e3);
        }
        if let Some(ms) = of.mean_ms {
            self.add(format!("point_{name}_mean_seconds"), "gauge", labels.to_owned(), ms / 1e3);
        }
    }

    /// What the hardware allows at a point that was measured, and how much of that was reached.
    fn limit(&mut self, labels: &str, limit: &Limit) {
        let in_s = |ms: Option<f64>| ms.map(|ms| ms / 1e3);
        for (name, value) in [
            ("tpot_floor_seconds", in_s(limit.tpot_floor_ms)),
            ("tpot_of_limit_ratio", limit.of_tpot),
            ("output_throughput_ceiling_tokens_per_second", limit.throughput_ceiling),
            ("output_throughput_of_limit_ratio", limit.of_throughput),
            ("ttft_floor_seconds", in_s(limit.ttft_floor_ms)),
            ("ttft_of_limit_ratio", limit.of_ttft),
        ] {
            if let Some(value) = value {
                self.add(format!("point_{name}"), "gauge", labels.to_owned(), value);
            }
        }
    }

    fn signal(&mut self, room: &str, signal: Signal, labels: String, track: &Track, now: Field) {
        let (unit, factor) = base_unit(signal.unit);
        // What is no longer told is left out: no value before it stands in, and a sum that stood still would say that
        // nothing was added.
        let Some(now) = now.value() else { return };
        let (suffix, kind, value) = match signal.kind {
            Kind::Level => ("", "gauge", Some(now)),
            Kind::Increment => ("_total", "counter", track.total()),
        };
        if let Some(value) = value {
            self.add(format!("{room}_{}{unit}{suffix}", signal.key), kind, labels, value as f64 * factor);
        }
    }

    fn add(&mut self, name: String, kind: &'static str, labels: String, value: f64) {
        self.0.entry(name).or_insert_with(|| Family { kind, samples: Vec::new() }).samples.push((labels, value));
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail; the results are dropped on purpose.
        for (name, Family { kind, samples }) in &self.0 {
            writeln!(text, "# TYPE {PREFIX}{name} {kind}").ok();
            for (labels, value) in samples {
                let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
                writeln!(text, "{PREFIX}{name}{labels} {value}").ok();
            }
        }
        text
    }
}

/// What Prometheus has in place of a unit: the end of a name, and by what values are multiplied.
fn base_unit(unit: &str) -> (&'static str, f64) {
    match unit {
        "B" => ("_bytes", 1.0),
        "KiB" => ("_bytes", 1024.0),
        "B/s" => ("_bytes_per_second", 1.0),
        "mW" => ("_watts", 1e-3),
        "mJ" => ("_joules", 1e-3),
        "ns" => ("_seconds", 1e-9),
        "MHz" => ("_hertz", 1e6),
        "°C" => ("_celsius", 1.0),
        "%" => ("_ratio", 1e-2),
        "‰" => ("_ratio", 1e-3),
        "ppm" => ("_ratio", 1e-6),
        _ => ("", 1.0),
    }
}

/// A label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::event::{Body, Event, Host};
    use shared::summary::Percentile;
    use shared::telemetry::{
        Began, CPU_BUSY, ENERGY, Group, MEMORY_USED, NET_RX, POWER, RUNNING, Reader, Samples, TEMPERATURE, Trouble,
        TroubleKind,
    };
    use shared::units::NS_PER_S;
    use std::slice::from_ref;

    fn samples(source: &str, reads: &[(Signal, &[i64])]) -> Body {
        let n = reads[0].1.len() as u64;
        let keys = reads.iter().map(|(signal, _)| signal.key.to_owned()).collect();
        let values = reads.iter().flat_map(|(_, column)| column.to_vec()).collect();
        let group = Group { at_ns: (1..=n).collect(), took_ns: vec![0; n as usize], keys, values };
        Body::Samples(Samples { source: source.into(), groups: vec![group], dropped: 0 })
    }

    fn view() -> (RunId, RunView) {
        let run = RunId::new(1, 2);
        let mut plan = shared::preset::find("first").unwrap();
        plan.name = "a \"b\"\\c".to_owned();
        let host = Host::default();
        let (anchor_unix_ms, agent_version) = (1, "0".to_owned());
        let created = Body::Created { run: run.clone(), plan: Box::new(plan), anchor_unix_ms, host, agent_version };
        let gpu: &[(Signal, &[i64])] = &[
            (POWER, &[61_000, 62_500]),
            (ENERGY, &[-10_003, 1500]),
            // It was told, and is no longer.
            (TEMPERATURE, &[60, -16]),
            (MEMORY_USED, &[-1, -1]),
        ];
        let mut view = RunView::default();
        let (name, cpu_ns) = ("gpu".to_owned(), Some(20_000_000));
        let reader = Reader { name, cpu_ns, reads: 40, read_ns: 80_000_000, skipped: 2, ..Reader::default() };
        let observer = Body::Observer(Observer { wall_ns: 4_000_000_000, readers: vec![reader] });
        let bodies = [created, samples("gpu:GPU-1", gpu), samples("engine", &[(RUNNING, &[3])]), observer];
        for (seq, body) in (1..).zip(bodies) {
            view.apply(&Event { seq, t_ns: seq, body });
        }
        (run, view)
    }

    #[test]
    fn values_are_in_base_units_and_what_is_unknown_is_left_out() {
        let (run, view) = view();
        let mut page = Page::default();
        page.run(&run, &view);
        let text = page.text();
        let of_gpu = format!("{{run=\"{}\",gpu=\"GPU-1\"}}", run.as_str());
        assert!(
            text.contains(&format!(
                "# TYPE tokenprism_gpu_power_watts gauge\ntokenprism_gpu_power_watts{of_gpu} 62.5\n"
            )),
            "{text}"
        );
        assert!(text.contains(&format!("tokenprism_gpu_energy_joules_total{of_gpu} 1.5\n")), "{text}");
        assert!(text.contains(&format!("tokenprism_engine_running{{run=\"{}\"}} 3\n", run.as_str())), "{text}");
        assert!(text.contains(r#"name="a \"b\"\\c""#), "{text}");
        assert!(!text.contains("temperature") && !text.contains("memory_used"), "{text}");
        assert!(text.contains(&format!("tokenprism_sampling_seconds_total{{run=\"{}\"}} 4\n", run.as_str())), "{text}");
        for (name, value) in
            [("cpu_seconds", "0.02"), ("reads", "40"), ("read_seconds", "0.08"), ("reads_skipped", "2")]
        {
            let line = format!("tokenprism_sampling_{name}_total{{run=\"{}\",reader=\"gpu\"}} {value}\n", run.as_str());
            assert!(text.contains(&line), "{line} in {text}");
        }
    }

    /// The same with a point that was measured: too few samples for a 99th percentile, and no limit of throughput.
    fn measured() -> (RunId, RunView) {
        let (run, mut view) = view();
        let limit = Limit { tpot_floor_ms: Some(4.0), of_tpot: Some(0.65), of_ttft: Some(0.1), ..Limit::default() };
        let p50 = Percentile::Ms(50.0);
        let ttft = Distribution { mean_ms: Some(60.0), p50, p99: Percentile::Needs(100), ..Distribution::default() };
        let tpot = Distribution { p50: Percentile::Ms(6.0), ..Distribution::default() };
        let output_throughput = Some(1200.0);
        let summary = Summary { limit: Some(limit), ttft, tpot, output_throughput, ..Summary::default() };
        let done = Body::PointDone { point: 0, summary: Box::new(summary), intervals: BTreeMap::new() };
        view.apply(&Event { seq: 9, t_ns: 9, body: done });
        (run, view)
    }

    #[test]
    fn a_point_has_its_figures_and_what_the_hardware_allows() {
        let (run, view) = measured();
        let mut page = Page::default();
        page.run(&run, &view);
        let (text, words) = (page.text(), view.points[0].words());
        let labels = format!("run=\"{}\",point=\"{words}\"", run.as_str());
        for line in [
            format!("tokenprism_point_tpot_floor_seconds{{{labels}}} 0.004\n"),
            format!("tokenprism_point_tpot_of_limit_ratio{{{labels}}} 0.65\n"),
            format!("tokenprism_point_ttft_seconds{{{labels},quantile=\"0.5\"}} 0.05\n"),
            format!("tokenprism_point_ttft_mean_seconds{{{labels}}} 0.06\n"),
            format!("tokenprism_point_output_throughput_tokens_per_second{{{labels}}} 1200\n"),
        ] {
            assert!(text.contains(&line), "{line} in {text}");
        }
        assert!(!text.contains("ceiling") && !text.contains("0.99") && !text.contains("requests_per_second"), "{text}");
    }

    #[test]
    fn a_gpu_that_is_lost_is_told_and_what_the_driver_reported_is_counted() {
        let trouble = |kind, code| Body::Trouble(Trouble { source: "gpu:GPU-1".into(), at_ns: 1, kind, code });
        let text = |troubles: &[Body]| {
            let mut view = machine();
            for (seq, body) in (10..).zip(troubles) {
                view.apply(&Event { seq, t_ns: 1, body: body.clone() });
            }
            let mut page = Page::default();
            page.machine(&view);
            page.text()
        };
        let check =
            |troubles: &[Body], line: &str| assert!(text(troubles).contains(line), "{line} in {}", text(troubles));
        let (lost, back) = (trouble(TroubleKind::Lost, 15), trouble(TroubleKind::Back, 0));
        let xid = trouble(TroubleKind::Xid, 79);
        check(&[], "tokenprism_gpu_lost{gpu=\"GPU-1\"} 0\n");
        check(from_ref(&lost), "tokenprism_gpu_lost{gpu=\"GPU-1\"} 1\n");
        check(&[lost.clone(), back], "tokenprism_gpu_lost{gpu=\"GPU-1\"} 0\n");
        // More than a view lists: none is forgotten, and the counter never falls.
        let mut storm = vec![xid.clone(); 120];
        storm.push(lost.clone());
        check(&storm, "tokenprism_gpu_lost{gpu=\"GPU-1\"} 1\n");
        check(&storm, "tokenprism_gpu_xid_errors_total{gpu=\"GPU-1\",xid=\"79\"} 120\n");
        check(&[xid.clone(), lost.clone(), xid], "tokenprism_gpu_xid_errors_total{gpu=\"GPU-1\",xid=\"79\"} 2\n");
        assert!(!text(&[lost]).contains("xid"));
    }

    fn machine() -> MachineView {
        let gpu = GpuFacts {
            source: "gpu:GPU-1".into(),
            uuid: "GPU-1".into(),
            name: Some("NVIDIA L4".into()),
            memory_bytes: Some(24),
            ..GpuFacts::default()
        };
        let began = Began { rate_hz: 1.0, gpus: vec![gpu], no_gpus: None };
        let of_gpu = samples("gpu:GPU-1", &[(POWER, &[61_000, 62_500]), (ENERGY, &[1000, 1500])]);
        let of_host = samples("host", &[(CPU_BUSY, &[250]), (NET_RX, &[7])]);
        let mut view = MachineView::new(0);
        for (seq, body) in (1..).zip([Body::TelemetryBegan(began), of_gpu, of_host]) {
            view.apply(&Event { seq, t_ns: seq, body });
        }
        view
    }

    #[test]
    fn the_machine_has_no_run_and_what_it_told_long_ago_is_left_out() {
        let of = |view: &MachineView| {
            let mut page = Page::default();
            page.machine(view);
            page.text()
        };
        let text = of(&machine());
        for line in [
            "tokenprism_gpu_info{gpu=\"GPU-1\",name=\"NVIDIA L4\"} 1\n",
            "tokenprism_gpu_memory_bytes{gpu=\"GPU-1\"} 24\n",
            "tokenprism_gpu_power_watts{gpu=\"GPU-1\"} 62.5\n",
            "tokenprism_gpu_energy_joules_total{gpu=\"GPU-1\"} 2.5\n",
            "tokenprism_host_cpu_busy_ratio 0.25\n",
            "tokenprism_host_net_rx_bytes_total 7\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        let text = of(&MachineView { now_ns: 60 * NS_PER_S, ..machine() });
        assert!(!text.contains("watts") && !text.contains("joules") && !text.contains("host"), "{text}");
    }

    /// Every expression of the dashboard names a metric that the agent shows.
    #[test]
    fn the_dashboard_shows_what_there_is() {
        let dashboard: serde_json::Value =
            serde_json::from_str(include_str!("../../../docs/grafana/tokenprism.json")).unwrap();
        let rooms = |signal: &Signal| {
            let total = if signal.kind == Kind::Increment { "_total" } else { "" };
            let end = format!("{}{}{total}", signal.key, base_unit(signal.unit).0);
            ["gpu", "host", "engine"].map(|room| format!("{PREFIX}{room}_{end}"))
        };
        let (run, mut view) = measured();
        let xid = Trouble { source: "gpu:GPU-1".into(), at_ns: 1, kind: TroubleKind::Xid, code: 79 };
        view.apply(&Event { seq: 10, t_ns: 9, body: Body::Trouble(xid) });
        let mut page = Page::default();
        page.run(&run, &view);
        page.machine(&machine());
        // What this view does not have: a price, and a limit of throughput.
        page.add("run_cost_dollars_total".to_owned(), "counter", String::new(), 0.0);
        page.limit("", &Limit { of_throughput: Some(0.5), ..Limit::default() });
        let shown = page.0.keys().map(|name| format!("{PREFIX}{name}"));
        let known: Vec<String> = SIGNALS.iter().flat_map(rooms).chain(shown).collect();
        let mut expressions = 0;
        for target in
            dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap())
        {
            let expression = target["expr"].as_str().unwrap();
            for word in expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
                if word.starts_with(PREFIX) {
                    assert!(known.iter().any(|name| name == word), "{word} in {expression}");
                    expressions += 1;
                }
            }
        }
        assert!(expressions > 10);
    }
}
