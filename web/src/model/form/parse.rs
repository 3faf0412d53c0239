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
