//! Owns the form that a plan is written with: sections of fields, the rare ones folded.
//! Must not know what makes a plan valid: `shared` does.

mod engine;
mod fields;
mod lengths;
mod load;
mod more;
mod work;

use crate::erased::Kept;
use crate::model::form::{Form, FormError};
use crate::parts::Card;
pub use engine::fields as engine_fields;
pub use fields::Fields;
use fields::about;
use leptos::prelude::*;

/// All fields.
#[component]
pub fn PlanForm(form: RwSignal<Form>, refused: Kept<Option<FormError>>) -> impl IntoView {
    let f = Fields { form, refused, starts: false };
    view! {
        <Card title="Custom">
            <form class="form" on:submit=|e| e.prevent_default()>
                <fieldset>
                    <legend>"Run"</legend>
                    {f.text(about("Name", "name", "1 to 120 characters", "What the list of runs calls it."), |f| &f.name, |f| &mut f.name)}
                    {engine_fields(f)}
                </fieldset>
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
