//! Owns the form of an engine's parameters: key, allowed values, default, meaning; and a value of one.
//! Must not know which parameters an engine has.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A value of an engine parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ParamValue {
    /// true or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamValue::Bool(on) => f.write_str(if *on { "on" } else { "off" }),
            ParamValue::Int(n) => n.fmt(f),
            ParamValue::Float(n) => n.fmt(f),
            ParamValue::Text(text) => f.write_str(text),
        }
    }
}

/// One parameter that an engine is started with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its key in `[engine.params]`.
    pub key: Cow<'static, str>,
    /// What it may be.
    pub values: Values,
    /// What holds where a plan says nothing, in words.
    pub default: Cow<'static, str>,
    /// What it does, one sentence.
    pub meaning: Cow<'static, str>,
    /// Unit of a number, where it has one.
    pub unit: Option<Cow<'static, str>>,
    /// A change needs a new start of the engine.
    pub restarts: bool,
}

/// What a parameter may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// true or false.
    Switch,
    /// A whole number within bounds.
    Whole {
        /// Least.
        min: i64,
        /// Most.
        max: i64,
    },
    /// A number within bounds.
    Number {
        /// Least.
        min: f64,
        /// Most.
        max: f64,
    },
    /// One of these words.
    Choice(Cow<'static, [Cow<'static, str>]>),
    /// Any text.
    Text,
}

impl Parameter {
    /// A parameter without a unit that takes effect at the engine's start, as nearly all do.
    #[must_use]
    pub const fn new(key: &'static str, values: Values, default: &'static str, meaning: &'static str) -> Self {
        Self {
            key: Cow::Borrowed(key),
            values,
            default: Cow::Borrowed(default),
            meaning: Cow::Borrowed(meaning),
            unit: None,
            restarts: true,
        }
    }

    /// The same of a number with a unit.
    #[must_use]
    pub const fn in_unit(
        key: &'static str,
        unit: &'static str,
        values: Values,
        default: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self {
            key: Cow::Borrowed(key),
            values,
            default: Cow::Borrowed(default),
            meaning: Cow::Borrowed(meaning),
            unit: Some(Cow::Borrowed(unit)),
            restarts: true,
        }
    }
}

impl Values {
    /// True where the value is among them.
    #[must_use]
    pub fn hold(&self, value: &ParamValue) -> bool {
        match (self, value) {
            (Values::Switch, ParamValue::Bool(_)) => true,
            (Values::Whole { min, max }, ParamValue::Int(n)) => (min..=max).contains(&n),
            (Values::Number { min, max }, ParamValue::Float(n)) => (min..=max).contains(&n),
            (Values::Number { min, max }, ParamValue::Int(n)) => (*min..=*max).contains(&(*n as f64)),
            (Values::Choice(words), ParamValue::Text(text)) => words.iter().any(|word| word == text),
            (Values::Text, ParamValue::Text(text)) => !text.is_empty() && !text.starts_with('-') && text.len() <= 500,
            _ => false,
        }
    }

    /// What they are, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Values::Switch => "true or false".to_owned(),
            Values::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Values::Number { min, max } => format!("a number from {min} to {max}"),
            Values::Choice(words) => format!("one of \"{}\"", words.join("\", \"")),
            Values::Text => "a text of 1 to 500 characters that does not begin with a dash".to_owned(),
        }
    }
}

/// The parameter of a key, whose values hold this one.
///
/// # Errors
/// What is wrong and what to do, to follow the name of the field.
pub fn find_parameter<'a>(
    known: impl Iterator<Item = &'a Parameter> + Clone,
    engine: &str,
    key: &str,
    value: &ParamValue,
) -> Result<&'a Parameter, String> {
    let Some(parameter) = known.clone().find(|parameter| parameter.key == key) else {
        let keys: Vec<&str> = known.map(|parameter| &*parameter.key).collect();
        return Err(format!("has \"{key}\", which is no parameter of {engine}; those are {}.", keys.join(", ")));
    };
    if parameter.values.hold(value) {
        return Ok(parameter);
    }
    Err(format!("has \"{key}\" = {value}, which must be {}.", parameter.values.words()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &Values, value: &str, expect: bool) {
        let value: ParamValue = serde_json::from_str(value).unwrap();
        assert_eq!(values.hold(&value), expect, "{value:?} in {values:?}");
        let written = serde_json::to_string(values).unwrap();
        assert_eq!(&serde_json::from_str::<Values>(&written).unwrap(), values);
    }

    #[test]
    fn values() {
        check(&Values::Switch, "true", true);
        check(&Values::Switch, "1", false);
        check(&Values::Whole { min: 1, max: 4 }, "4", true);
        check(&Values::Whole { min: 1, max: 4 }, "5", false);
        check(&Values::Whole { min: 1, max: 4 }, "2.0", false);
        check(&Values::Number { min: 0.1, max: 1.0 }, "0.9", true);
        check(&Values::Number { min: 0.1, max: 1.0 }, "1", true);
        check(&Values::Number { min: 0.1, max: 1.0 }, "1.1", false);
        check(&Values::Choice(Cow::Borrowed(&[Cow::Borrowed("auto")])), "\"auto\"", true);
        check(&Values::Choice(Cow::Borrowed(&[Cow::Borrowed("auto")])), "\"car\"", false);
        check(&Values::Text, "\"a b\"", true);
        check(&Values::Text, "\"--flag\"", false);
        check(&Values::Text, "\"\"", false);
    }
}
