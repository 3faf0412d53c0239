//! Owns the proof that an engine's life ends well whatever happens in it, and single ways through it.
//! Must not know processes: the world is a few booleans here.

use super::*;
use crate::process::memory::MemoryTerms;
use proptest::prelude::*;
use shared::engine::Phase;

const SECOND: Duration = Duration::from_secs(1);

fn terms(memory: bool) -> Terms {
    Terms {
        start_limit: 60 * SECOND,
        probe_every: SECOND / 4,
        drain: 5 * SECOND,
        grace: 2 * SECOND,
        memory: memory.then(MemoryTerms::default),
    }
}

fn token() -> Event {
    Event::Probed(Probed::Token(PortOwner::Ours))
}

fn used(bytes: u64) -> Event {
    let device = DeviceUse { id: "a".into(), label: "GPU 0".into(), used_bytes: bytes, holders: vec![] };
    Event::Memory(Reading::Value(vec![device]))
}

/// A life that has got these events, each a second after the one before.
fn life(memory: bool, events: &[Event]) -> (Life, Vec<Action>) {
    let (mut life, mut actions) = Life::begin(terms(memory), SECOND);
    for (second, event) in (2..).zip(events) {
        actions.extend(life.on(second * SECOND, event.clone()));
    }
    actions.retain(|action| !matches!(action, Action::Report(_)));
    (life, actions)
}

fn check(events: &[Event], state: State, actions: &[Action]) -> Life {
    let (life, done) = life(false, events);
    assert_eq!((life.state(), done.as_slice()), (state, actions), "{events:?}");
    life
}

#[test]
fn a_good_life() {
    use Action::{Probe, Spawn, Terminate};
    let not_yet = Event::Probed(Probed::NotYet("refused".into()));
    let stop = Event::StopAsked { drain: SECOND };
    check(&[], State::Starting, &[Spawn]);
    check(&[Event::Spawned], State::Loading, &[Spawn, Probe]);
    check(&[Event::Spawned, not_yet.clone(), Event::Tick], State::Loading, &[Spawn, Probe, Probe]);
    let up = [Event::Spawned, not_yet, Event::Tick, token()];
    check(&up, State::Ready, &[Spawn, Probe, Probe]);
    let down = [&up[..], &[stop, Event::Emptied]].concat();
    let life = check(&down, State::Gone, &[Spawn, Probe, Probe, Terminate(SECOND)]);
    assert_eq!((life.failure(), life.memory()), (None, &MemoryBack::NotWatched));
}

#[test]
fn an_end_that_nobody_asked_for_is_a_failure_whatever_the_exit_code() {
    use Action::{Kill, Probe, Spawn};
    for ending in [Ending::Code(0), Ending::Code(1), Ending::Signal(9)] {
        let life = check(&[Event::Spawned, Event::Exited(ending)], State::Draining, &[Spawn, Probe, Kill]);
        assert_eq!(life.failure(), Some(&Failure::Exited(ending)));
        let whole = [Event::Spawned, token(), Event::Exited(ending), Event::Emptied];
        check(&whole, State::Failed, &[Spawn, Probe, Kill]);
    }
}

#[test]
fn a_token_from_somebody_elses_port_is_no_readiness() {
    use Action::{Probe, Spawn, Terminate};
    let by = |owner| Event::Probed(Probed::Token(owner));
    let stranger = by(PortOwner::Stranger("Port 80 is held by process 7 (nginx).".into()));
    let life = check(&[Event::Spawned, stranger], State::Draining, &[Spawn, Probe, Terminate(5 * SECOND)]);
    assert!(matches!(life.failure(), Some(Failure::PortTaken(_))));
    let unknown = by(PortOwner::Unknown("not permitted".into()));
    check(&[Event::Spawned, unknown], State::Loading, &[Spawn, Probe]);
    check(&[Event::Spawned, by(PortOwner::Published)], State::Ready, &[Spawn, Probe]);
}

#[test]
fn what_a_lost_supervisor_leaves_is_swept() {
    use Action::{Probe, Spawn, Sweep, Terminate};
    let life = check(&[Event::Spawned, Event::SupervisorLost], State::Draining, &[Spawn, Probe, Sweep]);
    assert_eq!(life.failure(), Some(&Failure::SupervisorLost));
    let asked = [Event::Spawned, Event::StopAsked { drain: 5 * SECOND }, Event::SupervisorLost, Event::Emptied];
    check(&asked, State::Gone, &[Spawn, Probe, Terminate(5 * SECOND), Sweep]);
}

#[test]
fn a_program_that_cannot_start_and_one_that_cannot_die_are_told() {
    use Action::{Kill, Probe, Spawn};
    let failed = [Event::SpawnFailed("no such file".into()), Event::Emptied];
    let life = check(&failed, State::Failed, &[Spawn, Kill]);
    assert_eq!(life.failure().unwrap().to_string(), "no such file");
    let stuck = [Event::Spawned, Event::StopAsked { drain: Duration::ZERO }, Event::Tick, Event::Tick];
    let life = check(&stuck, State::Failed, &[Spawn, Probe, Kill, Kill]);
    assert!(life.failure().unwrap().to_string().contains("2 s after SIGKILL"));
}

#[test]
fn an_engine_that_is_never_ready_is_ended_with_what_the_last_probe_found() {
    let (mut life, _) = life(false, &[Event::Spawned, Event::Probed(Probed::NotYet("connection refused".into()))]);
    let actions = life.on(61 * SECOND, Event::Tick);
    assert!(actions.contains(&Action::Terminate(5 * SECOND)), "{actions:?}");
    let said = life.failure().unwrap().to_string();
    assert_eq!(said, "It had not generated a token after 60 s: connection refused");
}

#[test]
fn memory_is_read_before_the_start_and_waited_for_after_the_end() {
    use Action::{Probe, ReadMemory, Spawn, Terminate};
    let stop = Event::StopAsked { drain: SECOND };
    let up = [used(100), Event::Spawned, token(), stop, Event::Emptied];
    let (life_, actions) = life(true, &up);
    assert_eq!(
        (life_.state(), actions),
        (State::Draining, vec![ReadMemory, Spawn, Probe, Terminate(SECOND), ReadMemory])
    );
    let (life_, _) = life(true, &[&up[..], &[used(70 << 30), Event::Tick, used(100)]].concat());
    assert_eq!((life_.state(), life_.memory()), (State::Gone, &MemoryBack::Back(3 * SECOND)));
    let silent = [Event::Memory(Reading::NotSupported), Event::Spawned, token(), up[3].clone(), Event::Emptied];
    let (life_, _) = life(true, &silent);
    assert!(matches!((life_.state(), life_.memory()), (State::Gone, MemoryBack::Unknown(_))));
}

#[test]
fn a_driver_that_hangs_holds_nothing_up_for_ever() {
    let (mut before, _) = life(true, &[]);
    assert_eq!(before.deadline(), Some(61 * SECOND));
    assert!(before.on(61 * SECOND, Event::Tick).iter().all(|action| matches!(action, Action::Report(_))));
    assert_eq!(before.state(), State::Failed);
    let (mut after, _) = life(true, &[used(1), Event::Spawned, Event::StopAsked { drain: SECOND }, Event::Emptied]);
    let at = after.deadline().unwrap();
    assert!(after.on(at, Event::Tick).contains(&Action::Report(Report::State(State::Gone))));
    assert!(matches!(after.memory(), MemoryBack::Unknown(_)));
}

#[test]
fn phases_go_forward_and_add_up() {
    let seen = |phase| Event::Seen(Mark::of(phase));
    let marks = [Phase::Weights, Phase::Compile, Phase::Weights, Phase::Serve];
    let events = [vec![Event::Spawned], marks.map(seen).to_vec(), vec![token()]].concat();
    let (life, _) = life(false, &events);
    let expect = [(Phase::Process, 2000), (Phase::Weights, 1000), (Phase::Compile, 2000), (Phase::Serve, 1000)];
    assert_eq!(life.timings(), expect);
}

#[test]
fn an_image_comes_before_the_program_that_is_in_it() {
    let seen = |phase| Event::Seen(Mark::of(phase));
    let marks = [Phase::Image, Phase::Process, Phase::Image, Phase::Weights];
    let (life, _) = life(false, &[vec![Event::Spawned], marks.map(seen).to_vec(), vec![token()]].concat());
    assert_eq!(life.timings(), [(Phase::Image, 3000), (Phase::Process, 2000), (Phase::Weights, 1000)]);
}

// From here on: any order of events at all.

fn any_phase() -> impl Strategy<Value = Phase> {
    use Phase::{Compile, Download, Image, Process, Serve, Weights};
    prop::sample::select(vec![Image, Process, Download, Weights, Compile, Serve])
}

fn any_event() -> impl Strategy<Value = Event> {
    let owner = prop_oneof![
        3 => Just(PortOwner::Ours),
        1 => Just(PortOwner::Published),
        1 => Just(PortOwner::Stranger("s".into())),
        1 => Just(PortOwner::Unknown("u".into())),
    ];
    prop_oneof![
        3 => Just(Event::Spawned),
        1 => Just(Event::SpawnFailed("no".into())),
        4 => (any_phase(), prop::option::of(0u8..=100)).prop_map(|(phase, percent)| Event::Seen(Mark { phase, percent })),
        3 => owner.prop_map(|owner| Event::Probed(Probed::Token(owner))),
        2 => Just(Event::Probed(Probed::NotYet("n".into()))),
        1 => Just(Event::Probed(Probed::Refused("r".into()))),
        1 => prop_oneof![(0i32..3).prop_map(Ending::Code), Just(Ending::Signal(9))].prop_map(Event::Exited),
        1 => Just(Event::Emptied),
        1 => Just(Event::SupervisorLost),
        1 => (0u32..20).prop_map(|s| Event::StopAsked { drain: s * SECOND / 4 }),
        4 => Just(Event::Tick),
        2 => (0u64..3).prop_map(|gib| used(gib << 30)),
    ]
}

/// Events with the ms between them.
fn any_history() -> impl Strategy<Value = Vec<(u64, Event)>> {
    prop::collection::vec((0u64..4_000, any_event()), 0..40)
}

/// A life fed with a history, and everything it asked for, with times.
struct Lived {
    life: Life,
    now: Duration,
    actions: Vec<(Duration, Action)>,
}

impl Lived {
    fn begin(memory: bool) -> Self {
        let (life, actions) = Life::begin(terms(memory), Duration::ZERO);
        let actions = actions.into_iter().map(|action| (Duration::ZERO, action)).collect();
        Self { life, now: Duration::ZERO, actions }
    }

    fn feed(&mut self, event: Event) -> Vec<Action> {
        let actions = self.life.on(self.now, event);
        self.actions.extend(actions.iter().map(|action| (self.now, action.clone())));
        actions
    }

    fn asked(&self, action: &Action) -> bool {
        self.actions.iter().any(|(_, asked)| asked == action)
    }

    /// Lets time pass until the life is over or waits for something else than time.
    fn tick_out(&mut self) {
        for _ in 0..10_000 {
            let Some(deadline) = self.life.deadline() else { return };
            self.now = self.now.max(deadline);
            self.feed(Event::Tick);
        }
        panic!("{:?} ticks for ever", self.life);
    }

    fn is_over(&self) -> bool {
        matches!(self.life.state(), State::Gone | State::Failed)
    }
}

proptest! {
    #[test]
    fn nothing_that_was_started_is_left(history in any_history(), memory: bool) {
        let mut lived = Lived::begin(memory);
        let mut emptied = false;
        for (ms, event) in history {
            lived.now += Duration::from_millis(ms);
            emptied |= event == Event::Emptied && lived.asked(&Action::Spawn);
            lived.feed(event);
        }
        // Nobody answers from now on: the worst that can happen.
        let asked_at = lived.now;
        let drain = terms(memory).drain;
        lived.feed(Event::StopAsked { drain });
        lived.tick_out();
        prop_assert!(lived.is_over(), "{:?}", lived.life);
        if lived.asked(&Action::Spawn) && !emptied {
            // Killed, in vain as it seems, in time, and told.
            prop_assert!(lived.asked(&Action::Kill) || lived.asked(&Action::Sweep));
            prop_assert!(lived.life.failure().is_some());
            prop_assert!(lived.now <= asked_at + drain + terms(memory).grace, "{:?}", lived.life);
        }
    }

    #[test]
    fn ready_comes_from_a_token_on_a_port_of_our_own_and_from_nothing_else(history in any_history(), memory: bool) {
        let mut lived = Lived::begin(memory);
        for (ms, event) in history {
            lived.now += Duration::from_millis(ms);
            let was = lived.life.state();
            lived.feed(event.clone());
            if lived.life.state() == State::Ready && was != State::Ready {
                prop_assert_eq!(was, State::Loading);
                let ours = matches!(event, Event::Probed(Probed::Token(PortOwner::Ours | PortOwner::Published)));
                prop_assert!(ours, "{:?}", event);
            }
        }
    }

    #[test]
    fn an_end_without_a_wish_is_failed(history in any_history(), memory: bool) {
        let mut lived = Lived::begin(memory);
        let mut wished = false;
        for (ms, event) in history {
            lived.now += Duration::from_millis(ms);
            wished |= matches!(event, Event::StopAsked { .. });
            let alive = matches!(lived.life.state(), State::Starting | State::Loading | State::Ready);
            lived.feed(event.clone());
            if let Event::Exited(ending) = event && alive && lived.asked(&Action::Spawn) {
                prop_assert_eq!(lived.life.failure(), Some(&Failure::Exited(ending)));
            }
            if lived.life.state() == State::Gone {
                prop_assert!(wished);
            }
        }
    }

    #[test]
    fn an_engine_is_started_once_and_asked_one_thing_at_a_time(history in any_history(), memory: bool) {
        let mut lived = Lived::begin(memory);
        let (mut probing, mut reading) = (false, memory);
        for (ms, event) in history {
            lived.now += Duration::from_millis(ms);
            probing &= !matches!(event, Event::Probed(_));
            reading &= !matches!(event, Event::Memory(_));
            let over = lived.is_over();
            let actions = lived.feed(event);
            for action in &actions {
                prop_assert!(!over, "{:?} after the end", action);
                if action == &Action::Probe {
                    prop_assert!(!std::mem::replace(&mut probing, true));
                }
                if action == &Action::ReadMemory {
                    prop_assert!(!std::mem::replace(&mut reading, true));
                }
            }
        }
        let spawns = lived.actions.iter().filter(|(_, action)| action == &Action::Spawn).count();
        prop_assert!(spawns <= 1);
    }

    #[test]
    fn phases_are_in_order_and_their_sum_is_the_start(history in any_history(), memory: bool) {
        let mut lived = Lived::begin(memory);
        let mut ready_at = None;
        for (ms, event) in history {
            lived.now += Duration::from_millis(ms);
            lived.feed(event);
            if lived.life.state() == State::Ready {
                ready_at.get_or_insert(lived.now);
            }
        }
        let timings = lived.life.timings();
        prop_assert!(timings.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?}", timings);
        prop_assert_eq!(timings.is_empty(), ready_at.is_none());
        if let Some(ready_at) = ready_at {
            let spawned = lived.actions.iter().find(|(_, action)| action == &Action::Spawn).unwrap().0;
            let sum: u64 = timings.iter().map(|(_, ms)| ms).sum();
            prop_assert_eq!(u128::from(sum), (ready_at - spawned).as_millis());
        }
    }

    #[test]
    fn whatever_the_world_does_no_process_survives(
        history in any_history(),
        ignores_sigterm: bool,
        memory: bool,
    ) {
        // A world that does what it is asked: a killed engine exits and empties, a swept one empties.
        let mut lived = Lived::begin(memory);
        let mut running = false;
        let mut todo: Vec<Action> = lived.actions.iter().map(|(_, action)| action.clone()).collect();
        let mut history = history.into_iter();
        let mut asked = false;
        while !lived.is_over() {
            let mut answers = Vec::new();
            for action in todo.drain(..) {
                match action {
                    Action::Spawn => running = true,
                    Action::Terminate(_) if running && !ignores_sigterm => {
                        running = false;
                        answers.extend([Event::Exited(Ending::Code(0)), Event::Emptied]);
                    }
                    Action::Kill | Action::Sweep => {
                        running = false;
                        answers.extend([Event::Exited(Ending::Signal(9)), Event::Emptied]);
                    }
                    Action::ReadMemory => answers.push(used(0)),
                    Action::Probe | Action::Report(_) | Action::Terminate(_) => {}
                }
            }
            if answers.is_empty() {
                match history.next() {
                    // Only the world above says that nothing is left.
                    Some((_, Event::Emptied | Event::Memory(_))) => continue,
                    Some((ms, event)) => {
                        lived.now += Duration::from_millis(ms);
                        answers.push(event);
                    }
                    None if !asked => {
                        asked = true;
                        answers.push(Event::StopAsked { drain: SECOND });
                    }
                    None => {
                        lived.now = lived.life.deadline().expect("it waits for nothing").max(lived.now);
                        answers.push(Event::Tick);
                    }
                }
            }
            for answer in answers {
                todo.extend(lived.feed(answer));
            }
        }
        prop_assert!(!running, "{:?}", lived.life);
    }
}
