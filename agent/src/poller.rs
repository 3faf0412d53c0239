//! Owns waiting: for sockets, for a time with sub-millisecond precision, or for the order to stop.
//! Must not know what is waited for.

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use nix::time::{ClockId as Clock, clock_gettime};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sockets that become ready in one wait at most.
const BATCH: usize = 256;
const TIMER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;

/// An epoll set with a timer: epoll's own time-out counts whole milliseconds, which is coarser than what is measured.
pub(crate) struct Poller {
    epoll: Epoll,
    timer: TimerFd,
    stop: Arc<EventFd>,
    ready: Vec<EpollEvent>,
    stopped: bool,
    /// An instant, and the system's monotonic time at it.
    base: (Instant, Duration),
    /// With what every socket is watched.
    trigger: EpollFlags,
    /// What the timer is set to, as long as it has not expired.
    armed: Option<Instant>,
}

/// What is ready on one socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// The key under which it was added.
    pub key: u64,
    /// It can be read, or has closed.
    pub readable: bool,
    /// It takes bytes again.
    pub writable: bool,
    /// The other side has closed: after the bytes that are there, reading it tells so.
    pub closed: bool,
}

impl Poller {
    /// A set that tells of a socket for as long as there is something to read.
    pub fn new() -> io::Result<Self> {
        Self::with(EpollFlags::empty())
    }

    /// A set that tells of a socket once whenever bytes come: who is told reads them all, and the closing too. Each wait
    /// looks at every socket that it told of, which this spares.
    pub fn edge_triggered() -> io::Result<Self> {
        Self::with(EpollFlags::EPOLLET)
    }

    fn with(trigger: EpollFlags) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        let stop = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        // Edge-triggered: an expired timer is told once, without reading it.
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, TIMER))?;
        epoll.add(&*stop, EpollEvent::new(EpollFlags::EPOLLIN, STOP))?;
        let base = (Instant::now(), Duration::from(clock_gettime(Clock::CLOCK_MONOTONIC)?));
        let ready = vec![EpollEvent::empty(); BATCH];
        Ok(Self { epoll, timer, stop, ready, stopped: false, base, trigger, armed: None })
    }

    /// Writing to it from any thread ends the wait.
    pub fn stopper(&self) -> Arc<EventFd> {
        Arc::clone(&self.stop)
    }

    /// Whether the order to stop has come.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// Watches a socket for bytes, and for room to write where asked, until it is closed.
    pub fn add(&self, socket: impl AsFd, key: u64, writes: bool) -> io::Result<()> {
        Ok(self.epoll.add(socket, EpollEvent::new(self.interest(writes), key))?)
    }

    /// Watches a socket for bytes, and for room to write where asked.
    pub fn watch_writes(&self, socket: impl AsFd, key: u64, writes: bool) -> io::Result<()> {
        Ok(self.epoll.modify(socket, &mut EpollEvent::new(self.interest(writes), key))?)
    }

    /// Looks without waiting.
    pub fn look(&mut self, out: &mut Vec<Ready>) -> io::Result<()> {
        self.collect(EpollTimeout::ZERO, out)
    }

    /// Waits for a socket, or until then. The timer is absolute, and set only where the instant is another one.
    pub fn wait_until(&mut self, at: Instant, out: &mut Vec<Ready>) -> io::Result<()> {
        if self.armed != Some(at) {
            let since_base = at.saturating_duration_since(self.base.0);
            let monotonic = TimeSpec::from_duration(self.base.1 + since_base);
            self.timer.set(Expiration::OneShot(monotonic), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            self.armed = Some(at);
        }
        self.collect(EpollTimeout::NONE, out)
    }

    /// Waits for a socket, or at most that long; without a limit, for a socket or the order to stop.
    pub fn wait(&mut self, at_most: Option<Duration>, out: &mut Vec<Ready>) -> io::Result<()> {
        self.armed = None;
        match at_most {
            Some(at_most) => {
                let one = Expiration::OneShot(TimeSpec::from_duration(at_most.max(Duration::from_nanos(1))));
                self.timer.set(one, TimerSetTimeFlags::empty())?;
            }
            None => self.timer.unset()?,
        }
        self.collect(EpollTimeout::NONE, out)
    }

    fn collect(&mut self, timeout: EpollTimeout, out: &mut Vec<Ready>) -> io::Result<()> {
        out.clear();
        let n = match self.epoll.wait(&mut self.ready, timeout) {
            Ok(n) => n,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(errno) => return Err(errno.into()),
        };
        for event in &self.ready[..n] {
            match event.data() {
                TIMER => self.armed = None,
                STOP => self.stopped = true,
                key => {
                    let flags = event.events();
                    let broken = EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP;
                    out.push(Ready {
                        key,
                        readable: flags.intersects(EpollFlags::EPOLLIN | broken),
                        writable: flags.intersects(EpollFlags::EPOLLOUT),
                        closed: flags.intersects(EpollFlags::EPOLLRDHUP | broken),
                    });
                }
            }
        }
        Ok(())
    }

    fn interest(&self, writes: bool) -> EpollFlags {
        let reads = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | self.trigger;
        if writes { reads | EpollFlags::EPOLLOUT } else { reads }
    }
}
