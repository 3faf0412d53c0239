//! Owns how a field of the form looks: label, unit, default, a line of help, and whether it is at fault.
//! Must not know which fields there are.

use crate::model::form::{Form, FormError};
use leptos::prelude::*;

/// What a field says of itself.
#[derive(Clone, Copy)]
pub struct About {
    label: &'static str,
    /// Path in the plan.
    path: &'static str,
    /// Unit and default.
    unit: &'static str,
    help: &'static str,
}

/// Label, path in the plan, unit with default, a line of help.
pub fn about(label: &'static str, path: &'static str, unit: &'static str, help: &'static str) -> About {
    About { label, path, unit, help }
}

/// The form that fields write to, and the fault that they show.
#[derive(Clone, Copy)]
pub struct Fields {
    pub form: RwSignal<Form>,
    pub refused: Memo<Option<FormError>>,
}

/// Whether a fault at `at` concerns the field `path`: itself or a part of what is at fault.
fn concerns(at: &str, path: &str) -> bool {
    path.strip_prefix(at).is_some_and(|rest| !at.is_empty() && (rest.is_empty() || rest.starts_with('.')))
}

impl Fields {
    fn wrap(self, about: About, input: AnyView) -> AnyView {
        let path = about.path;
        let wrong = move || self.refused.with(|e| e.as_ref().is_some_and(|e| concerns(&e.field, path)));
        view! {
            <label class="field" class:wrong=wrong>
                <span class="field-label">{about.label}<span class="unit">{about.unit}</span></span>
                {input}
                <span class="help">{about.help}</span>
            </label>
        }
        .into_any()
    }

    /// A field of text.
    pub fn text(self, about: About, read: fn(&Form) -> &String, write: fn(&mut Form) -> &mut String) -> AnyView {
        let form = self.form;
        let input = view! {
            <input
                type="text"
                autocomplete="off"
                spellcheck="false"
                name=about.path
                prop:value=move || form.with(|f| read(f).clone())
                on:input:target=move |e| form.update(|f| *write(f) = e.target().value())
            />
        };
        self.wrap(about, input.into_any())
    }

    /// A choice of one among several, each a key and its words; `write` gets the key.
    pub fn choice(
        self,
        about: About,
        options: &'static [(&'static str, &'static str)],
        read: fn(&Form) -> &str,
        write: fn(&mut Form, &str),
    ) -> AnyView {
        let form = self.form;
        let option = move |(key, words): &(&'static str, &'static str)| {
            let key = *key;
            view! { <option value=key selected=move || form.with(|f| read(f) == key)>{*words}</option> }.into_any()
        };
        let input = view! {
            <select name=about.path on:change:target=move |e| form.update(|f| write(f, &e.target().value()))>
                {options.iter().map(option).collect_view()}
            </select>
        };
        self.wrap(about, input.into_any())
    }

    /// A yes or no.
    pub fn switch(self, about: About, read: fn(&Form) -> bool, write: fn(&mut Form, bool)) -> AnyView {
        let form = self.form;
        let input = view! {
            <input
                type="checkbox"
                name=about.path
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
        let part = Memo::new(move |_| self.form.with(part));
        (move || part.with(|part| fields(self, part))).into_any()
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
