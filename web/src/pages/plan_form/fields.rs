//! Owns how a field of the form looks: label, unit, default, a line of help, and whether it is at fault.
//! Must not know which fields there are.

use crate::erased::{Kept, kept, live};
use crate::format;
use crate::model::form::{Form, FormError};
use leptos::prelude::*;
use shared::engine::{Parameter, Values};
use std::borrow::Cow;
use std::sync::Arc;

/// What a field says of itself.
#[derive(Clone)]
pub struct About {
    label: Cow<'static, str>,
    /// Path in the plan.
    path: Cow<'static, str>,
    /// Unit and default.
    unit: Cow<'static, str>,
    help: Cow<'static, str>,
}

/// Label, path in the plan, unit with default, a line of help.
pub fn about(label: &'static str, path: &'static str, unit: &'static str, help: &'static str) -> About {
    About { label: label.into(), path: path.into(), unit: unit.into(), help: help.into() }
}

/// The form that fields write to, and the fault that they show.
#[derive(Clone, Copy)]
pub struct Fields {
    pub form: RwSignal<Form>,
    pub refused: Kept<Option<FormError>>,
    /// Only what the agent starts can be chosen.
    pub starts: bool,
}

/// The text of a field, or the key of what is chosen in it.
type Read = Arc<dyn Fn(&Form) -> String + Send + Sync>;
/// Takes what was typed or chosen.
type Write = Arc<dyn Fn(&mut Form, String) + Send + Sync>;

/// Key and words of each of several.
pub type Options = Vec<(&'static str, &'static str)>;

/// Whether a fault at `at` concerns the field `path`: itself or a part of what is at fault.
fn concerns(at: &str, path: &str) -> bool {
    path.strip_prefix(at).is_some_and(|rest| !at.is_empty() && (rest.is_empty() || rest.starts_with('.')))
}

impl Fields {
    fn wrap(self, about: About, input: AnyView) -> AnyView {
        let path = about.path.into_owned();
        let wrong = move || self.refused.with(|e| e.as_ref().is_some_and(|e| concerns(&e.field, &path)));
        view! {
            <label class="field" class:wrong=wrong>
                <span class="field-label">{about.label.into_owned()}<span class="unit">{about.unit.into_owned()}</span></span>
                {input}
                <span class="help">{about.help.into_owned()}</span>
            </label>
        }
        .into_any()
    }

    fn input(self, about: About, read: Read, write: Write, suggested: Vec<String>) -> AnyView {
        let form = self.form;
        let name = about.path.clone().into_owned();
        let list = (!suggested.is_empty()).then(|| format!("{name}-values"));
        let suggestions = list.clone().map(|id| {
            let option = |value: String| view! { <option value=value></option> }.into_any();
            view! { <datalist id=id>{suggested.into_iter().map(option).collect_view()}</datalist> }.into_any()
        });
        let input = view! {
            <input
                type="text"
                autocomplete="off"
                spellcheck="false"
                name=name
                list=list
                prop:value=move || form.with(|f| read(f))
                on:input:target=move |e| form.update(|f| write(f, e.target().value()))
            />
            {suggestions}
        };
        self.wrap(about, input.into_any())
    }

    fn select(self, about: About, options: Options, read: Read, write: Write) -> AnyView {
        let form = self.form;
        let name = about.path.clone().into_owned();
        let option = move |(key, words): (&'static str, &'static str)| {
            let read = read.clone();
            view! { <option value=key selected=move || form.with(|f| read(f) == key)>{words}</option> }.into_any()
        };
        let input = view! {
            <select name=name on:change:target=move |e| form.update(|f| write(f, e.target().value()))>
                {options.into_iter().map(option).collect_view()}
            </select>
        };
        self.wrap(about, input.into_any())
    }

    /// A field of text.
    pub fn text(self, about: About, read: fn(&Form) -> &String, write: fn(&mut Form) -> &mut String) -> AnyView {
        let read = move |f: &Form| read(f).clone();
        self.input(about, Arc::new(read), Arc::new(move |f, text| *write(f) = text), Vec::new())
    }

    /// A choice of one among several; `write` gets the key.
    pub fn choice(
        self,
        about: About,
        options: &[(&'static str, &'static str)],
        read: fn(&Form) -> &str,
        write: fn(&mut Form, &str),
    ) -> AnyView {
        let read = move |f: &Form| read(f).to_owned();
        self.select(about, options.to_vec(), Arc::new(read), Arc::new(move |f, key: String| write(f, &key)))
    }

    /// One of the engine's own parameters, several values between commas.
    pub fn parameter(self, parameter: &Parameter) -> AnyView {
        let (key, key_of_it) = (parameter.key.clone().into_owned(), parameter.key.clone().into_owned());
        let read: Read = Arc::new(move |f| f.engine.params.get(&key).cloned().unwrap_or_default());
        let write: Write = Arc::new(move |f, text| f.engine.set(&key_of_it, text));
        let grouped = |n: i64| u64::try_from(n).map_or_else(|_| n.to_string(), format::count);
        let (bounds, words) = match &parameter.values {
            Values::Whole { min, max: i64::MAX } => (format!("from {min}"), String::new()),
            Values::Whole { min, max } => (format!("{} to {}", grouped(*min), grouped(*max)), String::new()),
            Values::Number { min, max } => (format!("{min} to {max}"), String::new()),
            Values::Choice(words) => (String::new(), format!(" One of {}.", words.join(", "))),
            Values::Switch | Values::Text => (String::new(), String::new()),
        };
        let unit: Vec<&str> =
            parameter.unit.as_deref().into_iter().chain([bounds.as_str()]).filter(|s| !s.is_empty()).collect();
        let about = About {
            label: parameter.key.clone(),
            path: format!("engine.params.{}", parameter.key).into(),
            unit: unit.join(", ").into(),
            help: format!("{}{words} Default: {}.", parameter.meaning, parameter.default.trim_end_matches('.')).into(),
        };
        match &parameter.values {
            Values::Switch => {
                let options = vec![("", "default"), ("true", "on"), ("false", "off"), ("false, true", "off, then on")];
                self.select(about, options, read, write)
            }
            Values::Choice(words) => {
                self.input(about, read, write, words.iter().map(|word| word.clone().into_owned()).collect())
            }
            _ => self.input(about, read, write, Vec::new()),
        }
    }

    /// A yes or no.
    pub fn switch(self, about: About, read: fn(&Form) -> bool, write: fn(&mut Form, bool)) -> AnyView {
        let form = self.form;
        let input = view! {
            <input
                type="checkbox"
                name=about.path.clone().into_owned()
                prop:checked=move || form.with(read)
                on:change:target=move |e| form.update(|f| write(f, e.target().checked()))
            />
        };
        self.wrap(about, input.into_any())
    }

    /// What depends on a part of the form: made anew only where that part changes.
    pub fn by<T: PartialEq + Send + Sync + 'static>(
        self,
        part: fn(&Form) -> T,
        fields: fn(Self, &T) -> AnyView,
    ) -> AnyView {
        let part = kept(move || self.form.with(part));
        live(move || part.with(|part| fields(self, part)))
    }
}

/// The key of a value among pairs of key and value; the first one's where it is not among them.
pub fn key_of<T: PartialEq>(pairs: &[(&'static str, T)], value: &T) -> &'static str {
    pairs.iter().find(|(_, v)| v == value).or(pairs.first()).map_or("", |(key, _)| *key)
}

/// The value of a key among pairs of key and value.
pub fn value_of<T: Copy>(pairs: &[(&'static str, T)], key: &str) -> Option<T> {
    pairs.iter().find(|(k, _)| *k == key).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_marks_its_field_and_the_parts_of_it() {
        let check = |at, path, expect| assert_eq!(concerns(at, path), expect, "{at} at {path}");
        check("load.ramp", "load.ramp.from_rate", true);
        check("load.rate", "load.rate", true);
        check("load.ramp.from_rate", "load.ramp.to_rate", false);
        check("load.rat", "load.rate", false);
        check("", "load.rate", false);
    }
}
