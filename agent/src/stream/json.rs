//! Owns small serde readers that keep lengths and counts instead of text and lists.
//! Must not know which keys they stand under.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// UTF-8 bytes of a JSON string, or of the text parts of a list. Read as bytes, because engines do send half a
/// surrogate pair or half a character, which is no reason to lose a token.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TextBytes(pub(super) u32);

impl<'de> Deserialize<'de> for TextBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = TextBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of text parts")
            }

            fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<TextBytes, E> {
                Ok(TextBytes(u32::try_from(text.len()).unwrap_or(u32::MAX)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<TextBytes, E> {
                self.visit_bytes(text.as_bytes())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<TextBytes, A::Error> {
                let mut sum = 0u32;
                while let Some(part) = parts.next_element::<TextPart>()? {
                    sum = sum.saturating_add(part.text.unwrap_or_default().0);
                }
                Ok(TextBytes(sum))
            }
        }
        deserializer.deserialize_bytes(Text)
    }
}

#[derive(Deserialize)]
struct TextPart {
    text: Option<TextBytes>,
}

/// The length of a JSON list whose items do not matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListLen(pub(super) u32);

impl<'de> Deserialize<'de> for ListLen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = ListLen;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ListLen, A::Error> {
                let mut len = 0u32;
                while items.next_element::<IgnoredAny>()?.is_some() {
                    len = len.saturating_add(1);
                }
                Ok(ListLen(len))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// A count of tokens: a whole number from 0 to 2³² − 1, or something that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// A count.
    Of(u32),
    /// Negative, fractional, too large, or not a number.
    Unreadable,
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl<'de> Visitor<'de> for Number {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count")
            }

            fn visit_u64<E: Error>(self, count: u64) -> Result<Count, E> {
                Ok(u32::try_from(count).map_or(Count::Unreadable, Count::Of))
            }

            fn visit_i64<E: Error>(self, count: i64) -> Result<Count, E> {
                Ok(u32::try_from(count).map_or(Count::Unreadable, Count::Of))
            }

            fn visit_f64<E: Error>(self, count: f64) -> Result<Count, E> {
                let is_count = count.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&count);
                Ok(if is_count { Count::Of(count as u32) } else { Count::Unreadable })
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Count, E> {
                Ok(Count::Unreadable)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Count, E> {
                Ok(Count::Unreadable)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Count, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Count::Unreadable)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Count, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Count::Unreadable)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_measured_in_utf8_bytes_whatever_it_holds() {
        let check = |json: &[u8], expect: u32| {
            let TextBytes(got) = serde_json::from_slice(json).unwrap();
            assert_eq!(got, expect, "{}", String::from_utf8_lossy(json));
        };
        check(br#""""#, 0);
        check(br#""a\n\u00e9""#, 4);
        check(br#""\ud83d\ude00""#, 4);
        check(br#""\ud83d""#, 3);
        check(b"\"\xe2\x9c\"", 2);
        check(br#"[{"type":"text","text":"ab"},{"type":"image"},{"text":null},{"text":"c"}]"#, 3);
    }

    #[test]
    fn a_count_is_a_whole_number_or_unreadable() {
        let check =
            |json: &str, expect: Count| assert_eq!(serde_json::from_str::<Count>(json).unwrap(), expect, "{json}");
        check("7", Count::Of(7));
        check("7.0", Count::Of(7));
        for unreadable in ["-1", "7.5", "4294967296", "1e300", "\"7\"", "true", "[1]", "{\"a\":1}"] {
            check(unreadable, Count::Unreadable);
        }
    }
}
