//! Owns the recognition of an event that differs from an earlier one only in its text and token ids. Most of a stream
//! is such events, and to compare their bytes takes a tenth of the time that reading JSON takes.
//! Must not know what an event comes to: whatever is not recognised is read in full.

use super::facts::EventFacts;
use super::types::Channel;

/// Reads one event in full.
type Read = fn(&[u8]) -> Result<EventFacts, serde_json::Error>;

/// Keys under which chunks have their text.
const TEXT_KEYS: [&[u8]; 4] = [b"\"text\":", b"\"content\":", b"\"reasoning\":", b"\"reasoning_content\":"];
/// Key of a chunk's token ids.
const IDS_KEY: &[u8] = b"\"token_ids\":[";
/// Texts and ids with which a shape is tried before it is believed.
const PROBES: [(&[u8], &[u8], u32); 2] = [(b"", b"0", 1), (b"abc", b"1,23", 2)];
/// Shapes that are learned although none has been met again.
const FREE_LESSONS: u32 = 3;
/// Times that shapes must have been met again for each further lesson: it costs as much as reading three events.
const HITS_PER_LESSON: u32 = 8;

/// Reads the events of one stream.
#[derive(Debug, Default)]
pub(super) struct Alike {
    shape: Option<Shape>,
    lessons: u32,
    hits: u32,
}

impl Alike {
    /// What `read` makes of an event, without it where the event is like an earlier one.
    pub(super) fn read(&mut self, data: &[u8], read: Read) -> Result<EventFacts, serde_json::Error> {
        if let Some(facts) = self.shape.as_ref().and_then(|shape| shape.facts_of(data)) {
            self.hits = self.hits.saturating_add(1);
            return Ok(facts);
        }
        let facts = read(data)?;
        if facts.is_mere_chunk() && self.lessons < FREE_LESSONS + self.hits / HITS_PER_LESSON {
            self.lessons += 1;
            self.shape = TEXT_KEYS.iter().find_map(|key| Shape::learned(data, key, read));
        }
        Ok(facts)
    }
}

/// The bytes around the text and the token ids of a chunk.
#[derive(Debug)]
struct Shape {
    /// Up to the text, its opening quote included.
    head: Box<[u8]>,
    /// From the text's closing quote to the bracket that opens the token ids, where there are any.
    between: Option<Box<[u8]>>,
    /// The rest.
    tail: Box<[u8]>,
    channel: Channel,
}

impl Shape {
    /// The shape of an event whose text stands under `key`; absent where reading it with other texts and ids does not
    /// give what the shape would. JSON does not nest through a string, so what holds for these holds for all plain
    /// texts.
    fn learned(data: &[u8], key: &[u8], read: Read) -> Option<Self> {
        let after_key = find(data, key)? + key.len();
        let space = usize::from(data.get(after_key) == Some(&b' '));
        let start = after_key + space;
        if data.get(start) != Some(&b'"') {
            return None;
        }
        let (head, rest) = data.split_at(start + 1);
        let (_, rest) = rest.split_at(plain(rest));
        let (between, tail) = match find(rest, IDS_KEY).map(|at| rest.split_at(at + IDS_KEY.len())) {
            Some((between, after)) => {
                let end = after.iter().position(|byte| *byte == b']')?;
                count_ids(&after[..end])?;
                (Some(between.into()), &after[end..])
            }
            None => (None, rest),
        };
        let mut shape = Self { head: head.into(), between, tail: tail.into(), channel: Channel::Content };
        for channel in [Channel::Content, Channel::Reasoning] {
            shape.channel = channel;
            let holds = |(text, ids, count): &(&[u8], &[u8], u32)| {
                read(&shape.spelled(text, ids)).is_ok_and(|facts| facts == shape.facts(text.len(), *count))
            };
            if PROBES.iter().all(holds) {
                return Some(shape);
            }
        }
        None
    }

    fn spelled(&self, text: &[u8], ids: &[u8]) -> Vec<u8> {
        match &self.between {
            Some(between) => [&self.head, text, between, ids, &self.tail].concat(),
            None => [&self.head, text, &self.tail].concat(),
        }
    }

    fn facts(&self, text_bytes: usize, ids: u32) -> EventFacts {
        let bytes = u32::try_from(text_bytes).unwrap_or(u32::MAX);
        let (content_bytes, reasoning_bytes) = if self.channel == Channel::Content { (bytes, 0) } else { (0, bytes) };
        EventFacts {
            is_chunk: true,
            is_recognised: true,
            content_bytes,
            reasoning_bytes,
            token_ids: self.between.as_ref().map(|_| ids),
            ..EventFacts::default()
        }
    }

    /// What an event of this shape says; absent where it has another.
    fn facts_of(&self, data: &[u8]) -> Option<EventFacts> {
        let inner = data.strip_prefix(&*self.head)?.strip_suffix(&*self.tail)?;
        let text = plain(inner);
        match &self.between {
            Some(between) => Some(self.facts(text, count_ids(inner[text..].strip_prefix(&**between)?)?)),
            None => (text == inner.len()).then(|| self.facts(text, 0)),
        }
    }
}

/// Bytes from the start that mean themselves in a JSON text.
fn plain(bytes: &[u8]) -> usize {
    let is_special = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    bytes.iter().position(is_special).unwrap_or(bytes.len())
}

/// How many whole numbers a list holds; absent where it is empty or has anything else in it.
fn count_ids(list: &[u8]) -> Option<u32> {
    let mut count = 0;
    for id in list.split(|byte| *byte == b',') {
        let id = if count > 0 { id.strip_prefix(b" ").unwrap_or(id) } else { id };
        let is_number = !id.is_empty() && id.iter().all(u8::is_ascii_digit) && (id.len() == 1 || id[0] != b'0');
        count = if is_number { count + 1 } else { return None };
    }
    Some(count)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::super::openai;
    use super::*;
    use proptest::prelude::*;

    /// Chunks as engines spell them: the text takes the place of `T`, token ids that of `I`.
    const SPELLINGS: [&str; 9] = [
        r#"{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"T","logprobs":null,"finish_reason":null,"token_ids":[I]}],"usage":null}"#,
        r#"{"choices":[{"text":"T","index":0,"logprobs":null,"finish_reason":null}],"created":1,"model":"m"}"#,
        r#"{"id": "x", "choices": [{"index": 0, "text": "T", "finish_reason": null, "token_ids":[I]}]}"#,
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"T"},"finish_reason":""}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning_content":"T"},"finish_reason":null}]}"#,
        // The same text twice, ids before the text, and a key that only looks like a text's.
        r#"{"choices":[{"index":0,"delta":{"reasoning":"T","reasoning_content":"T"}}]}"#,
        r#"{"choices":[{"index":0,"token_ids":[I],"text":"T"}]}"#,
        r#"{"note":{"text":"T"},"choices":[{"index":0,"text":"T"}]}"#,
        r#"{"choices":[{"index":0,"text":"T","finish_reason":"length"}],"usage":{"completion_tokens":3}}"#,
    ];

    fn spelled(spelling: &str, text: &str, ids: &str) -> String {
        spelling.replace('T', text).replace('I', ids)
    }

    proptest! {
        #[test]
        fn an_event_says_the_same_whether_it_is_recognised_or_read(
            // Mostly one spelling, as in a stream, and now and then another.
            usual in 0..SPELLINGS.len(),
            events in prop::collection::vec(
                (prop::option::weighted(0.1, 0..SPELLINGS.len()),
                 r#"[a-z é"\\{}\[\],:]{0,6}|\\\\u00e9|\\\\n|text"#,
                 "[0-9]{1,3}(,[0-9]{1,3}){0,2}|[0-9, ]{0,3}"),
                1..40)
        ) {
            let mut alike = Alike::default();
            for (other, text, ids) in events {
                let event = spelled(SPELLINGS[other.unwrap_or(usual)], &text, &ids);
                let got = alike.read(event.as_bytes(), openai::read).ok();
                prop_assert_eq!(got, openai::read(event.as_bytes()).ok(), "{}", event);
            }
        }
    }

    #[test]
    fn engines_chunks_are_recognised() {
        for spelling in &SPELLINGS[..5] {
            let mut alike = Alike::default();
            for text in ["a", " b", "", "é{}[],:"] {
                alike.read(spelled(spelling, text, "7,80").as_bytes(), openai::read).unwrap();
            }
            assert_eq!((alike.lessons, alike.hits), (1, 3), "{spelling}");
        }
    }

    #[test]
    fn a_stream_without_two_alike_is_not_studied_for_ever() {
        let mut alike = Alike::default();
        for n in 0..100 {
            let event = format!(r#"{{"created":{n},"choices":[{{"index":0,"text":"a"}}]}}"#);
            alike.read(event.as_bytes(), openai::read).unwrap();
        }
        assert_eq!((alike.lessons, alike.hits), (FREE_LESSONS, 0));
    }

    #[test]
    fn ids_are_counted_only_where_they_are_whole_numbers() {
        let check = |list: &str, expect: Option<u32>| assert_eq!(count_ids(list.as_bytes()), expect, "{list:?}");
        check("7", Some(1));
        check("0,15, 3", Some(3));
        for other in ["", " 7", "7,", "7,,8", "07", "-1", "1.5", "[1]", "7 ,8"] {
            check(other, None);
        }
    }
}
