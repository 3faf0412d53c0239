//! Owns one slot: its connection, and one request after the other, each leaving a record.
//! Must not know the policy that refills it, or who reads its records.

use super::arrival::Next;
use super::bodies::Prepared;
use super::connection::{Connection, cut_of};
use super::dial::DialError;
use super::limits::{Abort, Guard, Limit, connect_sentence};
use super::outcome::{self, Cut, Verdict};
use super::thread::Trial;
use crate::record::{Chunk, RequestRecord};
use crate::stream::{Arrival, Decoder};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use shared::outcome::Outcome;
use shared::summary::TokenSource;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::sleep_until;

/// Least time from one failed request of a slot to its next one: an error storm stays bounded.
const FAILURE_PAUSE_NS: u64 = 50_000_000;
/// Most of an error body that is read, bytes.
const ERROR_BODY_BYTES: usize = 8 * 1024;
/// Most chunks for which room is made ahead.
const CHUNKS_AHEAD: u32 = 4096;

/// One of the requests kept in flight.
pub(super) struct Slot {
    pub trial: Rc<Trial>,
    pub guard: Rc<Guard>,
    /// Opened before load starts; a failure to do so is that of the first request.
    pub connection: Option<Result<Connection, DialError>>,
}

/// Where a request stopped short of an end of its own.
enum Halt {
    Stopped(Abort),
    Http(hyper::Error),
}

impl Slot {
    /// Sends requests, from a time on, until there are no more.
    pub async fn run(mut self, start_ns: u64) {
        sleep_until(self.trial.clock.instant(start_ns).into()).await;
        let mut due_ns = self.trial.clock.now_ns();
        loop {
            let next = self.trial.core.borrow_mut().next(self.trial.clock.now_ns(), due_ns);
            match next {
                Next::Stop => break,
                Next::Wait => {
                    self.trial.changed.notified().await;
                    continue;
                }
                Next::Go => {}
            }
            let Some(Prepared { id, request }) = self.trial.bodies.take() else {
                return self.trial.builder_died(due_ns);
            };
            self.trial.took(id);
            let record = self.perform(id, request, due_ns).await;
            due_ns = self.trial.clock.now_ns();
            let pause_ns = if record.outcome.is_ok() { 0 } else { pause(&record, due_ns) };
            self.trial.ended(record);
            if pause_ns > 0 {
                tokio::time::sleep(Duration::from_nanos(pause_ns)).await;
                due_ns = self.trial.clock.now_ns();
            }
        }
    }

    async fn perform(&mut self, id: u64, request: Request<Full<Bytes>>, sched_ns: u64) -> RequestRecord {
        self.guard.begin(id, sched_ns);
        let mut record = blank(id, sched_ns);
        record.chunks.reserve(self.trial.spec.expect_output_tokens.min(CHUNKS_AHEAD) as usize);
        let (outcome, error) = self.exchange(request, &mut record).await;
        record.outcome = outcome;
        record.error = error;
        if record.end_ns == 0 {
            record.end_ns = self.trial.clock.now_ns();
        }
        self.guard.end();
        record
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>, record: &mut RequestRecord) -> Verdict {
        let (mut connection, opened_ns) = match self.connection().await {
            Ok(connection) => connection,
            Err(verdict) => return verdict,
        };
        record.connect_ns = connection.take_connect_ns();
        let response = match self.head(&mut connection, request, record, opened_ns).await {
            Ok(response) => response,
            Err(Halt::Stopped(why)) => return self.stopped(why, record),
            Err(Halt::Http(error)) => return outcome::of_silence(&cut_of(&error), record.sent_ns.is_some()),
        };
        record.head_ns = Some(connection.stamps().read_ns());
        record.status = Some(response.status().as_u16());
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::OK {
            self.stream(connection, body, record).await
        } else {
            self.refusal(connection, parts.status, body, record).await
        }
    }

    /// The slot's connection if it is fit, else a new one; and the time that opening it cost just now, ns.
    async fn connection(&mut self) -> Result<(Connection, u64), Verdict> {
        match self.connection.take() {
            Some(Ok(mut connection)) => {
                let now_ns = self.trial.clock.now_ns();
                if poll_fn(|cx| Poll::Ready(connection.is_fit(now_ns, cx))).await {
                    return Ok((connection, 0));
                }
            }
            Some(Err(error)) => return Err(self.not_connected(error)),
            None => {}
        }
        let began_ns = self.trial.clock.now_ns();
        let mut opening = pin!(Connection::open(&self.trial.dialer, self.trial.clock));
        match self.guard.unless_stopped(|cx| opening.as_mut().poll(cx)).await {
            Ok(Ok(connection)) => Ok((connection, self.trial.clock.now_ns().saturating_sub(began_ns))),
            Ok(Err(error)) => Err(self.not_connected(error)),
            Err(Abort::Drained) => Err((Outcome::Unsent, Some(Abort::Drained.sentence(&self.trial.spec.limits)))),
            Err(why) => Err((Outcome::Cancelled, Some(why.sentence(&self.trial.spec.limits)))),
        }
    }

    fn not_connected(&self, error: DialError) -> Verdict {
        match error {
            DialError::Failed(sentence) => (Outcome::ConnectFailed, Some(sentence)),
            DialError::Client(sentence) => (Outcome::ClientError, Some(sentence)),
            DialError::TimedOut => (Outcome::TimedOut, Some(connect_sentence(&self.trial.spec.limits))),
        }
    }

    async fn head(
        &self,
        connection: &mut Connection,
        request: Request<Full<Bytes>>,
        record: &mut RequestRecord,
        opened_ns: u64,
    ) -> Result<hyper::Response<Incoming>, Halt> {
        let mut answer = pin!(connection.send(request));
        let stamps = Rc::clone(connection.stamps());
        let mut poll_answer = |cx: &mut Context<'_>| {
            if record.sent_ns.is_none()
                && let Some(sent_ns) = stamps.sent_ns()
            {
                record.sent_ns = Some(sent_ns);
                self.guard.sent(sent_ns);
                let late_ns = sent_ns.saturating_sub(record.sched_ns).saturating_sub(opened_ns);
                self.trial.sent(sent_ns, late_ns);
            }
            answer.as_mut().poll(cx)
        };
        let answered = self.guard.unless_stopped(|cx| connection.poll(cx, &mut poll_answer));
        answered.await.map_err(Halt::Stopped)?.map_err(Halt::Http)
    }

    /// The next frame of the body. Driving first loses no stamp: while a frame waits, nothing is read.
    async fn frame(&self, connection: &mut Connection, body: &mut Incoming) -> Result<Option<Frame<Bytes>>, Halt> {
        let next = self.guard.unless_stopped(|cx| connection.poll(cx, |cx| Pin::new(&mut *body).poll_frame(cx)));
        next.await.map_err(Halt::Stopped)?.transpose().map_err(Halt::Http)
    }

    async fn stream(&mut self, mut connection: Connection, mut body: Incoming, record: &mut RequestRecord) -> Verdict {
        let mut decoder = Decoder::new(self.trial.spec.target.protocol);
        let stamps = Rc::clone(connection.stamps());
        let halt = loop {
            match self.frame(&mut connection, &mut body).await {
                Ok(Some(frame)) => {
                    let t_ns = stamps.read_ns();
                    if let Ok(bytes) = frame.into_data() {
                        let first = record.chunks.len();
                        decoder.feed(&bytes, t_ns, &mut |arrival| take(record, arrival));
                        self.credit(record, first);
                        if decoder.is_done() {
                            self.guard.over(t_ns);
                        }
                    }
                }
                Ok(None) => break None,
                Err(halt) => break Some(halt),
            }
        };
        let first = record.chunks.len();
        let summary = decoder.finish(stamps.read_ns(), &mut |arrival| take(record, arrival));
        self.credit(record, first);
        record.first_visible_ns = summary.first_visible_ns;
        record.prompt_tokens = summary.usage.and_then(|usage| usage.prompt_tokens);
        record.cached_tokens = summary.usage.and_then(|usage| usage.cached_tokens);
        (record.output_tokens, record.token_source) = outcome::tokens(&summary);
        record.counts_in_doubt = summary.counts_in_doubt();
        let cut = match &halt {
            // Lingering: the stream was complete, only its end did not come.
            None | Some(Halt::Stopped(Abort::Limit(Limit::Linger))) => Cut::Clean,
            Some(Halt::Stopped(why)) => return self.stopped(*why, record),
            Some(Halt::Http(error)) => cut_of(error),
        };
        // The last that was read of it; before `keep`, which may read more.
        record.end_ns = stamps.read_ns();
        if halt.is_none() {
            drop(body);
            self.keep(connection, record.end_ns).await;
        }
        outcome::of_stream(&summary, &cut, self.trial.spec.expect_output_tokens)
    }

    /// Credits the chunks from `first` on.
    fn credit(&self, record: &mut RequestRecord, first: usize) {
        let (before, new) = record.chunks.split_at(first);
        let Some(last) = new.last() else { return };
        let mut core = self.trial.core.borrow_mut();
        let mut last_ns = before.last().map(|chunk| chunk.t_ns);
        for chunk in new {
            core.output(chunk.t_ns, chunk.tokens);
            record.coalesced += u32::from(last_ns.replace(chunk.t_ns) == Some(chunk.t_ns));
        }
        self.guard.output(last.t_ns);
    }

    async fn refusal(
        &mut self,
        mut connection: Connection,
        status: StatusCode,
        mut body: Incoming,
        record: &mut RequestRecord,
    ) -> Verdict {
        let mut said = Vec::new();
        loop {
            match self.frame(&mut connection, &mut body).await {
                Ok(Some(frame)) => {
                    let bytes = frame.into_data().unwrap_or_default();
                    said.extend_from_slice(&bytes[..bytes.len().min(ERROR_BODY_BYTES - said.len())]);
                    if said.len() == ERROR_BODY_BYTES {
                        break;
                    }
                }
                Ok(None) => {
                    record.end_ns = connection.stamps().read_ns();
                    drop(body);
                    self.keep(connection, record.end_ns).await;
                    break;
                }
                // The status says enough, whatever keeps the rest of the body away.
                Err(Halt::Stopped(Abort::Cancelled)) => return self.stopped(Abort::Cancelled, record),
                Err(_) => break,
            }
        }
        outcome::of_refusal(status, &said)
    }

    /// Keeps the connection for the slot's next request, its last answer settled.
    async fn keep(&mut self, mut connection: Connection, end_ns: u64) {
        connection.rest(end_ns);
        poll_fn(|cx| {
            connection.drive(cx);
            Poll::Ready(())
        })
        .await;
        self.connection = Some(Ok(connection));
    }

    fn stopped(&self, why: Abort, record: &RequestRecord) -> Verdict {
        let outcome = match why {
            Abort::Limit(_) => Outcome::TimedOut,
            // What it produced by then counts; without any output the limit is all that is known of it.
            Abort::Drained if record.chunks.is_empty() => Outcome::TimedOut,
            Abort::Drained | Abort::Cancelled | Abort::Extra => Outcome::Cancelled,
        };
        (outcome, Some(why.sentence(&self.trial.spec.limits)))
    }
}

/// A record of a request of which nothing is known yet.
pub(super) fn blank(id: u64, sched_ns: u64) -> RequestRecord {
    RequestRecord {
        id,
        sched_ns,
        sent_ns: None,
        connect_ns: None,
        head_ns: None,
        chunks: Vec::new(),
        coalesced: 0,
        first_visible_ns: None,
        end_ns: 0,
        outcome: Outcome::Unsent,
        status: None,
        error: None,
        prompt_tokens: None,
        output_tokens: None,
        token_source: TokenSource::Unknown,
        cached_tokens: None,
        counts_in_doubt: false,
    }
}

fn take(record: &mut RequestRecord, arrival: Arrival) {
    record.chunks.push(Chunk { t_ns: arrival.t_ns, tokens: arrival.tokens });
}

/// How long a slot waits after a failed request, ns.
fn pause(record: &RequestRecord, now_ns: u64) -> u64 {
    let began_ns = record.key_ns();
    began_ns.saturating_add(FAILURE_PAUSE_NS).saturating_sub(now_ns)
}
