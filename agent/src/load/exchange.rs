//! Owns one request from due to ended: its bytes, its answer as it comes, and the record that it leaves.
//! Must not know sockets, other requests, or time sources: every stamp is handed in.

use super::http1::{Piece, Response};
use super::limits::Abort;
use super::outcome::{self, Cut, Verdict};
use super::{Limits, work::Turn};
use crate::record::{Chunk, RequestRecord};
use crate::stream::{Decoder, Protocol};
use bytes::Bytes;
use http::StatusCode;
use shared::outcome::Outcome;

/// Most of an error body that is read, bytes.
const ERROR_BODY_BYTES: usize = 8 * 1024;
/// Most chunks for which room is made ahead.
const CHUNKS_AHEAD: u32 = 4096;

/// A request and its answer.
pub(super) struct Exchange {
    pub record: RequestRecord,
    /// Since when it could have been sent: due, with room and an open connection, ns.
    pub ready_ns: u64,
    bytes: Bytes,
    written: usize,
    response: Response,
    body: Body,
    expect_output_tokens: u32,
    keeps: bool,
    is_over: bool,
    last_read_ns: u64,
}

/// What the body of the answer is read as.
enum Body {
    Stream(Box<Decoder>),
    /// Of an answer with another status than 200: what it says.
    Refusal(StatusCode, Vec<u8>),
}

impl Exchange {
    /// A request that was due at `sched_ns`.
    pub fn new(turn: Turn, protocol: Protocol, sched_ns: u64) -> Self {
        let mut record = RequestRecord::due(turn.id, sched_ns);
        record.chunks.reserve_exact(turn.expect_output_tokens.min(CHUNKS_AHEAD) as usize);
        Self {
            record,
            ready_ns: sched_ns,
            bytes: turn.bytes,
            written: 0,
            response: Response::new(),
            body: Body::Stream(Box::new(Decoder::new(protocol))),
            expect_output_tokens: turn.expect_output_tokens,
            keeps: false,
            is_over: false,
            last_read_ns: 0,
        }
    }

    /// Bytes that are still to be written.
    pub fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Some of them were taken by the connection, by a write that began at `t_ns`; true for the first ones.
    pub fn wrote(&mut self, n: usize, t_ns: u64) -> bool {
        self.written += n;
        if self.written == self.bytes.len() {
            // The longest prompts are large, and thousands of them wait for their answers.
            self.bytes = Bytes::new();
            self.written = 0;
        }
        let is_first = n > 0 && self.record.sent_ns.is_none();
        if is_first {
            self.record.sent_ns = Some(t_ns);
        }
        is_first
    }

    /// Takes what one read brought, which returned at `t_ns`. The answer is how many new chunks of output there are.
    pub fn read(&mut self, bytes: &[u8], t_ns: u64) -> Result<usize, Cut> {
        self.last_read_ns = t_ns;
        let before = self.record.chunks.len();
        let Self { record, response, body, keeps, is_over, .. } = self;
        let after = response.take(bytes, &mut |piece| match piece {
            Piece::Head(head) => {
                record.head_ns = Some(t_ns);
                record.status = Some(head.status);
                *keeps = head.keeps;
                if head.status != StatusCode::OK {
                    *body = Body::Refusal(StatusCode::from_u16(head.status).unwrap_or_default(), Vec::new());
                }
            }
            Piece::Data(data) => match body {
                Body::Stream(decoder) => {
                    decoder.feed(data, t_ns, &mut |arrival| {
                        record.chunks.push(Chunk { t_ns: arrival.t_ns, tokens: arrival.tokens });
                    });
                }
                Body::Refusal(_, said) => {
                    said.extend_from_slice(&data[..data.len().min(ERROR_BODY_BYTES - said.len())]);
                    // It has said enough; what else it sends is not waited for.
                    *is_over |= said.len() == ERROR_BODY_BYTES;
                    *keeps &= !*is_over;
                }
            },
            Piece::End => *is_over = true,
        });
        let after = after.map_err(Cut::Garbled)?;
        // Bytes after the end belong to no request: the connection cannot be trusted with another.
        self.keeps &= after == 0;
        self.count_coalesced(before);
        Ok(self.record.chunks.len() - before)
    }

    /// The server closed the connection; true where that is how the answer ends.
    pub fn closed(&mut self) -> bool {
        self.keeps = false;
        self.response.close(&mut |_| {})
    }

    /// Chunks from `first` on that came in one read with the chunk before.
    fn count_coalesced(&mut self, first: usize) {
        let chunks = &self.record.chunks;
        let together = (first.max(1)..chunks.len()).filter(|i| chunks[*i].t_ns == chunks[*i - 1].t_ns).count();
        self.record.coalesced += together as u32;
    }

    /// True once the answer has been read to its end.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// True once the stream has said that nothing more is to come.
    pub fn is_done(&self) -> bool {
        matches!(&self.body, Body::Stream(decoder) if decoder.is_done())
    }

    /// True where the connection can carry another request.
    pub fn keeps_connection(&self) -> bool {
        self.keeps && self.is_over && self.unwritten().is_empty()
    }

    /// The record of a request whose bytes ended like this.
    pub fn end(self, cut: &Cut, now_ns: u64) -> RequestRecord {
        let Self { mut record, body, expect_output_tokens, last_read_ns, .. } = self;
        record.end_ns = if *cut == Cut::Clean { last_read_ns } else { now_ns };
        let verdict = match body {
            Body::Refusal(status, said) => outcome::of_refusal(status, &said),
            Body::Stream(_) if record.head_ns.is_none() => outcome::of_silence(cut, record.sent_ns.is_some()),
            Body::Stream(decoder) => {
                let summary = finish(&mut record, *decoder, last_read_ns);
                outcome::of_stream(&summary, cut, expect_output_tokens)
            }
        };
        judged(record, verdict)
    }

    /// The record of a request that is stopped from our side.
    pub fn stop(self, why: Abort, limits: &Limits, now_ns: u64) -> RequestRecord {
        let Self { mut record, body, last_read_ns, .. } = self;
        record.end_ns = now_ns;
        if let Body::Stream(decoder) = body {
            finish(&mut record, *decoder, last_read_ns);
        }
        let outcome = match why {
            _ if record.sent_ns.is_none() => why.unsent(),
            Abort::Limit(_) => Outcome::TimedOut,
            // What it produced by then counts; without any output the limit is all that is known of it.
            Abort::Drained if record.chunks.is_empty() => Outcome::TimedOut,
            Abort::Drained | Abort::Cancelled | Abort::Extra => Outcome::Cancelled,
        };
        judged(record, (outcome, Some(why.sentence(limits))))
    }

    /// The record of a request that never got a connection.
    pub fn unconnected(self, verdict: Verdict, now_ns: u64) -> RequestRecord {
        let mut record = self.record;
        record.end_ns = now_ns;
        judged(record, verdict)
    }
}

fn judged(mut record: RequestRecord, (outcome, error): Verdict) -> RequestRecord {
    record.outcome = outcome;
    record.error = error;
    record
}

/// Takes what only the whole stream tells.
fn finish(record: &mut RequestRecord, decoder: Decoder, t_ns: u64) -> crate::stream::StreamSummary {
    let summary = decoder.finish(t_ns, &mut |arrival| {
        record.chunks.push(Chunk { t_ns: arrival.t_ns, tokens: arrival.tokens });
    });
    record.first_visible_ns = summary.first_visible_ns;
    record.prompt_tokens = summary.usage.and_then(|usage| usage.prompt_tokens);
    record.cached_tokens = summary.usage.and_then(|usage| usage.cached_tokens);
    (record.output_tokens, record.token_source) = outcome::tokens(&summary);
    record.counts_in_doubt = summary.counts_in_doubt();
    summary
}
