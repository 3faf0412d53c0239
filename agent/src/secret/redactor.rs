//! Owns the removal of secrets from what others say: a server's answer, an engine's log, in the forms that they quote.
//! Must not know who speaks.

use super::{HIDDEN, Secret};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

/// Shortest secret that is taken out of texts: a shorter one is part of ordinary words.
const SHORTEST: usize = 4;
/// Shortest beginning of a secret that is taken out at the end of a text: less of it tells nothing but whose it is.
const SHORTEST_PART: usize = 6;
/// What follows where a text was cut.
const CUT_MARKS: [char; 5] = ['.', '…', '`', '"', '\''];
/// What a URL keeps as it is.
const KEPT_IN_URLS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Takes secrets out of texts that others wrote.
#[derive(Clone, Debug, Default)]
pub struct Redactor(Vec<Secret>);

impl Redactor {
    /// Takes these out.
    #[must_use]
    pub fn of(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let forms: BTreeSet<String> = secrets.into_iter().flat_map(|secret| forms(secret.expose())).collect();
        let mut forms: Vec<Secret> = forms.into_iter().map(Secret::new).collect();
        // One that holds another must go first, or the rest of it would stay.
        forms.sort_by_key(|form| std::cmp::Reverse(form.expose().len()));
        Self(forms)
    }

    /// The text without them, and without the beginning of one that it ends with: whoever quoted it may have cut it
    /// there.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let whole = self.0.iter().fold(Cow::Borrowed(text), |text, form| {
            if text.contains(form.expose()) { Cow::Owned(text.replace(form.expose(), HIDDEN)) } else { text }
        });
        match self.part_at_the_end(&whole) {
            Some(part) => {
                let mut without = whole.into_owned();
                without.replace_range(part, HIDDEN);
                Cow::Owned(without)
            }
            None => whole,
        }
    }

    /// Where the longest beginning of a secret stands that the text ends with.
    fn part_at_the_end(&self, text: &str) -> Option<Range<usize>> {
        let text = text.trim_end_matches(CUT_MARKS);
        let part = |form: &Secret| {
            let form = form.expose();
            let lengths = (SHORTEST_PART..form.len().min(text.len() + 1)).rev();
            lengths.filter_map(|length| form.get(..length)).find(|part| text.ends_with(part)).map(str::len)
        };
        let longest = self.0.iter().filter_map(part).max()?;
        Some(text.len() - longest..text.len())
    }
}

/// How a secret may be written: as it is, in JSON, in a URL, and in base64 wherever it begins. One of several lines is
/// several, since texts come in lines.
fn forms(secret: &str) -> Vec<String> {
    let mut forms: Vec<String> = Vec::new();
    for line in secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST) {
        let json = serde_json::Value::from(line).to_string();
        forms.extend([line.to_owned(), json.trim_matches('"').to_owned()]);
        forms.push(utf8_percent_encode(line, KEPT_IN_URLS).to_string());
        for before in 0..3 {
            forms.extend([in_base64(line, before, &STANDARD), in_base64(line, before, &URL_SAFE)]);
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// What is sure to stand in the base64 of a text that holds the secret with so many bytes before it, modulo 3.
fn in_base64(secret: &str, before: usize, engine: &impl Engine) -> String {
    let bytes = [&vec![0; before][..], secret.as_bytes()].concat();
    let text = engine.encode(&bytes);
    // A character holds 6 bits: those at both ends hold some of a neighbour.
    let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    text.get(from..to).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-5f3a/9c\"b7";

    fn redactor() -> Redactor {
        Redactor::of(["sk-123", "sk-123-long", "x", KEY].map(Secret::new))
    }

    #[test]
    fn what_others_say_is_rid_of_secrets() {
        let check = |text: &str, expect: &str| assert_eq!(redactor().redact(text), expect);
        check("Incorrect API key provided: sk-123-long.", "Incorrect API key provided: [secret].");
        check("sk-123sk-123", "[secret][secret]");
        check("box", "box");
    }

    #[test]
    fn usual_forms_of_a_secret_go_too() {
        let check = |text: &str| {
            let said = redactor().redact(text).into_owned();
            assert!(said.contains(HIDDEN) && !said.contains("5f3a") && !said.contains("NWYz"), "{said}");
        };
        check(&serde_json::json!({ "key": KEY }).to_string());
        check("/models?token=sk-5f3a%2F9c%22b7&x=1");
        for user in ["", "u", "us", "use", "user"] {
            let basic = STANDARD.encode(format!("{user}:{KEY}:{user}"));
            let said = redactor().redact(&basic).into_owned();
            let left = said.replace(HIDDEN, "");
            // What is left holds at most what surrounds it.
            assert!(said.contains(HIDDEN) && left.len() <= 2 * user.len() + 8, "{basic} became {said}");
        }
    }

    #[test]
    fn a_secret_that_was_cut_goes_as_far_as_it_is_there() {
        let check = |text: &str, expect: &str| assert_eq!(redactor().redact(text), expect);
        check("key sk-5f3a/9c", "key [secret]");
        check("key sk-5f3…`", "key [secret]…`");
        check("key sk-5f3.", "key [secret].");
        check("sk-123-lon", "[secret]-lon");
        // Too little to tell anything, and what is no beginning.
        check("key sk-5f", "key sk-5f");
        check("5f3a/9c", "5f3a/9c");
    }

    #[test]
    fn lines_of_a_secret_go_one_by_one() {
        let redactor = Redactor::of([Secret::new("-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\n")]);
        assert_eq!(redactor.redact("got MIIEpAIBAAKCAQEA"), "got [secret]");
    }
}
