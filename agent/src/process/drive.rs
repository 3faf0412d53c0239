//! Owns the doing: everything that an engine's life asks for is done here, and everything that happens is told to it.
//! Must not decide anything: the state machine does.

use super::child::{Condition, Death, Ended, Launch, ProbeOutcome};
use super::fsm::{Action, Event, Life, Mark, Probed, Report, State, Terms};
use super::host::Host;
use super::kin::{Identity, Kin, boot_id};
use super::ledger::{self, Entry};
use super::link::Link;
use super::output::{self, Line, Outlet, Source};
use super::port;
use super::supervise::{Engine, Order, Word};
use crate::secret::Redactor;
use crate::telemetry::Reading;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;

/// A death is told when both outputs have closed, so that the last lines are there, or after this time.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long a slow reader of lines, or a supervisor that has nothing left to do, is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Lines between an output and this loop.
const LINES_UNDER_WAY: usize = 256;

/// Tells which lines of an engine belong to which phase of its start.
pub(super) type Recognise = Box<dyn FnMut(&str) -> Option<Mark> + Send>;

/// The task that follows one engine.
pub(super) struct Driver<Probe> {
    host: Host,
    launch: Launch,
    recognise: Recognise,
    probe: Probe,
    outlet: Outlet,
    shown: watch::Sender<Condition>,
    begun: Instant,
    mark: String,
    link: Option<Link>,
    entry: Option<Entry>,
    lines: Option<mpsc::Receiver<Line>>,
    /// Answers that are waited for.
    work: FuturesUnordered<BoxFuture<'static, Event>>,
    /// Answers that are there already.
    answers: VecDeque<Event>,
    failed_at: Option<Instant>,
    emptied: bool,
    sweeping: bool,
}

/// What the loop waits for.
enum Heard {
    /// A stop is asked for; without a drain limit where the engine's holder let go of it.
    Stop(Option<Duration>),
    Word(Option<Word>),
    Line(Option<Line>),
    Answer(Event),
    Time,
}

impl<Probe, Answer> Driver<Probe>
where
    Probe: Fn() -> Answer + Send + 'static,
    Answer: Future<Output = ProbeOutcome> + Send + 'static,
{
    /// Of an engine that is not started yet.
    pub fn new(
        host: Host,
        launch: Launch,
        recognise: Recognise,
        probe: Probe,
        outlet: Outlet,
        shown: watch::Sender<Condition>,
    ) -> Self {
        Self {
            host,
            launch,
            recognise,
            probe,
            outlet,
            shown,
            begun: Instant::now(),
            mark: format!("{:032x}", rand::random::<u128>()),
            link: None,
            entry: None,
            lines: None,
            work: FuturesUnordered::new(),
            answers: VecDeque::new(),
            failed_at: None,
            emptied: false,
            sweeping: false,
        }
    }

    /// Follows the engine from its start until nothing of it is left.
    pub async fn run(mut self, terms: Terms, mut stops: mpsc::Receiver<Duration>) -> Ended {
        let (mut life, mut actions) = Life::begin(terms.clone(), Duration::ZERO);
        let mut held = true;
        loop {
            for action in actions {
                self.perform(action, &life, &terms).await;
            }
            self.tell_death(&life);
            if matches!(life.state(), State::Gone | State::Failed) {
                return self.finish(&life).await;
            }
            let (at, event) = match self.answers.pop_front() {
                Some(answer) => (Instant::now(), Some(answer)),
                None => match self.next(&life, &mut stops, held).await {
                    Heard::Stop(drain) => {
                        held = drain.is_some();
                        (Instant::now(), Some(Event::StopAsked { drain: drain.unwrap_or_default() }))
                    }
                    Heard::Word(word) => (Instant::now(), self.heard(word).await),
                    Heard::Line(Some(line)) => (line.at, self.seen(line)),
                    Heard::Line(None) => {
                        self.lines = None;
                        (Instant::now(), None)
                    }
                    Heard::Answer(event) => (Instant::now(), Some(event)),
                    Heard::Time => (Instant::now(), Some(Event::Tick)),
                },
            };
            let now = at.saturating_duration_since(self.begun);
            self.emptied |= event == Some(Event::Emptied);
            actions = event.map_or_else(Vec::new, |event| life.on(now, event));
        }
    }

    /// Waits for the next thing to happen.
    async fn next(&mut self, life: &Life, stops: &mut mpsc::Receiver<Duration>, held: bool) -> Heard {
        let untold = self.failed_at.filter(|_| self.shown.borrow().death.is_none()).map(|at| at + LAST_WORDS);
        let wake = life.deadline().map(|deadline| self.begun + deadline).into_iter().chain(untold).min();
        let Self { link, lines, work, .. } = self;
        tokio::select! {
            drain = stops.recv(), if held => Heard::Stop(drain),
            word = async { link.as_mut()?.word().await }, if link.is_some() => Heard::Word(word),
            line = async { lines.as_mut()?.recv().await }, if lines.is_some() => Heard::Line(line),
            Some(event) = work.next(), if !work.is_empty() => Heard::Answer(event),
            () = sleep_until(wake) => Heard::Time,
        }
    }

    async fn perform(&mut self, action: Action, life: &Life, terms: &Terms) {
        match action {
            Action::ReadMemory => self.read_memory(),
            Action::Spawn => {
                self.shown.send_modify(|shown| shown.memory_before = life.memory_before().into());
                self.spawn(terms).await;
            }
            Action::Probe => self.ask(),
            Action::Terminate(drain) => self.order(Order::Terminate(drain)).await,
            Action::Kill => self.order(Order::Kill).await,
            Action::Sweep => self.sweep(terms.grace),
            Action::Report(report) => self.report(report, life),
        }
    }

    fn read_memory(&mut self) {
        match self.host.memory.clone() {
            Some(memory) => self.work.push(
                async move {
                    let read = spawn_blocking(move || memory.read()).await;
                    Event::Memory(read.unwrap_or_else(|error| Reading::Failed(error.to_string())))
                }
                .boxed(),
            ),
            None => self.answers.push_back(Event::Memory(Reading::NotSupported)),
        }
    }

    async fn spawn(&mut self, terms: &Terms) {
        let (mut link, outputs) = match Link::start(&self.host.supervisor) {
            Ok(started) => started,
            Err(error) => {
                let why = format!("The process that is to watch the engine could not be started: {error}.");
                self.answers.extend([Event::SpawnFailed(why), Event::Emptied]);
                return;
            }
        };
        let (to, lines) = mpsc::channel(LINES_UNDER_WAY);
        let redactor = Redactor::of(self.launch.secrets.iter().map(|(_, secret)| secret.clone()));
        tokio::spawn(output::read(Source::Stdout, outputs.stdout, redactor.clone(), to.clone()));
        tokio::spawn(output::read(Source::Stderr, outputs.stderr, redactor, to));
        self.lines = Some(lines);
        let secrets = self.launch.secrets.iter().map(|(name, secret)| (name.clone(), secret.expose().to_owned()));
        link.order(&Order::Prepare(Engine {
            program: self.launch.program.clone(),
            args: self.launch.args.clone(),
            env: self.launch.env.iter().cloned().chain(secrets).collect(),
            mark: self.mark.clone(),
            container: self.launch.container.clone(),
            drain: terms.drain,
            grace: terms.grace,
        }))
        .await;
        self.link = Some(link);
    }

    fn ask(&mut self) {
        let (asked, port) = ((self.probe)(), self.launch.port);
        let entry = self.entry.clone();
        self.work.push(
            async move {
                Event::Probed(match (asked.await, entry) {
                    (ProbeOutcome::NotYet(why), _) => Probed::NotYet(why),
                    (ProbeOutcome::Refused(why), _) => Probed::Refused(why),
                    (ProbeOutcome::Token, None) => Probed::NotYet("it runs, but stands in no ledger".to_owned()),
                    (ProbeOutcome::Token, Some(entry)) => {
                        let look =
                            move || port::owner(port, &entry.kin, entry.supervisor.pid, entry.container.as_ref());
                        let owner = spawn_blocking(look).await;
                        owner.map_or_else(|error| Probed::NotYet(error.to_string()), Probed::Token)
                    }
                })
            }
            .boxed(),
        );
    }

    async fn order(&mut self, order: Order) {
        if let Some(link) = &mut self.link {
            link.order(&order).await;
        }
    }

    fn sweep(&mut self, limit: Duration) {
        // One takes as long as everything may take.
        if std::mem::replace(&mut self.sweeping, true) {
            return;
        }
        // What stands in no ledger never got past its gate, and ends with its supervisor.
        let Some(entry) = self.entry.clone() else { return self.answers.push_back(Event::Emptied) };
        self.work.push(
            async move {
                let ended = spawn_blocking(move || ledger::end(&entry, &entry.boot, limit)).await;
                if ended.is_ok_and(|(_, gone)| gone) { Event::Emptied } else { Event::Tick }
            }
            .boxed(),
        );
    }

    fn report(&mut self, report: Report, life: &Life) {
        if matches!(report, Report::Failed(_)) {
            self.failed_at.get_or_insert_with(Instant::now);
        }
        self.shown.send_modify(|shown| match report {
            Report::State(state) => {
                shown.state = state;
                shown.timings = life.timings();
            }
            Report::Phase(phase) => (shown.phase, shown.percent) = (phase, None),
            Report::Progress(mark) => shown.percent = mark.percent,
            // Told when its last lines are there.
            Report::Failed(_) => {}
        });
    }

    /// Tells of a death once the last lines are there, or are not waited for any more.
    fn tell_death(&mut self, life: &Life) {
        let Some(failed_at) = self.failed_at else { return };
        let complete = self.lines.is_none() || failed_at.elapsed() >= LAST_WORDS;
        if let Some(failure) = life.failure()
            && complete
            && self.shown.borrow().death.is_none()
        {
            let death = Arc::new(Death { failure: failure.clone(), lines: self.outlet.kept() });
            self.shown.send_modify(|shown| shown.death = Some(death));
        }
    }

    fn seen(&mut self, line: Line) -> Option<Event> {
        let mark = (self.recognise)(&line.text);
        self.outlet.put(line);
        mark.map(Event::Seen)
    }

    async fn heard(&mut self, word: Option<Word>) -> Option<Event> {
        match word {
            Some(Word::Prepared(leader)) => match self.write_down(leader).await {
                Ok(()) => {
                    self.order(Order::Go).await;
                    None
                }
                Err(why) => Some(Event::SpawnFailed(why)),
            },
            Some(Word::Running) => Some(Event::Spawned),
            Some(Word::Refused(why)) => Some(Event::SpawnFailed(format!(
                "{} could not be started: {why}. Check that the file exists and may be executed.",
                self.launch.program.display()
            ))),
            Some(Word::Exited(ending)) => Some(Event::Exited(ending)),
            Some(Word::Emptied) => Some(Event::Emptied),
            None => {
                // Its last words may lie beside its death, and then nothing is lost with it.
                self.link = None;
                (!self.emptied).then_some(Event::SupervisorLost)
            }
        }
    }

    /// Puts the engine into the ledger; its program runs only then.
    async fn write_down(&mut self, leader: Identity) -> Result<(), String> {
        let supervisor = self.link.as_ref().and_then(Link::pid).and_then(Identity::of);
        let entry = Entry {
            boot: boot_id().map_err(|error| format!("This boot of the host has no name: {error}."))?,
            kin: Kin { leader, mark: self.mark.clone() },
            supervisor: supervisor.ok_or("The process that watches the engine is gone.")?,
            container: self.launch.container.clone(),
            program: self.launch.program.display().to_string(),
        };
        let (ledger, written) = (self.host.ledger.clone(), entry.clone());
        let added = spawn_blocking(move || ledger.add(&written)).await;
        added.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        if entry.container.is_none() {
            self.shown.send_modify(|shown| shown.kin = Some(entry.kin.clone()));
        }
        self.entry = Some(entry);
        Ok(())
    }

    /// Reads what is still under way. Both outputs end with the engine, unless that cannot be killed.
    async fn last_lines(&mut self) {
        let Some(mut lines) = self.lines.take() else { return };
        let until = tokio::time::Instant::now() + LAST_WORDS;
        while let Ok(Some(line)) = tokio::time::timeout_at(until, lines.recv()).await {
            self.outlet.put(line);
        }
    }

    async fn finish(mut self, life: &Life) -> Ended {
        self.last_lines().await;
        self.tell_death(life);
        if let Some(link) = self.link.take()
            && self.emptied
        {
            link.ended(PATIENCE).await;
        }
        if let Some(entry) = self.entry.take()
            && self.emptied
        {
            let ledger = self.host.ledger.clone();
            if let Err(error) = spawn_blocking(move || ledger.strike(&entry)).await {
                tracing::error!(%error, "the ledger could not be kept");
            }
        }
        let death = self.shown.borrow().death.clone();
        Ended { death, memory: life.memory().clone(), dropped_lines: self.outlet.close(PATIENCE).await }
    }
}

/// Sleeps until a time, or for ever where there is none.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
