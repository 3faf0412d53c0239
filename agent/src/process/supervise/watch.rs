//! Owns the supervisor's loop: the agent's orders, the ends of children, and time, in one wait.
//! Must not know docker's commands.

use super::container::ContainerEnd;
use super::message::{Engine, Order, Word};
use crate::cores;
use crate::process::fsm::{Ending, Ladder, Limits, Step};
use crate::process::kill;
use crate::process::kin::{Identity, Kin, MARK};
use anyhow::Context;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, dup2_stdin, dup2_stdout};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often the unkillable are tried again when no agent is left to be told.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// Longest order, bytes.
const MAX_ORDER_BYTES: u64 = 1 << 20;

/// Watches one engine until nothing of it is left. Standard input is the socket to the agent.
///
/// # Errors
/// Where it was not started by an agent, or the system refuses what it needs.
pub fn supervise() -> anyhow::Result<()> {
    let lifeline = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    lifeline.peer_addr().context("`supervise` is started by the agent, which holds the other end of its input")?;
    dup2_stdin(File::open("/dev/null")?)?;
    // Orphans of the engine become ours instead of the host's first process's.
    set_child_subreaper(true)?;
    let mask: SigSet = [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None)?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let mut agent = Agent { words: lifeline.try_clone()?, orders: BufReader::new(lifeline) };
    let Some(Order::Prepare(engine)) = agent.order()? else {
        // The agent ended before it said anything: nothing was started.
        return Ok(());
    };
    let mut watch = Watch::prepare(engine)?;
    agent.say(&Word::Prepared(watch.kin.leader));
    while !watch.is_over() {
        if watch.is_hopeless() {
            // The ledger still names the container: the next agent asks docker again.
            anyhow::bail!("docker does not say what became of the engine's container");
        }
        watch.wait(&mut agent, &signals)?;
    }
    agent.say(&Word::Emptied);
    Ok(())
}

/// The agent's end of the socket, as seen from here.
struct Agent {
    orders: BufReader<UnixStream>,
    words: UnixStream,
}

impl Agent {
    /// The next order; nothing where the agent is gone. Waits for it.
    fn order(&mut self) -> anyhow::Result<Option<Order>> {
        let mut line = Vec::new();
        let read = self.orders.by_ref().take(MAX_ORDER_BYTES).read_until(b'\n', &mut line);
        // An agent that was killed while it wrote is gone like any other.
        if !matches!(read, Ok(1..)) || line.last() != Some(&b'\n') {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&line)?))
    }

    fn say(&mut self, word: &Word) {
        let line = serde_json::to_vec(word).map_err(io::Error::other);
        let said = line.and_then(|mut line| {
            line.push(b'\n');
            self.words.write_all(&line)
        });
        // Its end of the socket tells that it is gone, and what to do then.
        if let Err(error) = said {
            tracing::debug!(%error, ?word, "no agent hears");
        }
    }
}

struct Watch {
    kin: Kin,
    limits: Limits,
    begun: Instant,
    /// Open until the program runs.
    gate: Option<UnixStream>,
    was_let_go: bool,
    /// The first process, until it is reaped.
    leader_lives: bool,
    container: Option<ContainerEnd>,
    /// Our own way down, where nobody leads us any more.
    alone: Option<Ladder>,
    agent_is_there: bool,
    emptied: bool,
}

impl Watch {
    /// Makes the first process, which waits at its gate.
    fn prepare(engine: Engine) -> anyhow::Result<Self> {
        // An engine on that core would make the client late. Docker's own processes are not ours to place.
        if let Err(error) = cores::keep_off_load() {
            eprintln!("tokenprism: the engine may run on the load generator's core: {error}");
        }
        let (gate, other_end) = UnixStream::pair()?;
        let leader = Command::new("/proc/self/exe")
            .args(["supervised-exec", "--supervisor", &std::process::id().to_string(), "--"])
            .arg(&engine.program)
            .args(&engine.args)
            .envs(engine.env)
            .env(MARK, &engine.mark)
            .stdin(Stdio::from(OwnedFd::from(other_end)))
            .spawn()
            .context("the engine's first process could not be started")?;
        // From here on our own copy would keep the output open when the engine is gone.
        dup2_stdout(File::options().write(true).open("/dev/null")?)?;
        let leader = Identity::of(leader.id().cast_signed()).context("the engine's first process ended at once")?;
        Ok(Self {
            kin: Kin { leader, mark: engine.mark },
            limits: Limits { drain: engine.drain, grace: engine.grace },
            begun: Instant::now(),
            gate: Some(gate),
            was_let_go: false,
            leader_lives: true,
            container: engine.container.map(ContainerEnd::of),
            alone: None,
            agent_is_there: true,
            emptied: false,
        })
    }

    fn is_over(&self) -> bool {
        self.emptied && self.container.as_ref().is_none_or(ContainerEnd::is_gone)
    }

    /// Whether what is left to do can't be done, and nobody is there to be told.
    fn is_hopeless(&self) -> bool {
        !self.agent_is_there && self.emptied && self.container.as_ref().is_some_and(ContainerEnd::is_hopeless)
    }

    /// Waits for the next thing and deals with it.
    fn wait(&mut self, agent: &mut Agent, signals: &SignalFd) -> anyhow::Result<()> {
        // Orders that were read along with the one before are no longer the kernel's to tell.
        let waiting = !agent.orders.buffer().is_empty();
        let timeout = if waiting { PollTimeout::ZERO } else { self.timeout() };
        let (signal, order, gate) = {
            let file = |fd| PollFd::new(fd, PollFlags::POLLIN);
            // What is not waited for any more has the place of the signals, so that the three keep their places.
            let lifeline = if self.agent_is_there { agent.words.as_fd() } else { signals.as_fd() };
            let gate = self.gate.as_ref().map_or(signals.as_fd(), AsFd::as_fd);
            let mut files = [file(signals.as_fd()), file(lifeline), file(gate)];
            match poll(&mut files, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [signal, order, gate] = files.map(|file| file.any() == Some(true));
            (signal, (order && self.agent_is_there) || waiting, gate && self.gate.is_some())
        };
        if gate {
            self.opened(agent);
        }
        if signal {
            self.signalled(agent, signals)?;
        }
        if order {
            let order = agent.order()?;
            self.obey(order);
        }
        self.tick();
        Ok(())
    }

    fn timeout(&self) -> PollTimeout {
        let now = self.begun.elapsed();
        let ladder = self.alone.as_ref().map(|ladder| ladder.deadline().saturating_sub(now));
        let container = self.container.as_ref().filter(|_| self.emptied);
        let look = container.and_then(ContainerEnd::next_look).map(|at| at.saturating_sub(now));
        // A millisecond more, so that the deadline has passed when the wait ends.
        let next = ladder.into_iter().chain(look).min().map(|wait| wait + Duration::from_millis(1));
        next.map_or(PollTimeout::NONE, |wait| PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX))
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The gate closed: the program runs, or it could not be started and the reason came first.
    fn opened(&mut self, agent: &mut Agent) {
        let Some(mut gate) = self.gate.take() else { return };
        let mut why = String::new();
        match gate.read_to_string(&mut why) {
            Ok(0) if self.was_let_go => agent.say(&Word::Running),
            Ok(0) => agent.say(&Word::Refused("it ended before it ran".to_owned())),
            Ok(_) => agent.say(&Word::Refused(why)),
            Err(error) => agent.say(&Word::Refused(error.to_string())),
        }
    }

    fn signalled(&mut self, agent: &mut Agent, signals: &SignalFd) -> anyhow::Result<()> {
        while let Some(info) = signals.read_signal()? {
            if info.ssi_signo.cast_signed() != Signal::SIGCHLD as i32 {
                // Somebody ends us: the engine goes first.
                self.go_down();
            }
        }
        loop {
            let (pid, ending) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, Ending::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Ending::Signal(signal as i32)),
                Ok(WaitStatus::StillAlive) => return Ok(()),
                // Whoever descends from us has an ancestor that is our child: without children nobody is left.
                Err(Errno::ECHILD) => {
                    self.emptied = true;
                    return Ok(());
                }
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            self.reaped(pid, ending, agent);
        }
    }

    fn reaped(&mut self, pid: Pid, ending: Ending, agent: &mut Agent) {
        let pid = pid.as_raw();
        if pid == self.kin.leader.pid {
            self.leader_lives = false;
            if self.gate.is_some() {
                // It ended at its gate: the program never ran, and what stands there says why.
                self.opened(agent);
            }
            agent.say(&Word::Exited(ending));
        } else if let Some(container) = &mut self.container {
            container.reaped(pid, ending == Ending::Code(0));
        }
    }

    fn obey(&mut self, order: Option<Order>) {
        match order {
            Some(Order::Go) => {
                self.was_let_go = true;
                // A first process that is gone already is met when it is reaped.
                if let Some(gate) = &mut self.gate
                    && let Err(error) = gate.write_all(&[1])
                {
                    tracing::debug!(%error, "nobody waits at the gate");
                }
            }
            Some(Order::Terminate(drain)) => self.terminate(drain),
            Some(Order::Kill) => self.kill(),
            // One engine a supervisor.
            Some(Order::Prepare(_)) => {}
            None => {
                self.agent_is_there = false;
                self.go_down();
            }
        }
    }

    fn go_down(&mut self) {
        if self.alone.is_none() {
            let (ladder, step) = Ladder::begin(self.now(), self.limits);
            self.alone = Some(ladder);
            self.take(step);
        }
    }

    fn tick(&mut self) {
        let now = self.now();
        if let Some(step) = self.alone.as_mut().and_then(|ladder| ladder.at(now)) {
            self.take(step);
        }
        if self.emptied
            && let Some(container) = &mut self.container
        {
            container.look(now);
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Terminate(drain) => self.terminate(drain),
            Step::Kill => self.kill(),
            // There is nobody to tell: it is tried again for as long as it takes.
            Step::GiveUp => {
                self.kill();
                let patient = Limits { drain: Duration::ZERO, grace: TRY_AGAIN };
                self.alone = Some(Ladder::begin(self.now(), patient).0);
            }
        }
    }

    fn terminate(&mut self, drain: Duration) {
        match &mut self.container {
            // The command in front of it ends when the container does.
            Some(container) => container.stop(drain),
            None if self.leader_lives => kill::terminate(self.kin.leader.pid),
            None => {}
        }
    }

    fn kill(&mut self) {
        let spared: Vec<i32> = self.container.as_ref().and_then(ContainerEnd::command).into_iter().collect();
        kill::kill_all(&self.kin, Some(std::process::id().cast_signed()), self.leader_lives, &spared);
        if let Some(container) = &mut self.container {
            container.remove(self.begun.elapsed());
        }
    }
}
