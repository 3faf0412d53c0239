//! Owns the API's own description.
//! Must not know how the routes are implemented.

use super::{
    agent, audit, compare, engines, exports, figures, history, imports, people, pictures, plans, prices, prometheus,
    queue, ready, refusals, requests, retention, runs, schedules, shape, shell, socket, studies,
};
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(title = "Tokenprism", description = "Runs, plans and requests of one agent. Every error is an `ApiError`."),
    paths(
        runs::list, runs::create, runs::read, runs::cancel, runs::resume, runs::delete, exports::of_run, figures::goodput_of,
        figures::distribution, pictures::of_run, pictures::run_picture, pictures::run_report, requests::list, requests::timeline,
        studies::list, studies::presets, studies::check, studies::create, studies::read, studies::cancel, studies::resume,
        studies::delete, exports::of_study, pictures::of_study, pictures::study_picture, pictures::study_report, compare::compare,
        pictures::of_compared, pictures::compared_picture, pictures::compared_report,
        plans::presets, plans::check, prices::list, prices::set, prices::remove, engines::list, engines::now, engines::start, engines::stop, agent::about,
        prometheus::metrics, imports::import,
        queue::now, queue::pause, queue::change, queue::retry,
        schedules::list, schedules::check, schedules::create, schedules::remove,
        history::bin, history::facets, history::read, history::write_note, history::tag, history::pin, history::delete,
        history::undelete, retention::disk, retention::preview, retention::set, retention::sweep, people::me, people::tokens,
        people::create_token, people::revoke_token, people::shares, people::create_share,
        people::revoke_share, audit::list, document, socket::open, shell::health, ready::ready, shell::sign_in, shell::open_link
    ),
    components(schemas(shape::ApiError, crate::export::Format)),
    security(("token" = []), ("cookie" = [])),
    modifiers(&Tokens)
)]
struct Api;

/// The two ways in which a token travels.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        refusals::document(api);
        let components = api.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token printed at start, or a named one"));
        components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
        let cookie = ApiKeyValue::with_description("tokenprism", "Set by sign-in, or by ?token= on a page");
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// The description, JSON; `docs/openapi.json` is a copy of it.
///
/// # Errors
/// Where it cannot be serialised.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    Api::openapi().to_pretty_json()
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "agent", responses(
    (status = 200, description = "This document", body = Object)))]
pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use shared::compare::{Arm, Compared, ComparedRow, Figure, Recorded, Terms, compare};
    use shared::cost::{Price, PriceOrigin, UsdPerGpuHour};
    use shared::engine::{EngineInfo, EngineKind, Launch, ParamValue, Parameter, Phase, Values};
    use shared::event::{Body, Event, Host, RequestSample};
    use shared::history::{BinRow, Done, Facet, Facets, Marked, Marks, Note, RefusedItem};
    use shared::ids::{RunId, ScheduleId, StudyId};
    use shared::outcome::Outcome;
    use shared::people::{Side, Who};
    use shared::plan::{
        CostPlan, Curve, EnginePlan, Goal, Gpus, Lengths, Level, Order, Plan, PrefixPlan, RampPlan, SearchPlan,
        SessionPlan, SloPlan, TelemetryPlan, TracePlan,
    };
    use shared::queue::{QueueNow, RunningRow, WaitingRow};
    use shared::retention::{Disk, Held, LetGo, Preview, Retention, Swept, Why};
    use shared::schedule::{
        Changed, Delivery, Fate, Missed, Occasion, Outcome as Ended, Schedule, SchedulePlan, ScheduleRow, When, Work,
    };
    use shared::source::{Definition, Source};
    use shared::study::{StudyPlace, StudyView};
    use shared::view::{PointView, RunView};
    use shared::wire::{
        ApiError, EngineRow, EnginesNow, FileFate, FoundRow, GpuRow, HostEngines, ImportReport, ImportedFile, LogPart,
        PointDistribution, PointGoodput, Presence, RequestTimeline, RunRow, StartedEngine, StartedState,
    };
    use std::collections::{BTreeMap, BTreeSet};

    /// Holds a documented shape to a value of the type that it describes, every optional field present.
    fn check(schema: &str, value: &Value) {
        let api = serde_json::to_value(Api::openapi()).unwrap();
        let documented = api["components"]["schemas"][schema]["properties"].as_object();
        let documented: BTreeSet<_> = documented.unwrap_or_else(|| panic!("no {schema}")).keys().collect();
        assert_eq!(documented, value.as_object().unwrap().keys().collect(), "{schema}");
    }

    #[test]
    fn each_operation_has_a_name_of_its_own() {
        let api = serde_json::to_value(Api::openapi()).unwrap();
        let items = api["paths"].as_object().unwrap().values().filter_map(Value::as_object);
        let operations = items.flat_map(serde_json::Map::values).filter(|of| of["responses"].is_object());
        let mut names: Vec<&str> = operations.map(|of| of["operationId"].as_str().unwrap()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!((all > 70, names.len()), (true, all));
    }

    fn sample() -> RequestSample {
        RequestSample {
            id: 0,
            sent_ns: 0,
            end_ns: 0,
            ttft_ns: None,
            tpot_ns: None,
            output_tokens: None,
            outcome: Outcome::Ok,
        }
    }

    /// A plan with every field, so that a new one shows up here.
    fn plan() -> Plan {
        let mut plan = shared::preset::find("first").unwrap();
        plan.slo = Some(SloPlan { ttft_ms: Some(1.0), tpot_ms: Some(1.0), e2e_ms: Some(1.0) });
        plan.cost = Some(CostPlan { usd_per_gpu_hour: UsdPerGpuHour(1.0) });
        plan.telemetry = Some(TelemetryPlan { rate_hz: 1.0 });
        plan.engine = EnginePlan {
            launch: Some(Launch::Native),
            url: Some("u".to_owned()),
            model: Some("m".to_owned()),
            served_name: Some("s".to_owned()),
            command: vec!["c".to_owned()],
            venv: Some("v".to_owned()),
            image: Some("i".to_owned()),
            model_cache: Some("c".to_owned()),
            port: Some(1),
            ready_limit_s: Some(1.0),
            gpus: Some(Gpus::Count(1)),
            gpu: Some("g".to_owned()),
            params: BTreeMap::from([("k".to_owned(), ParamValue::Int(1))]),
            vary: BTreeMap::from([("v".to_owned(), vec![ParamValue::Int(1)])]),
            order: Order::Interleaved,
            extra_args: vec!["e".to_owned()],
            pass_env: vec!["P".to_owned()],
            api_key: Some("A".to_owned()),
            headers: BTreeMap::from([("h".to_owned(), "H".to_owned())]),
            kind: plan.engine.kind,
        };
        plan.workload.input_tokens = Some(Lengths::Fixed(1));
        plan.workload.prefix = Some(PrefixPlan { groups: 1, tokens: 1 });
        plan.workload.sessions = Some(SessionPlan { turns: 1, think_s: 0.0 });
        plan.load.rate = vec![1.0];
        plan.load.burstiness = Some(1.0);
        plan.load.ramp = Some(RampPlan { from_rate: 1.0, to_rate: 2.0, curve: Curve::Linear });
        plan.load.trace = Some(TracePlan { file: "f".to_owned(), speed_up: 1.0 });
        plan.load.max_in_flight = Some(1);
        plan.load.search = Some(SearchPlan { goal: Goal::Slo, from: 1.0, to: 2.0, attainment: Some(0.9) });
        plan.workload.prompts = Some("all".to_owned());
        plan.workload.file = Some("f".to_owned());
        plan.load.requests = Some(1);
        plan.load.requests_per_slot = Some(1);
        plan.load.duration_s = Some(1.0);
        plan
    }

    #[test]
    fn documented_shapes_are_those_of_the_types() {
        check("ApiError", &json!(ApiError { error: String::new(), detail: Some(String::new()) }));
        let value = json!(plan());
        check("Plan", &value);
        for (schema, field) in [
            ("EnginePlan", "engine"),
            ("WorkloadPlan", "workload"),
            ("LoadPlan", "load"),
            ("SloPlan", "slo"),
            ("CostPlan", "cost"),
            ("TelemetryPlan", "telemetry"),
        ] {
            check(schema, &value[field]);
        }
        let source = Source { version: Some(String::new()), engine: Some(String::new()), ..Source::default() };
        let source = Source { definitions: vec![Definition::default()], ..source };
        check("Source", &json!(source));
        let mut view = RunView { source: Some(source), ..RunView::default() };
        let place = StudyPlace { study: StudyId::new(1, 1), index: 0, label: String::new() };
        view.study = Some(place);
        view.begun_ns = Some(1);
        check("RunView", &json!(view));
        let file = ImportedFile { name: String::new(), fate: FileFate::Known { runs: vec![] } };
        check("ImportedFile", &json!(file));
        check("ImportReport", &json!(ImportReport { files: vec![file] }));
        let body = Body::Created {
            run: RunId::new(1, 1),
            plan: Box::new(plan()),
            anchor_unix_ms: 1,
            host: Host::default(),
            agent_version: String::new(),
        };
        view.apply(&Event { seq: 1, t_ns: 0, body });
        check("RunRow", &json!(RunRow::of(&view).unwrap()));
        let mut study = shared::study::find("decomposition").unwrap();
        (study.tasks, study.slo, study.cost) = (vec![String::new()], plan().slo, plan().cost);
        study.telemetry = plan().telemetry;
        check("StudyPlan", &json!(study));
        let study = StudyView::of(StudyId::new(1, 1), study, 1, &[], vec![]);
        check("StudyView", &json!(study));
        check("StudyRow", &json!(study.row()));
        let points = vec![PointView::at(Level::Concurrency(1)), PointView::at(Level::Concurrency(4))];
        view.header.as_mut().unwrap().plan = shared::preset::find("first").unwrap();
        let recorded = Recorded::of(&RunView { points, ..view.clone() }).unwrap();
        let pair = Arm::of(&recorded, 0).zip(Arm::of(&recorded, 1)).unwrap();
        let comparison = compare(&[pair], Terms::of(Figure::parse("ttft").unwrap())).remove(0);
        check("Comparison", &json!(comparison));
        check("ComparedRow", &json!(ComparedRow { curve: 1, base: 0, level: Level::Rate(1.0), comparison }));
        let price = "2.5".parse().unwrap();
        check("Compared", &json!(Compared::default().at_price(price)));
        let (item, why) = (Side::Run(RunId::new(1, 1)), String::new());
        check("Marked", &json!(Marked::default()));
        check("Note", &json!(Note::default()));
        check("Marks", &json!(Marks::default()));
        check("Facets", &json!(Facets::default()));
        check("Facet", &json!(Facet { value: String::new(), count: 0 }));
        check("BinRow", &json!(BinRow { item: item.clone(), name: String::new(), deleted_unix_ms: 0, by: None }));
        check("Done", &json!(Done::default()));
        check("Disk", &json!(Disk::default()));
        check("Preview", &json!(Preview::default()));
        check("Retention", &json!(Retention::default()));
        check("Swept", &json!(Swept::default()));
        let (run, name) = (RunId::new(1, 1), String::new());
        let gone = LetGo { run: run.clone(), name: name.clone(), created_unix_ms: 0, bytes: 0, why: Why::Age };
        check("LetGo", &json!(gone));
        let held = Held { run, name, created_unix_ms: 0, events_bytes: 0, records_bytes: 0, kept: None };
        check("Held", &json!(held));
        check("RefusedItem", &json!(RefusedItem { item, why }));
        let timeline = RequestTimeline {
            sample: sample(),
            queue_client_ns: 0,
            connect_ns: None,
            head_ns: None,
            close_ns: 0,
            prompt_tokens: None,
            chunks: vec![],
            error: None,
        };
        check("RequestTimeline", &json!(timeline));
        let goodput = PointGoodput {
            point: 0,
            level: Level::Rate(1.0),
            words: String::new(),
            met: None,
            of: 0,
            requests_per_s: None,
            tokens_per_s: None,
        };
        check("PointGoodput", &json!(goodput));
        let distribution = PointDistribution { metric: String::new(), n: 0, at_least: 0, ecdf: vec![], bins: vec![] };
        check("PointDistribution", &json!(distribution));
        let parameter = Parameter::new("k", Values::Text, "d", "m");
        check("Parameter", &json!(parameter));
        let engine = EngineRow {
            kind: EngineKind::Builtin,
            label: String::new(),
            launches: vec![Launch::Native],
            by_url: true,
            parameters: vec![parameter],
        };
        check("EngineRow", &json!(engine));
        let price = Price { usd_per_gpu_hour: UsdPerGpuHour(1.0), origin: PriceOrigin::Plan };
        check("Price", &json!(price));
        check("EnginesNow", &json!(EnginesNow::default()));
        check("HostEngines", &json!(HostEngines::default()));
        check("LogPart", &json!(LogPart::default()));
        check("GpuRow", &json!(GpuRow { index: 0, name: None, memory_bytes: None, used_bytes: None }));
        let (kind, launch, presence) = (EngineKind::Builtin, Launch::Native, Presence::Asked);
        check("FoundRow", &json!(FoundRow { kind, launch, place: String::new(), presence }));
        let started = StartedEngine {
            number: 1,
            engine: plan().engine,
            state: StartedState::Ready,
            begun_unix_ms: 0,
            since_unix_ms: 0,
            url: None,
            info: EngineInfo::default(),
            phase: Phase::Serve,
            percent: None,
            memory_bytes: None,
            device_bytes: None,
            reason: None,
        };
        check("StartedEngine", &json!(started));
        let mut row = json!(sample());
        row["error"] = Value::Null;
        check("RequestRow", &row);
    }

    #[test]
    fn every_path_says_how_it_may_fail_and_what_it_needs() {
        let api = serde_json::to_value(Api::openapi()).unwrap();
        assert_eq!(api["security"], json!([{ "token": [] }, { "cookie": [] }]));
        for (path, methods) in api["paths"].as_object().unwrap() {
            for (method, route) in methods.as_object().unwrap() {
                assert!(!route["responses"].as_object().unwrap().is_empty(), "{method} {path}");
                assert!(route["summary"].is_string(), "{method} {path}");
            }
        }
    }

    #[test]
    fn the_queue_is_documented_as_it_is_sent() {
        let who = Some(Who { id: "t".to_owned(), name: "Ada".to_owned() });
        let (run, name) = (RunId::new(1, 2), "A".to_owned());
        let waiting = WaitingRow {
            run: run.clone(),
            name: name.clone(),
            priority: 0,
            held: who.clone(),
            needs: String::new(),
            reason: String::new(),
            starts_in_s: Some(1.0),
            takes_s: Some(1.0),
            takes_by: String::new(),
        };
        let running = RunningRow { run, name, has: String::new(), beside: vec![], left_s: Some(1.0) };
        check("WaitingRow", &json!(waiting));
        check("RunningRow", &json!(running));
        check("QueueNow", &json!(QueueNow { paused: who, running: vec![running], waiting: vec![waiting] }));
    }

    #[test]
    fn schedules_are_documented_as_they_are_sent() {
        let by = Who { id: "t".to_owned(), name: "Ada".to_owned() };
        let run = Side::Run(RunId::new(1, 2));
        let work = Work::Run(Box::new(shared::preset::find("first").unwrap()));
        let plan = SchedulePlan { work, when: When::Once(1), missed: Missed::Skip, webhook: None };
        let schedule = Schedule { schedule: ScheduleId::new(1, 1), plan, created_unix_ms: 1, by };
        let last = Occasion { due_unix_ms: 1, fate: Fate::Began(run.clone()), missed: 0 };
        let outcome = Ended {
            of: run.clone(),
            against: Some(run),
            ended_unix_ms: 1,
            changed: Changed::Worse,
            has_figures: true,
            markdown: String::new(),
        };
        let delivery = Delivery { at_unix_ms: 1, attempts: 1, failure: Some(String::new()) };
        check("Schedule", &json!(schedule));
        check("Occasion", &json!(last));
        check("Outcome", &json!(outcome));
        check("Delivery", &json!(delivery));
        let row = ScheduleRow {
            schedule,
            when: String::new(),
            next_unix_ms: vec![],
            next: vec![],
            last: Some(last),
            outcome: Some(outcome),
            delivery: Some(delivery),
        };
        check("ScheduleRow", &json!(row));
    }
}
