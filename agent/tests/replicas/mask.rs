//! Owns the rule by which two answers of a server count as the same bytes: what differs from request to request is masked.
//! Must not know servers.
//!
//! Masked are, each by one letter: the values of the headers `date` and `x-request-id`; ids (what stands before their first
//! `-` stays where it is a word); times of creation; the text of tokens, where there is any; ids and likelihoods of tokens,
//! one by one; and timings. All else stays: status, headers and their order, keys and their order, spaces, nulls, empty
//! texts, counts, events, and which events share a chunk of the transfer coding. Lengths are checked and then written anew.

/// One answer, freed of what may differ.
pub fn masked(raw: &[u8]) -> String {
    let raw = String::from_utf8_lossy(raw);
    let (head, body) = raw.split_once("\r\n\r\n").expect("no end of a head");
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let (body, length) = if is_chunked {
        (chunks(body), None)
    } else {
        let masked = values(body);
        let length = masked.len();
        (masked, Some((body.len(), length)))
    };
    let lines: Vec<String> = head.split("\r\n").map(|line| header(line, length)).collect();
    format!("{}\r\n\r\n{body}", lines.join("\r\n"))
}

/// A line of the head; a length, which must be right, becomes that of the masked body.
fn header(line: &str, length: Option<(usize, usize)>) -> String {
    let Some((name, value)) = line.split_once(": ") else { return line.to_owned() };
    match (name.to_ascii_lowercase().as_str(), length) {
        ("date" | "x-request-id", _) => format!("{name}: *"),
        ("content-length", Some((real, masked))) => {
            assert_eq!(value, real.to_string(), "{line}");
            format!("{name}: {masked}")
        }
        _ => line.to_owned(),
    }
}

/// A body in chunks; a size, which must be right, becomes the way in which it was written.
fn chunks(mut rest: &str) -> String {
    let mut all = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("{size:?} is no size"));
        let (data, after) = after.split_at(length);
        let written = if size == format!("{length:x}") && size == format!("{length:X}") {
            "digits"
        } else if size == format!("{length:x}") {
            "lower"
        } else {
            assert_eq!(size, format!("{length:X}"));
            "upper"
        };
        // Most sizes have a letter; of one without, nobody can tell.
        if written != "digits" && !all.contains("[sizes ") {
            all = format!("[sizes {written}]{all}");
        }
        all += &format!("[chunk]{}[end]", values(data));
        rest = after.strip_prefix("\r\n").expect("a chunk has no end");
    }
    assert_eq!(rest, "", "something follows the last chunk");
    all
}

/// JSON, or events that hold JSON, with the values of some keys masked.
pub fn values(text: &str) -> String {
    let (mut all, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('"') {
        let (before, string) = rest.split_at(at);
        all += before;
        let (key, after) = string_of(string);
        all += key;
        rest = after;
        let colon = after.len() - after.trim_start_matches([':', ' ']).len();
        if colon > 0 && after.starts_with(':') {
            all += &after[..colon];
            let (value, after) = value(key.trim_matches('"'), &after[colon..]);
            all += &value;
            rest = after;
        }
    }
    all + rest
}

/// The value of a key, masked where it is one of those, and what follows; nothing of it where it is looked at by itself.
fn value<'a>(key: &str, rest: &'a str) -> (String, &'a str) {
    let number = |rest: &'a str| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c)).unwrap_or(rest.len());
        if end == 0 { (String::new(), rest) } else { ("0".to_owned(), &rest[end..]) }
    };
    match key {
        "text" | "content" | "generated_text" if rest.starts_with('"') => {
            let (string, after) = string_of(rest);
            (if string == "\"\"" { string.to_owned() } else { "\"T\"".to_owned() }, after)
        }
        "id" if rest.starts_with('"') => {
            let (string, after) = string_of(rest);
            let word = string.trim_matches('"').split_once('-').map_or("", |(word, _)| word);
            let is_word = word.contains(|c: char| !c.is_ascii_hexdigit());
            let masked = match string {
                "\"\"" => string.to_owned(),
                _ if is_word => format!("\"{word}-I\""),
                _ => "\"I\"".to_owned(),
            };
            (masked, after)
        }
        "token_ids" if rest.starts_with('[') => {
            let (ids, after) = rest.split_once(']').expect("an open list");
            (format!("[{}]", vec!["0"; ids.split(',').count()].join(",")), after)
        }
        "id" | "created" | "logprob" => number(rest),
        key if key.ends_with("_ms") || key.ends_with("_per_second") => number(rest),
        _ => (String::new(), rest),
    }
}

/// A text of JSON with its quotes, and what follows.
fn string_of(text: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return text.split_at(at + 1),
            _ => {}
        }
    }
    // A piece of a sentence, as in an error.
    (text, "")
}

#[test]
fn only_what_may_differ_is_masked() {
    let same = |a: &str, b: &str| values(a) == values(b);
    assert!(same(r#"{"id":"cmpl-1","text":"a"}"#, r#"{"id":"cmpl-2","text":"\"b: c"}"#));
    assert!(same(r#"{"token_ids":[1,2],"prompt_ms":1.5}"#, r#"{"token_ids":[3,44],"prompt_ms":22}"#));
    for (a, b) in [
        (r#"{"id":"cmpl-1"}"#, r#"{"id":"chatcmpl-1"}"#),
        (r#"{"id":""}"#, r#"{"id":"1"}"#),
        (r#"{"text":"a"}"#, r#"{"text":""}"#),
        (r#"{"content":null}"#, r#"{"content":"a"}"#),
        (r#"{"a":1,"b":1}"#, r#"{"b":1,"a":1}"#),
        (r#"{"a":1}"#, r#"{"a": 1}"#),
        (r#"{"token_ids":[1,2]}"#, r#"{"token_ids":[1]}"#),
        (r#"{"token_ids":null}"#, r#"{"token_ids":[1]}"#),
        (r#"{"completion_tokens":3}"#, r#"{"completion_tokens":4}"#),
        ("data: {\"text\":\"a\"}", "data:{\"text\":\"a\"}"),
        ("data: {\"text\":\"a\"}\n\n", "data: {\"text\":\"a\"}\n"),
    ] {
        assert!(!same(a, b), "{a} {b}");
    }
    let chunked = |body: &str| masked(format!("H\r\ntransfer-encoding: chunked\r\n\r\n{body}").as_bytes());
    assert_ne!(chunked("a\r\n0123456789\r\n0\r\n\r\n"), chunked("A\r\n0123456789\r\n0\r\n\r\n"));
    assert_ne!(chunked("2\r\n01\r\n0\r\n\r\n"), chunked("1\r\n0\r\n1\r\n1\r\n0\r\n\r\n"));
}
