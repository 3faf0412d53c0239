//! Owns who reads the page, as the agent knows them: what they may do, what was shared with them, why they are out.
//! Must not know markup, nor how the agent found out.

use leptos::prelude::*;
use serde_json::Value;
use shared::people::{LINK_ENDED, Role};

/// Why nobody reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Out {
    /// Nobody has signed in.
    #[default]
    Never,
    /// The token was revoked or has expired.
    Token,
    /// The link was revoked or has expired.
    Link,
}

/// What the page needs of `shared::people::Me`: all of its type would be a part of what the page starts with.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    role: Role,
    /// What was shared, as it came, where that is all that may be seen.
    shared: Option<Value>,
}

/// Who reads. Copies share it.
#[derive(Clone, Copy)]
pub struct Reader {
    me: RwSignal<Option<Known>>,
    out: RwSignal<Out>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { me: RwSignal::new(None), out: RwSignal::new(Out::Never) }
    }
}

impl Reader {
    /// The agent told who it is; true where that is somebody who came by a link. A role that cannot be read has no rights.
    pub fn is(self, me: &Value) -> bool {
        let role = me["role"].as_str().and_then(|role| role.parse().ok()).unwrap_or(Role::Viewer);
        let shared = me.get("shared").filter(|shared| !shared.is_null()).cloned();
        let is_guest = shared.is_some();
        self.me.set(Some(Known { role, shared }));
        is_guest
    }

    /// The agent lets nobody in, with this sentence.
    pub fn is_out(self, sentence: &str) {
        let out = match self.me.with_untracked(Option::is_some) {
            _ if sentence == LINK_ENDED => Out::Link,
            true => Out::Token,
            // What was known first stays: other requests fail as well.
            false => self.out.get_untracked(),
        };
        self.me.set(None);
        self.out.set(out);
    }

    /// Why nobody reads.
    pub fn out(self) -> Out {
        self.out.get()
    }

    /// True once the agent told who reads.
    pub fn is_known(self) -> bool {
        self.me.with(Option::is_some)
    }

    /// True where this role's rights are there; until the agent told, none are.
    pub fn may(self, role: Role) -> bool {
        self.me.with(|me| me.as_ref().is_some_and(|me| me.role >= role))
    }

    /// What was shared, as it came, where that is all that may be seen.
    pub fn shared(self) -> Option<Value> {
        self.me.with(|me| me.as_ref()?.shared.clone())
    }

    /// True where somebody came by a link.
    pub fn is_guest(self) -> bool {
        self.me.with(|me| me.as_ref().is_some_and(|me| me.shared.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared::ids::RunId;
    use shared::people::{Me, Shared, Who};

    fn me(role: Role, shared: Option<Vec<Shared>>) -> Value {
        let who = Who { id: "t".to_owned(), name: "Ada".to_owned() };
        json!(Me { who, role, shared, expires_unix_ms: None, utc_offset_minutes: None, time_zone: None })
    }

    #[test]
    fn rights_come_with_the_agents_word_and_go_with_it() {
        Owner::new().set();
        let reader = Reader::default();
        assert!(!reader.may(Role::Viewer) && !reader.is_guest() && reader.out() == Out::Never);
        assert!(!reader.is(&me(Role::Operator, None)));
        assert!(reader.may(Role::Viewer) && reader.may(Role::Operator) && !reader.may(Role::Admin));
        reader.is_out("No.");
        assert!(!reader.may(Role::Viewer));
        assert_eq!(reader.out(), Out::Token);
        // The next request that fails changes nothing of it.
        reader.is_out("No.");
        assert_eq!(reader.out(), Out::Token);
        reader.is(&json!({ "role": "of a later version" }));
        assert!(reader.may(Role::Viewer) && !reader.may(Role::Operator));
    }

    #[test]
    fn a_link_that_ended_is_told_from_a_token() {
        Owner::new().set();
        let reader = Reader::default();
        reader.is_out("No.");
        assert_eq!(reader.out(), Out::Never);
        assert!(reader.is(&me(Role::Viewer, Some(vec![Shared::Run(RunId::new(1, 1))]))));
        assert!(reader.is_guest() && reader.shared().is_some());
        reader.is_out(LINK_ENDED);
        assert_eq!((reader.out(), reader.is_guest()), (Out::Link, false));
    }
}
