//! Owns JSON as Python writes it: read to the last digit, `NaN` and infinities taken for what they are, no value.
//! Must not know any format.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, SeqAccess, Visitor};
use std::borrow::Cow;
use std::marker::PhantomData;

/// Words that Python writes for numbers that JSON has not.
const NO_NUMBERS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// The text with `null` where Python wrote a number that JSON has not.
#[must_use]
pub fn finite(text: &str) -> Cow<'_, str> {
    if !NO_NUMBERS.iter().any(|word| text.contains(word)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut is_quoted) = (text, false);
    while let Some(c) = rest.chars().next() {
        let word = NO_NUMBERS.iter().find(|word| !is_quoted && rest.starts_with(**word));
        if let Some(word) = word {
            out.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        // What is escaped belongs to the text, a quotation mark as well.
        let taken = match c {
            '\\' if is_quoted => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ => c.len_utf8(),
        };
        is_quoted ^= c == '"';
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    Cow::Owned(out)
}

/// A value of a format.
///
/// # Errors
/// The place, and what is wrong there.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| broken(&error))
}

/// Every value of a text that has one after the other, as a tool writes that adds to a file; `most` and one more, so that
/// too many are told from as many as may be.
///
/// # Errors
/// The place of the first that is broken.
pub(super) fn parse_all<T: DeserializeOwned>(text: &str, most: usize) -> Result<Vec<T>, String> {
    let values = serde_json::Deserializer::from_str(text).into_iter().take(most + 1);
    values.collect::<Result<_, _>>().map_err(|error| broken(&error))
}

/// A list that is refused beyond `MOST` elements: what takes little room in a file may take much in memory.
pub(super) struct Bounded<T, const MOST: usize>(pub Vec<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Bounded<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(BoundedVisitor(PhantomData))
    }
}

struct BoundedVisitor<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for BoundedVisitor<T, MOST> {
    type Value = Bounded<T, MOST>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a list of at most {MOST}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            if list.len() == MOST {
                return Err(A::Error::custom(format!("a list holds more than {MOST}")));
            }
            list.push(element);
        }
        Ok(Bounded(list))
    }
}

fn broken(error: &serde_json::Error) -> String {
    let what: String = error.to_string().chars().take(200).collect();
    format!("It is broken: {what}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_none_become_absent() {
        let check = |text: &str, expect: &str| assert_eq!(finite(text), expect);
        check(r#"{"a": NaN, "b": [-Infinity, Infinity]}"#, r#"{"a": null, "b": [null, null]}"#);
        check(r#"{"NaN": "an \" NaN", "c": NaN}"#, r#"{"NaN": "an \" NaN", "c": null}"#);
        check(r#"{"ü\\": NaN}"#, r#"{"ü\\": null}"#);
        check(r#""cut \"#, r#""cut \"#);
    }

    #[test]
    fn long_lists_are_refused() {
        assert_eq!(parse::<Bounded<u8, 2>>("[1, 2]").unwrap().0, [1, 2]);
        let why = parse::<Bounded<u8, 2>>("[1, 2, 3]").err().unwrap();
        assert!(why.contains("holds more than 2"), "{why}");
        assert_eq!(parse_all::<u8>("1 2 3 4 5", 2).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn numbers_are_read_to_the_last_digit() {
        for text in ["18.716715618923093", "0.3119452603153849", "320.5690636199997", "3212.9650010900286"] {
            assert_eq!(parse::<f64>(text).unwrap().to_string(), text);
        }
    }
}
