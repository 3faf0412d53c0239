//! Owns what this page does to runs and studies as items of the history: deleted, brought back, tagged, pinned.
//! Must not know how a message looks, nor what any list shows.

use super::app::{App, Toast};
use crate::erased::spawn;
use crate::link::http;
use leptos::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long the message offers to take a deletion back; the bin does after it.
const OFFER: Duration = Duration::from_secs(12);

/// Ids of an answer with which it was done, and the sentence about the first with which it was not.
fn told(done: &Value) -> (Vec<String>, Option<String>) {
    let ids = done["done"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let refused = done["refused"].as_array().map_or(0, Vec::len);
    let first = done["refused"][0]["why"].as_str();
    let why = first.map(|why| match refused {
        1 => why.to_owned(),
        n => format!("{n} were refused. The first: {why}"),
    });
    (ids, why)
}

impl App {
    /// Deletes runs and studies, and offers to take that back.
    pub fn delete(self, items: Vec<String>, sentence: String) {
        self.of_history("delete", json!({ "items": items }), move |done| {
            self.rows.update(|rows| {
                let runs = done.iter().filter_map(|id| id.clone().try_into().ok());
                runs.for_each(|run| rows.remove(&run));
            });
            if !done.is_empty() {
                self.offer_undo(done, sentence.clone());
            }
        });
    }

    /// Brings runs and studies back out of the bin.
    pub fn undelete(self, items: Vec<String>) {
        self.of_history("undelete", json!({ "items": items }), |_| {});
    }

    /// Adds tags to runs and studies, and takes tags off them.
    pub fn tag(self, items: Vec<String>, add: Vec<String>, remove: Vec<String>) {
        self.of_history("tags", json!({ "items": items, "add": add, "remove": remove }), |_| {});
    }

    /// Pins runs and studies, or no longer.
    pub fn pin(self, items: Vec<String>, pinned: bool) {
        self.of_history("pins", json!({ "items": items, "pinned": pinned }), |_| {});
    }

    fn offer_undo(self, items: Vec<String>, sentence: String) {
        let undone = ArcRwSignal::new(false);
        let ended = undone.clone();
        let undo = Arc::new(move || {
            ended.set(true);
            self.toast.set(None);
            self.undelete(items.clone());
        });
        let toast = Toast { sentence: sentence.clone(), undo: Some(undo) };
        self.toast.set(Some(toast));
        let over = move || {
            // Another message may have taken its place.
            let is_ours = self.toast.with_untracked(|toast| toast.as_ref().is_some_and(|t| t.sentence == sentence));
            if !undone.get_untracked() && is_ours {
                self.toast.set(None);
            }
        };
        set_timeout(over, OFFER);
    }

    /// Asks the agent to do something with items; `then` gets those with which it was done. What it refuses is told.
    fn of_history(self, what: &'static str, body: Value, then: impl Fn(Vec<String>) + 'static) {
        let then: Box<dyn Fn(Vec<String>)> = Box::new(then);
        spawn(async move {
            let path = format!("/api/v1/history/{what}");
            match http::post::<Value>(&path, "application/json", &body.to_string()).await {
                Ok(done) => {
                    let (ids, why) = told(&done);
                    then(ids);
                    if let Some(sentence) = why {
                        self.toast.set(Some(Toast { sentence, undo: None }));
                    }
                    self.changes.update(|changes| *changes += 1);
                }
                Err(failure) => self.tell(&failure),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_told_once() {
        let check = |done: Value, ids: &[&str], why: Option<&str>| {
            let (got, told) = told(&done);
            assert_eq!((got.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), told.as_deref()), (ids, why));
        };
        let refused = json!({ "item": "r2", "why": "It runs." });
        check(json!({ "done": ["r1"], "refused": [] }), &["r1"], None);
        check(json!({ "done": ["r1"], "refused": [refused] }), &["r1"], Some("It runs."));
        let both = json!({ "done": [], "refused": [refused, refused] });
        check(both, &[], Some("2 were refused. The first: It runs."));
        check(json!({}), &[], None);
    }
}
