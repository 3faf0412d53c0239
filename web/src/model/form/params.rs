//! Owns an engine's parameters while they are written: a text each, several values between commas where they vary.
//! Must not know which parameters an engine has: the agent tells.

use super::FormError;
use super::parse::{part, parts};
use shared::engine::{ParamValue, Parameter, Values, find_parameter};
use shared::plan::EnginePlan;
use std::collections::BTreeMap;

/// Texts by the key of the parameter; none where the default holds.
pub type Texts = BTreeMap<String, String>;

fn is_comma(c: char) -> bool {
    c == ','
}

/// The texts of a plan's parameters.
pub fn texts(plan: &EnginePlan) -> Texts {
    let fixed = plan.params.iter().map(|(key, value)| (key.clone(), text(value)));
    let varied = plan.vary.iter().map(|(key, values)| {
        let values: Vec<String> = values.iter().map(text).collect();
        // A lone value that "varies" keeps its comma, which tells it from a fixed one.
        let end = if values.len() == 1 { "," } else { "" };
        (key.clone(), values.join(", ") + end)
    });
    fixed.chain(varied).collect()
}

fn text(value: &ParamValue) -> String {
    match value {
        ParamValue::Bool(on) => on.to_string(),
        ParamValue::Int(n) => n.to_string(),
        ParamValue::Float(n) => {
            // A whole one stays a number with a point.
            let end = if n.fract() == 0.0 { ".0" } else { "" };
            format!("{n}{end}")
        }
        ParamValue::Text(text) if matches!(guessed(text), ParamValue::Text(_)) => part(text, is_comma),
        ParamValue::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
    }
}

/// What a text is by its looks.
fn guessed(text: &str) -> ParamValue {
    match text {
        "true" => ParamValue::Bool(true),
        "false" => ParamValue::Bool(false),
        _ => match (text.parse(), text.parse::<f64>()) {
            (Ok(n), _) => ParamValue::Int(n),
            (_, Ok(n)) if n.is_finite() => ParamValue::Float(n),
            _ => ParamValue::Text(text.to_owned()),
        },
    }
}

/// Puts what the texts amount to into the plan.
///
/// # Errors
/// The first value that the parameter cannot have, or a key that the engine does not know.
pub fn put(texts: &Texts, known: &[Parameter], plan: &mut EnginePlan) -> Result<(), FormError> {
    plan.params.clear();
    plan.vary.clear();
    for (key, text) in texts {
        let is_text =
            known.iter().any(|p| p.key == key.as_str() && matches!(p.values, Values::Text | Values::Choice(_)));
        let value = |(text, quoted): (String, bool)| match quoted || is_text {
            true => ParamValue::Text(text),
            false => guessed(&text),
        };
        let mut values: Vec<ParamValue> = parts(text, is_comma).into_iter().map(value).collect();
        for value in values.iter().filter(|_| !known.is_empty()) {
            if let Err(problem) = find_parameter(known.iter(), plan.kind.label(), key, value) {
                let sentence = format!("engine.params in the plan {problem}");
                return Err(FormError { field: format!("engine.params.{key}"), sentence });
            }
        }
        match values.len() {
            0 => {}
            1 if !text.trim_end().ends_with(',') => drop(plan.params.insert(key.clone(), values.remove(0))),
            _ => drop(plan.vary.insert(key.clone(), values)),
        }
    }
    if plan.vary.is_empty() {
        plan.order = shared::plan::Order::default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::engine::EngineKind;

    fn known() -> Vec<Parameter> {
        let choice = Values::Choice(vec!["auto".into(), "float16".into()].into());
        vec![
            Parameter::new("dtype", choice, "auto", ""),
            Parameter::new("seqs", Values::Whole { min: 1, max: 64 }, "256", ""),
            Parameter::new("share", Values::Number { min: 0.0, max: 1.0 }, "0.9", ""),
            Parameter::new("caching", Values::Switch, "false", ""),
            Parameter::new("layers", Values::Text, "what fits", ""),
        ]
    }

    fn check(key: &str, text: &str, expect: Result<&str, &str>) {
        let mut plan = EnginePlan::of(EngineKind::Builtin);
        let texts = Texts::from([(key.to_owned(), text.to_owned())]);
        match (put(&texts, &known(), &mut plan), expect) {
            (Ok(()), Ok(values)) => {
                let got = serde_json::json!({ "params": plan.params, "vary": plan.vary });
                assert_eq!(got, serde_json::from_str::<serde_json::Value>(values).unwrap(), "{text}");
                assert_eq!(put(&super::texts(&plan), &known(), &mut plan.clone()), Ok(()), "{text}");
            }
            (Err(error), Err(words)) => {
                assert!(error.sentence.contains(words), "{}", error.sentence);
                assert_eq!(error.field, format!("engine.params.{key}"));
            }
            (got, expect) => panic!("{key} {text}: {got:?}, not {expect:?}"),
        }
    }

    #[test]
    fn a_text_is_a_value_or_several() {
        check("seqs", " 8 ", Ok(r#"{"params": {"seqs": 8}, "vary": {}}"#));
        check("seqs", "1, 8,64", Ok(r#"{"params": {}, "vary": {"seqs": [1, 8, 64]}}"#));
        check("seqs", "8,", Ok(r#"{"params": {}, "vary": {"seqs": [8]}}"#));
        check("seqs", "", Ok(r#"{"params": {}, "vary": {}}"#));
        check("share", "0.5, 1", Ok(r#"{"params": {}, "vary": {"share": [0.5, 1]}}"#));
        check("caching", "false, true", Ok(r#"{"params": {}, "vary": {"caching": [false, true]}}"#));
        check("dtype", "float16", Ok(r#"{"params": {"dtype": "float16"}, "vary": {}}"#));
        check("layers", "32", Ok(r#"{"params": {"layers": "32"}, "vary": {}}"#));
        check("layers", "\"a, b\", all", Ok(r#"{"params": {}, "vary": {"layers": ["a, b", "all"]}}"#));
        check("seqs", "65", Err("has \"seqs\" = 65, which must be a whole number from 1 to 64"));
        check("seqs", "1, many", Err("= many"));
        check("dtype", "car", Err("one of \"auto\", \"float16\""));
        check("sequences", "1", Err("no parameter of"));
    }

    #[test]
    fn every_value_survives_its_text() {
        let values = r#"[true, 8, -1, 0.9, 1.0, 1e-9, "auto", "32", "true", "a, b", "a \"b\"", " x", "0.5", "é"]"#;
        let values: Vec<ParamValue> = serde_json::from_str(values).unwrap();
        let mut plan = EnginePlan::of(EngineKind::Vllm);
        plan.params = values.iter().enumerate().map(|(n, value)| (format!("p{n}"), value.clone())).collect();
        plan.vary = BTreeMap::from([("v".to_owned(), values), ("w".to_owned(), vec![ParamValue::Int(1)])]);
        let mut read = EnginePlan::of(EngineKind::Vllm);
        put(&texts(&plan), &[], &mut read).unwrap();
        assert_eq!(read, plan);
    }
}
