//! Owns the path under which a reverse proxy has the agent, as the agent told the page: what goes out gets it, the page's own
//! address loses it. Links get it from `base.js`.
//! Must not know which addresses there are.

use leptos::prelude::document;
use std::sync::OnceLock;

/// The base path without a slash at its end; empty where there is none.
pub fn base() -> &'static str {
    static BASE: OnceLock<String> = OnceLock::new();
    BASE.get_or_init(|| {
        let told = document().query_selector("meta[name=base-path]").ok().flatten();
        told.and_then(|told| told.get_attribute("content")).unwrap_or_default()
    })
}

/// An address from the agent's root as the browser has to ask for it.
pub fn out(path: &str) -> String {
    under(base(), path)
}

/// A path of the address bar as it is from the agent's root.
pub fn within(path: &str) -> String {
    below(base(), path)
}

fn under(base: &str, path: &str) -> String {
    format!("{}{path}", if path.starts_with('/') { base } else { "" })
}

fn below(base: &str, path: &str) -> String {
    let rest = path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match rest.unwrap_or(path) {
        "" => "/".to_owned(),
        rest => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_out_comes_back() {
        let check = |base: &str, path: &str, expect: &str| {
            assert_eq!(under(base, path), expect, "{path} under {base}");
            assert_eq!(below(base, expect), path);
        };
        check("", "/runs/r1", "/runs/r1");
        check("/tp", "/", "/tp/");
        check("/tp", "/runs/r1", "/tp/runs/r1");
        check("/tp", "/tp", "/tp/tp");
        assert_eq!(below("/tp", "/tp"), "/");
        assert_eq!(below("/tp", "/tpx"), "/tpx");
        assert_eq!(under("/tp", "https://elsewhere/"), "https://elsewhere/");
    }
}
