//! Owns the wake-ups of a connection that is driven inside the task that uses it.
//! Must not know HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Turns taken at once before others have theirs.
const TURNS: u32 = 8;

/// Passes wake-ups on to a task, save those that its own polling makes: the two ends of a connection wake each other
/// with every frame, and by way of the scheduler each of these would cost another look at both.
#[derive(Debug)]
pub(super) struct Relay {
    line: Arc<Line>,
    waker: Waker,
}

#[derive(Debug)]
struct Line {
    task: Waker,
    is_polling: AtomicBool,
    is_woken: AtomicBool,
}

impl Wake for Line {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_polling.load(Ordering::Acquire) {
            self.is_woken.store(true, Ordering::Release);
        } else {
            self.task.wake_by_ref();
        }
    }
}

impl Relay {
    /// A relay to a task.
    pub fn to(task: &Waker) -> Self {
        let line = Line { task: task.clone(), is_polling: AtomicBool::new(false), is_woken: AtomicBool::new(false) };
        let line = Arc::new(line);
        Self { waker: Waker::from(Arc::clone(&line)), line }
    }

    /// Whether it still leads to the task that is polled now.
    pub fn leads_to(&self, task: &Waker) -> bool {
        self.line.task.will_wake(task)
    }

    /// Polls until it is ready, or nothing has woken it meanwhile.
    pub fn poll<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let mut cx = Context::from_waker(&self.waker);
        for _ in 0..TURNS {
            self.line.is_woken.store(false, Ordering::Release);
            self.line.is_polling.store(true, Ordering::Release);
            let polled = poll(&mut cx);
            self.line.is_polling.store(false, Ordering::Release);
            if polled.is_ready() || !self.line.is_woken.load(Ordering::Acquire) {
                return polled;
            }
        }
        self.line.task.wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[derive(Default)]
    struct Task(AtomicU32);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `wakes` is how often the poll wakes itself, `ready_at` the poll that is ready; expects polls, and wake-ups of
    /// the task.
    fn check(wakes: u32, ready_at: Option<u32>, expect: (u32, u32)) {
        let task = Arc::new(Task::default());
        let relay = Relay::to(&Waker::from(Arc::clone(&task)));
        let mut polls = 0;
        let polled = relay.poll(|cx| {
            polls += 1;
            if polls <= wakes {
                cx.waker().wake_by_ref();
            }
            if ready_at == Some(polls) { Poll::Ready(()) } else { Poll::Pending }
        });
        assert_eq!(polled.is_ready(), ready_at.is_some_and(|at| at <= expect.0));
        assert_eq!((polls, task.0.load(Ordering::Relaxed)), expect, "{wakes} wakes, ready at {ready_at:?}");
    }

    #[test]
    fn what_polling_wakes_is_polled_again_at_once() {
        check(0, None, (1, 0));
        check(0, Some(1), (1, 0));
        check(1, None, (2, 0));
        check(3, Some(2), (2, 0));
    }

    #[test]
    fn a_poll_that_wakes_itself_without_end_lets_others_have_their_turn() {
        check(u32::MAX, None, (TURNS, 1));
    }

    #[test]
    fn a_wake_up_between_polls_reaches_the_task() {
        let task = Arc::new(Task::default());
        let relay = Relay::to(&Waker::from(Arc::clone(&task)));
        let mut kept = None;
        assert!(
            relay
                .poll(|cx| {
                    kept = Some(cx.waker().clone());
                    Poll::<()>::Pending
                })
                .is_pending()
        );
        kept.unwrap().wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
    }
}
