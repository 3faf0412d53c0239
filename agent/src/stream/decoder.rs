//! Owns the state of one stream: which events are output, which totals hold, what is doubtful.
//! Must not know sockets or how a request was made.

use super::alike::Alike;
use super::counts::{ChunkCounts, RunningCount};
use super::errors;
use super::facts::EventFacts;
use super::sse::{Item, MAX_EVENT_BYTES, Splitter};
use super::types::{Anomaly, Arrival, Channel, CountSource, Protocol, StreamError, StreamSummary, Usage};
use super::{openai, tgi};

/// Decodes the body of one streamed response (after transfer decoding), in pieces as they were read.
#[derive(Debug)]
pub struct Decoder {
    splitter: Splitter,
    state: State,
}

impl Decoder {
    /// A decoder for one response.
    pub fn new(protocol: Protocol) -> Self {
        Self { splitter: Splitter::new(), state: State::new(protocol) }
    }

    /// Takes one read. Every event that these bytes complete is stamped `t_ns`, the instant the read returned
    /// on the caller's monotonic clock; `on_arrival` gets each chunk that carries output.
    pub fn feed(&mut self, bytes: &[u8], t_ns: u64, on_arrival: &mut impl FnMut(Arrival)) {
        let state = &mut self.state;
        self.splitter.feed(bytes, &mut |item| state.take(item, t_ns, on_arrival));
    }

    /// Ends the body at `t_ns`, which also stamps an event that lacked its closing blank line.
    pub fn finish(self, t_ns: u64, on_arrival: &mut impl FnMut(Arrival)) -> StreamSummary {
        let Self { splitter, mut state } = self;
        splitter.finish(&mut |item| state.take(item, t_ns, on_arrival));
        state.into_summary()
    }

    /// True once `[DONE]` or, for TGI, the event with `generated_text` was seen: nothing more is to come.
    pub fn is_done(&self) -> bool {
        self.state.summary.done_seen
    }
}

#[derive(Debug)]
struct State {
    protocol: Protocol,
    alike: Alike,
    summary: StreamSummary,
    count: RunningCount,
    usage: Usage,
    fallback_usage: Usage,
    events: u64,
    text_chunks: u32,
    /// Sum of token ids while every output chunk named its own.
    ids_total: Option<u32>,
    all_counted: bool,
    /// Begin of the first line that belongs to no field, in case the body is no event stream at all.
    stray_line: Option<Vec<u8>>,
}

impl State {
    fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            alike: Alike::default(),
            summary: StreamSummary {
                finish_reason: None,
                finished: false,
                usage: None,
                error: None,
                done_seen: false,
                malformed: None,
                output_chunks: 0,
                token_ids_total: None,
                count_source: CountSource::Unknown,
                anomalies: Vec::new(),
                text_bytes: 0,
                first_visible_ns: None,
            },
            count: RunningCount::new(),
            usage: Usage::default(),
            fallback_usage: Usage::default(),
            events: 0,
            text_chunks: 0,
            ids_total: Some(0),
            all_counted: true,
            stray_line: None,
        }
    }

    fn take(&mut self, item: Item<'_>, t_ns: u64, on_arrival: &mut impl FnMut(Arrival)) {
        match item {
            Item::Event { data, is_error, is_terminated } => {
                self.event(data.trim_ascii(), is_error, is_terminated, t_ns, on_arrival);
            }
            Item::Oversized => {
                self.events += 1;
                let number = self.events;
                self.malformed(|| {
                    format!("Event {number} of the stream is longer than {MAX_EVENT_BYTES} bytes and was dropped.")
                });
            }
            Item::UnknownField(line) if self.events == 0 && self.stray_line.is_none() => {
                const STRAY_BYTES: usize = 4096;
                self.stray_line = Some(line[..line.len().min(STRAY_BYTES)].to_vec());
            }
            Item::UnknownField(_) => {}
        }
    }

    fn event(
        &mut self,
        data: &[u8],
        is_error: bool,
        is_terminated: bool,
        t_ns: u64,
        on_arrival: &mut impl FnMut(Arrival),
    ) {
        if data.is_empty() {
            return;
        }
        self.events += 1;
        if data == b"[DONE]" {
            self.summary.done_seen = true;
            return;
        }
        if self.summary.done_seen {
            self.note(Anomaly::DataAfterDone);
        }
        if is_error {
            return self.error(errors::from_named_event(data));
        }
        let facts = match self.protocol {
            Protocol::OpenAiCompletions | Protocol::OpenAiChat => self.alike.read(data, openai::read),
            Protocol::TgiGenerateStream => tgi::read(data),
        };
        match facts {
            Ok(facts) => self.facts(facts, t_ns, on_arrival),
            Err(reason) => self.unreadable(data, is_terminated, &reason),
        }
    }

    fn facts(&mut self, facts: EventFacts, t_ns: u64, on_arrival: &mut impl FnMut(Arrival)) {
        if facts.is_chunk {
            self.chunk(&facts, t_ns, on_arrival);
        }
        if facts.has_other_choice {
            self.note(Anomaly::SeveralChoices);
        }
        if facts.has_unreadable_usage {
            self.note(Anomaly::UsageUnreadable);
        }
        if let Some(usage) = facts.usage {
            if usage.completion_tokens < self.usage.completion_tokens && usage.completion_tokens.is_some() {
                self.note(Anomaly::UsageDecreased);
            }
            merge(&mut self.usage, usage);
        }
        if let Some(usage) = facts.fallback_usage {
            merge(&mut self.fallback_usage, usage);
        }
        if facts.finish_reason.is_some() {
            self.summary.finish_reason = facts.finish_reason;
            self.summary.finished = true;
        }
        if facts.is_last {
            self.summary.finished = true;
            self.summary.done_seen = true;
        }
        if !facts.is_recognised && facts.error.is_none() {
            self.note(Anomaly::UnrecognisedEvent);
        }
        if let Some(error) = facts.error {
            self.error(error);
        }
    }

    fn chunk(&mut self, facts: &EventFacts, t_ns: u64, on_arrival: &mut impl FnMut(Arrival)) {
        let text_bytes = facts.content_bytes.saturating_add(facts.reasoning_bytes).saturating_add(facts.tool_bytes);
        let counted = self.count.step(ChunkCounts {
            has_text: text_bytes > 0,
            token_ids: facts.token_ids,
            running: facts.usage.and_then(|usage| usage.completion_tokens),
            is_final: facts.finish_reason.is_some(),
        });
        let Some(counted) = counted else { return };
        let channel = if facts.content_bytes > 0 {
            Channel::Content
        } else if facts.tool_bytes > 0 {
            Channel::ToolCall
        } else if facts.reasoning_bytes > 0 {
            Channel::Reasoning
        } else {
            Channel::CountOnly
        };
        if matches!(channel, Channel::Content | Channel::ToolCall) {
            self.summary.first_visible_ns.get_or_insert(t_ns);
        }
        self.summary.output_chunks = self.summary.output_chunks.saturating_add(1);
        self.summary.text_bytes += u64::from(text_bytes);
        self.text_chunks = self.text_chunks.saturating_add(u32::from(text_bytes > 0));
        self.ids_total = self.ids_total.zip(facts.token_ids).and_then(|(sum, ids)| sum.checked_add(ids));
        self.all_counted &= counted.tokens.is_some();
        on_arrival(Arrival { t_ns, channel, tokens: counted.tokens, text_bytes });
    }

    fn unreadable(&mut self, data: &[u8], is_terminated: bool, reason: &serde_json::Error) {
        if let Some(error) = errors::from_broken_json(data) {
            return self.error(error);
        }
        if !is_terminated {
            // The connection ended inside the event: a stream cut short, not one that was written wrongly.
            return self.note(Anomaly::TruncatedTail);
        }
        let number = self.events;
        self.malformed(|| {
            format!("Event {number} of the stream cannot be read ({reason}): {}.", errors::excerpt(data))
        });
    }

    fn error(&mut self, error: StreamError) {
        self.summary.error.get_or_insert(error);
    }

    fn malformed(&mut self, sentence: impl FnOnce() -> String) {
        self.summary.malformed.get_or_insert_with(sentence);
    }

    fn note(&mut self, anomaly: Anomaly) {
        if !self.summary.anomalies.contains(&anomaly) {
            self.summary.anomalies.push(anomaly);
        }
    }

    fn into_summary(mut self) -> StreamSummary {
        if self.events == 0
            && let Some(line) = self.stray_line.take()
        {
            self.not_a_stream(&line);
        }
        let mut usage = self.usage;
        if usage.completion_tokens < Some(self.text_chunks) && usage.completion_tokens.is_some() {
            self.note(Anomaly::UsageBelowChunks);
        }
        if self.summary.output_chunks > 0 && usage.completion_tokens == Some(0) {
            usage.completion_tokens = None;
        }
        if usage.completion_tokens.is_none() {
            usage.completion_tokens = self.fallback_usage.completion_tokens;
            usage.prompt_tokens = usage.prompt_tokens.or(self.fallback_usage.prompt_tokens);
            usage.cached_tokens = usage.cached_tokens.or(self.fallback_usage.cached_tokens);
        }
        if usage.completion_tokens.zip(usage.reasoning_tokens).is_some_and(|(all, reasoning)| reasoning > all) {
            self.note(Anomaly::ReasoningExceedsCompletion);
        }
        if self.summary.output_chunks > 0 {
            self.summary.token_ids_total = self.ids_total;
            self.summary.count_source = match (self.ids_total, self.all_counted) {
                (Some(_), _) => CountSource::TokenIds,
                (None, true) => CountSource::ContinuousUsage,
                (None, false) => CountSource::Unknown,
            };
        }
        let totals = self.summary.token_ids_total.zip(usage.completion_tokens);
        if totals.is_some_and(|(ids, completion)| ids != completion) {
            self.note(Anomaly::TokenIdsDisagree);
        }
        self.summary.usage = (usage != Usage::default()).then_some(usage);
        self.summary.anomalies.sort_unstable();
        self.summary
    }

    /// A body without one event: a plain JSON error under a success status, or something else entirely.
    fn not_a_stream(&mut self, line: &[u8]) {
        let value = serde_json::from_slice(line).ok();
        if let Some(error) = value.as_ref().and_then(errors::from_event).or_else(|| errors::from_broken_json(line)) {
            return self.error(error);
        }
        self.malformed(|| format!("The body is no event stream; it begins with {}.", errors::excerpt(line)));
    }
}

/// Keeps the greatest value of each figure, so that neither a zero nor a later slip hides one.
fn merge(into: &mut Usage, from: Usage) {
    into.prompt_tokens = into.prompt_tokens.max(from.prompt_tokens);
    into.completion_tokens = into.completion_tokens.max(from.completion_tokens);
    into.reasoning_tokens = into.reasoning_tokens.max(from.reasoning_tokens);
    into.cached_tokens = into.cached_tokens.max(from.cached_tokens);
}
