//! Owns the form that a plan is written with: sections of fields, the rare ones folded.
//! Must not know what makes a plan valid: `shared` does.

mod engine;
mod fields;
mod lengths;
mod load;
mod more;
mod work;

use crate::model::form::{Form, FormError};
use crate::parts::Card;
use fields::Fields;
use leptos::prelude::*;

/// All fields.
#[component]
pub fn PlanForm(form: RwSignal<Form>, refused: Memo<Option<FormError>>) -> impl IntoView {
    let f = Fields { form, refused };
    view! {
        <Card title="Custom">
            <form class="form" on:submit=|e| e.prevent_default()>
                {engine::section(f)}
                {load::section(f)}
                {work::section(f)}
                {more::limits(f)}
                {more::reuse(f)}
                {more::advanced(f)}
            </form>
        </Card>
    }
    .into_any()
}
