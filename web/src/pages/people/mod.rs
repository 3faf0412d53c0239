//! Owns the People screen: tokens and the audit log for an admin, links for an operator; and the dialog that makes a link.
//! Must not know how tokens and links are kept.

mod audit;
mod share;
mod shares;
mod tokens;

pub use share::Share;

use crate::erased::{kept, live};
use crate::model::App;
use crate::parts::Loading;
use leptos::prelude::*;
use shared::people::Role;

/// The screen.
#[component]
pub fn People() -> impl IntoView {
    let reader = App::get().reader;
    let role = kept(move || Role::ALL.into_iter().rev().find(|role| reader.may(*role)));
    let shown = move || match role.get() {
        Some(Role::Admin) => view! { <tokens::Tokens/><shares::Shares/><audit::Audit/> }.into_any(),
        Some(Role::Operator) => view! { <shares::Shares/> }.into_any(),
        Some(Role::Viewer) => view! {
            <div class="empty">
                <h2>"Not for this token"</h2>
                <p class="quiet">"Tokens are made by an admin, links by an operator; this token reads."</p>
            </div>
        }
        .into_any(),
        None => view! { <Loading/> }.into_any(),
    };
    view! {
        <header class="page-head"><h1>"People"</h1></header>
        {live(shown)}
    }
    .into_any()
}

/// How long something still lasts.
pub(super) fn left(now_unix_ms: u64, expires_unix_ms: u64) -> String {
    let minutes = expires_unix_ms.saturating_sub(now_unix_ms) / 60_000;
    match minutes {
        _ if expires_unix_ms <= now_unix_ms => "expired".to_owned(),
        0 => "in less than a minute".to_owned(),
        minutes if minutes < 120 => format!("in {minutes} min"),
        minutes if minutes < 48 * 60 => format!("in {} h", minutes / 60),
        minutes => format!("in {} days", minutes / (24 * 60)),
    }
}

/// When something ends, with the host's time on hover.
#[component]
fn Ends(unix_ms: Option<u64>) -> impl IntoView {
    let app = App::get();
    let Some(unix_ms) = unix_ms else { return view! { <span class="quiet">"never"</span> }.into_any() };
    let exact = move || app.agent.with(|agent| agent.clock(unix_ms));
    view! { <time class="quiet" title=exact>{live(move || left(app.now_unix_ms.get(), unix_ms))}</time> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_in_the_unit_that_matters() {
        const MINUTE: u64 = 60_000;
        let check = |left_ms: u64, expect: &str| assert_eq!(left(5, 5 + left_ms), expect);
        check(0, "expired");
        check(MINUTE - 1, "in less than a minute");
        check(119 * MINUTE, "in 119 min");
        check(47 * 60 * MINUTE, "in 47 h");
        check(7 * 24 * 60 * MINUTE, "in 7 days");
        assert_eq!(left(9, 5), "expired");
    }
}
