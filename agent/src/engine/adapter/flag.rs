//! Owns how a parameter of a plan becomes an argument or a variable of the engine.
//! Must not know which parameters an engine has.

use shared::engine::{ParamValue, Parameter, Values};
use std::borrow::Cow;

/// A parameter and how it is passed on.
pub struct Entry {
    /// What it is.
    pub parameter: Parameter,
    /// How it is passed.
    pub flag: Flag,
    /// What is passed where the plan says nothing.
    pub ours: Ours,
}

/// How a parameter is passed.
#[derive(Clone, Copy, Debug)]
pub enum Flag {
    /// A flag and its value.
    Value(&'static str),
    /// A flag and `on` or `off`.
    OnOff(&'static str),
    /// A flag where it is true, nothing where not.
    Where(&'static str),
    /// A flag where it is false, nothing where not.
    Unless(&'static str),
    /// One flag where it is true, another where not.
    Either(&'static str, &'static str),
    /// A variable of the environment; true and false are 1 and 0.
    Variable(&'static str),
}

impl Flag {
    /// The flag that stands before a value.
    pub fn name(self) -> Option<&'static str> {
        if let Flag::Value(name) = self { Some(name) } else { None }
    }
}

/// What is passed where the plan says nothing.
#[derive(Clone, Copy, Debug)]
pub enum Ours {
    /// Nothing: the engine's own default holds.
    None,
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(&'static str),
    /// Whether the plan's prompts are to find one another's beginnings in a cache.
    Reuse,
}

/// What a parameter becomes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Arguments of the command.
    pub args: Vec<String>,
    /// A variable of its environment.
    pub variable: Option<(&'static str, String)>,
}

impl Entry {
    /// A parameter that is passed on only where the plan has it.
    pub const fn new(parameter: Parameter, flag: Flag) -> Self {
        Self { parameter, flag, ours: Ours::None }
    }

    /// True or false: key, flag, default and meaning in words.
    pub const fn switch(key: &'static str, flag: Flag, default: &'static str, meaning: &'static str) -> Self {
        Self::new(Parameter::new(key, Values::Switch, default, meaning), flag)
    }

    /// One of these words.
    pub const fn choice(
        key: &'static str,
        words: &'static [Cow<'static, str>],
        flag: Flag,
        default: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self::new(Parameter::new(key, Values::Choice(Cow::Borrowed(words)), default, meaning), flag)
    }

    /// Any text.
    pub const fn text(key: &'static str, flag: Flag, default: &'static str, meaning: &'static str) -> Self {
        Self::new(Parameter::new(key, Values::Text, default, meaning), flag)
    }

    /// A whole number within bounds, of a unit.
    pub const fn whole(
        key: &'static str,
        unit: &'static str,
        (min, max): (i64, i64),
        flag: Flag,
        default: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self::new(Parameter::in_unit(key, unit, Values::Whole { min, max }, default, meaning), flag)
    }

    /// A number within bounds, of a unit.
    pub const fn number(
        key: &'static str,
        unit: &'static str,
        (min, max): (f64, f64),
        flag: Flag,
        default: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self::new(Parameter::in_unit(key, unit, Values::Number { min, max }, default, meaning), flag)
    }

    /// The seed of everything random.
    pub const fn seed(key: &'static str, flag: Flag) -> Self {
        let values = Values::Whole { min: 0, max: i64::MAX };
        Self::new(Parameter::new(key, values, "0, set by us", "Seed of everything random."), flag).or(Ours::Whole(0))
    }

    /// The same with a value of ours where the plan says nothing.
    pub const fn or(mut self, ours: Ours) -> Self {
        self.ours = ours;
        self
    }

    /// The value of ours; `reuses` says whether the plan's prompts are to find one another's beginnings in a cache.
    pub fn our_value(&self, reuses: bool) -> Option<ParamValue> {
        match self.ours {
            Ours::None => None,
            Ours::Whole(n) => Some(ParamValue::Int(n)),
            Ours::Number(n) => Some(ParamValue::Float(n)),
            Ours::Text(text) => Some(ParamValue::Text(text.to_owned())),
            Ours::Reuse => Some(ParamValue::Bool(reuses)),
        }
    }

    /// What a value of it becomes.
    pub fn pass(&self, value: &ParamValue) -> Passed {
        let on = matches!(value, ParamValue::Bool(true));
        let args = |args: &[&str]| Passed { args: args.iter().map(|arg| (*arg).to_owned()).collect(), variable: None };
        match self.flag {
            Flag::Value(flag) => args(&[flag, &value.to_string()]),
            Flag::OnOff(flag) => args(&[flag, if on { "on" } else { "off" }]),
            Flag::Where(flag) if on => args(&[flag]),
            Flag::Unless(flag) if !on => args(&[flag]),
            Flag::Where(_) | Flag::Unless(_) => Passed::default(),
            Flag::Either(flag, other) => args(&[if on { flag } else { other }]),
            Flag::Variable(name) => {
                let value = match value {
                    ParamValue::Bool(on) => u8::from(*on).to_string(),
                    other => other.to_string(),
                };
                Passed { args: Vec::new(), variable: Some((name, value)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(flag: Flag, value: &str, args: &[&str], variable: Option<(&'static str, &str)>) {
        let entry = Entry::text("k", flag, "", "");
        let passed = entry.pass(&serde_json::from_str(value).unwrap());
        let variable = variable.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(passed, Passed { args: args.iter().map(|arg| (*arg).to_owned()).collect(), variable });
    }

    #[test]
    fn each_way_of_passing() {
        check(Flag::Value("--n"), "64", &["--n", "64"], None);
        check(Flag::Value("--share"), "0.9", &["--share", "0.9"], None);
        check(Flag::Value("--dtype"), "\"float16\"", &["--dtype", "float16"], None);
        check(Flag::OnOff("--kv-cache"), "false", &["--kv-cache", "off"], None);
        check(Flag::Where("--eager"), "true", &["--eager"], None);
        check(Flag::Where("--eager"), "false", &[], None);
        check(Flag::Unless("--no-graph"), "false", &["--no-graph"], None);
        check(Flag::Unless("--no-graph"), "true", &[], None);
        check(Flag::Either("--on", "--off"), "true", &["--on"], None);
        check(Flag::Either("--on", "--off"), "false", &["--off"], None);
        check(Flag::Variable("CACHE"), "false", &[], Some(("CACHE", "0")));
        check(Flag::Variable("WAY"), "\"paged\"", &[], Some(("WAY", "paged")));
    }
}
