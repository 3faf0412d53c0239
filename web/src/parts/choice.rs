//! Owns what is chosen in a list to be compared: the box of a line, and the bar that is in view while something is chosen.
//! Must not know what is chosen, nor what else can be done with it.

use crate::erased::{click, kept, live};
use leptos::prelude::*;

/// The cell with the box of a line. What is chosen goes behind what was chosen before.
pub fn pick<T>(chosen: RwSignal<Vec<T>>, of: T, label: Signal<String>, testid: &'static str) -> AnyView
where
    T: Clone + PartialEq + Send + Sync + 'static,
{
    let picked = of.clone();
    let pick = move |is_picked: bool| {
        chosen.update(|chosen| {
            chosen.retain(|other| *other != picked);
            if is_picked {
                chosen.push(picked.clone());
            }
        });
    };
    view! {
        <td class="pick">
            <input
                type="checkbox"
                aria-label=move || label.get()
                data-testid=testid
                prop:checked=move || chosen.with(|chosen| chosen.contains(&of))
                on:change:target=move |e| pick(e.target().checked())
            />
        </td>
    }
    .into_any()
}

/// The bar: how much is chosen, a way to compare it, what else `more` can do with it, and choosing nothing.
pub fn choice_bar<T>(
    chosen: RwSignal<Vec<T>>,
    label: &'static str,
    words: fn(usize) -> String,
    testid: &'static str,
    more: impl Fn() -> AnyView + Send + 'static,
) -> AnyView
where
    T: ToString + Send + Sync + 'static,
{
    let count = kept(move || chosen.with(Vec::len));
    let some = kept(move || count.get() > 0);
    let href = move || {
        let ids: Vec<String> = chosen.with(|chosen| chosen.iter().map(ToString::to_string).collect());
        format!("/compare?runs={}", ids.join(","))
    };
    let bar = move || {
        some.get().then(|| {
            view! {
                <div class="choice-bar" role="region" aria-label=label>
                    <span aria-live="polite" data-testid="chosen-words">{live(move || words(count.get()))}</span>
                    <a href=href class="button primary small" data-testid=testid>"Compare"</a>
                    {more()}
                    <button class="button small" on:click=click(move |_| chosen.set(Vec::new()))>"Clear"</button>
                </div>
            }
        })
    };
    live(bar)
}
