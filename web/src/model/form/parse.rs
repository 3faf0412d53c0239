//! Owns reading what people type: numbers, lists, and the sentence where it is neither.
//! Must not know which fields there are.

use super::FormError;
use std::str::FromStr;

/// A text without the blanks around it; nothing where it is empty.
pub fn text(value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn refuse(field: &str, expected: &str, value: &str) -> FormError {
    let sentence = format!("{field} in the plan must be {expected}, not \"{}\".", value.trim());
    FormError { field: field.to_owned(), sentence }
}

/// A whole number; thousands may be separated.
pub fn whole<T: FromStr>(field: &str, value: &str) -> Result<T, FormError> {
    value.trim().replace(',', "").parse().map_err(|_| refuse(field, "a whole number", value))
}

/// A number.
pub fn number(field: &str, value: &str) -> Result<f64, FormError> {
    value.trim().parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(|| refuse(field, "a number", value))
}

/// What `read` makes of it; nothing where nothing was typed.
pub fn optional<T>(
    field: &str,
    value: &str,
    read: impl FnOnce(&str, &str) -> Result<T, FormError>,
) -> Result<Option<T>, FormError> {
    if value.trim().is_empty() { Ok(None) } else { read(field, value).map(Some) }
}

/// Numbers between commas, semicolons or blanks.
pub fn list<T: FromStr>(field: &str, value: &str) -> Result<Vec<T>, FormError> {
    value
        .split([',', ' ', ';'])
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().map_err(|_| refuse(field, "numbers such as 1, 4, 16", value)))
        .collect()
}

/// Pairs such as `64: 1, 512: 0.5`.
pub fn pairs(field: &str, value: &str) -> Result<Vec<(u32, f64)>, FormError> {
    let pair = |part: &str| {
        let (length, weight) = part.split_once(':')?;
        Some((length.trim().parse().ok()?, weight.trim().parse().ok()?))
    };
    value
        .split([',', ';'])
        .filter(|part| !part.trim().is_empty())
        .map(|part| {
            pair(part).ok_or_else(|| refuse(field, "pairs of length and weight such as 64: 1, 512: 0.5", value))
        })
        .collect()
}

/// The text of a list.
pub fn listed<T: ToString>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// The text of a value that may be absent.
pub fn shown<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

/// Parts of a text between separators, each with whether it stood in double quotes: these hold separators, and are
/// written as JSON writes a text.
pub fn parts(value: &str, separates: fn(char) -> bool) -> Vec<(String, bool)> {
    let mut parts = Vec::new();
    let mut rest = value.trim_start_matches(|c: char| separates(c) || c.is_whitespace());
    while !rest.is_empty() {
        let quoted = rest.starts_with('"').then(|| {
            let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<serde_json::Value>();
            let text = texts.next()?.ok()?.as_str()?.to_owned();
            Some((text, texts.byte_offset()))
        });
        let (part, end) = match quoted.flatten() {
            Some((text, end)) => ((text, true), end),
            None => {
                let end = rest.find(separates).unwrap_or(rest.len());
                ((rest[..end].trim().to_owned(), false), end)
            }
        };
        if part.1 || !part.0.is_empty() {
            parts.push(part);
        }
        rest = rest[end..].trim_start_matches(|c: char| separates(c) || c.is_whitespace());
    }
    parts
}

/// A text as a part, in quotes where it would be read otherwise without them.
pub fn part(text: &str, separates: fn(char) -> bool) -> String {
    let is_plain = |text: &str| !text.is_empty() && !text.contains('"') && text.trim() == text;
    if is_plain(text) && !text.contains(separates) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

/// Words between blanks.
pub fn words(value: &str) -> Vec<String> {
    parts(value, char::is_whitespace).into_iter().map(|(word, _)| word).collect()
}

/// The text of words.
pub fn shown_words(words: &[String]) -> String {
    words.iter().map(|word| part(word, char::is_whitespace)).collect::<Vec<_>>().join(" ")
}
