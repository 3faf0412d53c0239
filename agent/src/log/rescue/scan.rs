//! Owns the search of every page of a damaged log for events, without the tree that led to them.
//! Must not know which of them are taken.

use super::super::schema::AGENT_STREAM;
use super::super::{codec, sum};
use super::image::Image;
use super::record::{self, Value};
use shared::ids::RunId;

/// Kinds of pages on which events lie: leaves of their tree, and what leads to these.
const LEAF: u8 = 0x0a;
const INNER: u8 = 0x02;
/// Bytes of the file's own head, at the begin of the first page.
const FILE_HEAD: usize = 100;
/// Most bytes that a row has beside its body.
const BESIDE: usize = 1 << 10;

/// A row that was found.
pub(super) struct Found<'a> {
    pub stream: &'a str,
    pub seq: i64,
    pub t_ns: i64,
    pub kind: &'a str,
    pub body: &'a [u8],
}

/// Gives every event of every page to `take`, in the order in which they lie there; some more than once.
///
/// # Errors
/// What `take` says.
pub(super) fn scan<E>(image: &Image, mut take: impl FnMut(&Found<'_>) -> Result<(), E>) -> Result<(), E> {
    for number in 1..=image.pages {
        let Some(page) = image.page(number) else { continue };
        let head = if number == 1 { FILE_HEAD } else { 0 };
        for record in cells(image, &page, head) {
            if let Some(found) = record::values(&record).as_deref().and_then(event) {
                take(&found)?;
            }
        }
    }
    Ok(())
}

/// The records of a page that may hold events.
fn cells(image: &Image, page: &[u8], head: usize) -> Vec<Vec<u8>> {
    let (pointers, child) = match page.get(head) {
        Some(&LEAF) => (head + 8, 0),
        Some(&INNER) => (head + 12, 4),
        _ => return Vec::new(),
    };
    let short = |at: usize| page.get(at..at + 2).map(|two| usize::from(u16::from_be_bytes([two[0], two[1]])));
    let count = short(head + 3).unwrap_or(0);
    // A count that was damaged may be any: pointers beyond the page are none.
    let starts = (0..count).map_while(|cell| short(pointers + 2 * cell));
    starts.filter_map(|start| record_at(image, page, start + child)).collect()
}

/// The record that begins at this byte of a page, with what of it lies on other pages.
fn record_at(image: &Image, page: &[u8], at: usize) -> Option<Vec<u8>> {
    let (bytes, head) = record::varint(page.get(at..)?)?;
    let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes <= codec::MAX_BODY_BYTES + BESIDE)?;
    let here = local(image.page_bytes, bytes);
    let start = at + head;
    let mut record = page.get(start..start + here)?.to_vec();
    let mut next = if here < bytes { page.get(start + here..start + here + 4)?.to_vec() } else { Vec::new() };
    while record.len() < bytes {
        let number = u32::from_be_bytes(next.as_slice().try_into().ok()?);
        let page = image.page(number)?;
        let more = (bytes - record.len()).min(image.page_bytes - 4);
        record.extend_from_slice(page.get(4..4 + more)?);
        next = page.get(..4)?.to_vec();
    }
    Some(record)
}

/// How many bytes of a record of that many lie on its own page: the format's rule for trees whose rows are their keys.
fn local(page_bytes: usize, bytes: usize) -> usize {
    let most = (page_bytes - 12) * 64 / 255 - 23;
    let least = (page_bytes - 12) * 32 / 255 - 23;
    if bytes <= most {
        return bytes;
    }
    let fits = least + (bytes - least) % (page_bytes - 4);
    if fits <= most { fits } else { least }
}

/// The event that these values are, where they are one and its sum says that it is what was written.
fn event<'a>(values: &[Value<'a>]) -> Option<Found<'a>> {
    let (found, sum) = match *values {
        [
            Value::Text(stream),
            Value::Integer(seq),
            Value::Integer(t_ns),
            Value::Text(kind),
            Value::Blob(body),
            ref rest @ ..,
        ] => {
            let sum = match rest {
                [] | [Value::Null] => None,
                [Value::Integer(sum)] => Some(u32::try_from(*sum).ok()?),
                _ => return None,
            };
            (Found { stream, seq, t_ns, kind, body }, sum)
        }
        _ => return None,
    };
    let is_stream = found.stream == AGENT_STREAM || RunId::try_from(found.stream.to_owned()).is_ok();
    let is_whole = match sum {
        Some(sum) => sum == sum::of(found.stream, found.seq, found.t_ns, found.kind, found.body),
        // Before there were sums: at least it can be read to its last byte.
        None => rmp_serde::from_slice::<serde::de::IgnoredAny>(found.body).is_ok(),
    };
    (is_stream && found.seq > 0 && found.t_ns >= 0 && is_whole).then_some(found)
}
