//! Owns how a token and the secret of a link travel (cookie, header) and the count of wrong ones.
//! Must not know whose they are.

use axum::http::{HeaderMap, header};
use shared::ids::ShareId;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Name of the cookie of whoever signed in.
const COOKIE: &str = "tokenprism";
/// Begins the name of a link's cookie; the share's id follows, so that several links can be open in one browser.
const LINK_COOKIE: &str = "tokenprism_link_";
/// Wrong tokens from one address within [`WINDOW`] before it must wait.
const MAX_WRONG: u32 = 10;
/// How long wrong tokens are remembered.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered.
const MAX_ADDRESSES: usize = 1024;

/// The token of an `Authorization` header.
pub(super) fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Name and value of each cookie that a request carries.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    (headers.get_all(header::COOKIE).iter())
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

/// The tokens of our cookie; a browser may send more than one of a name.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = String> + '_ {
    pairs(headers).filter(|(name, _)| *name == COOKIE).filter_map(|(_, value)| decode(value))
}

/// The secrets of links that were opened.
pub(super) fn links(headers: &HeaderMap) -> impl Iterator<Item = String> + '_ {
    pairs(headers).filter(|(name, _)| name.starts_with(LINK_COOKIE)).filter_map(|(_, value)| decode(value))
}

/// The `Set-Cookie` value of a token: out of reach of scripts, and never sent along from another site.
pub(super) fn set_cookie(token: &str) -> String {
    format!("{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/", encode(token))
}

/// The same of a link's secret, which the browser keeps until the link ends: beside a token's, never in its place.
pub(super) fn set_link_cookie(share: &ShareId, secret: &str, left_s: u64) -> String {
    format!("{LINK_COOKIE}{share}={}; HttpOnly; SameSite=Strict; Path=/; Max-Age={left_s}", encode(secret))
}

/// Percent-encodes what may not stand in a cookie.
fn encode(token: &str) -> String {
    token.bytes().fold(String::with_capacity(token.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// Undoes [`encode`].
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            let (pair, tail) = tail.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Takes `token` out of a query; gives it and the rest of the query.
pub(super) fn of_query(query: &str) -> Option<(String, String)> {
    let is_token = |pair: &&str| pair.starts_with("token=");
    let token = query.split('&').find(is_token)?.strip_prefix("token=")?;
    let rest: Vec<_> = query.split('&').filter(|pair| !is_token(pair)).collect();
    Some((decode(token).unwrap_or_default(), rest.join("&")))
}

/// Wrong tokens by address.
#[derive(Default)]
pub(super) struct Throttle {
    wrong: BTreeMap<IpAddr, (Instant, u32)>,
}

impl Throttle {
    /// How long an address must wait before it may try again.
    pub(super) fn wait(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        let (since, count) = self.wrong.get(&from)?;
        let passed = now.saturating_duration_since(*since);
        (*count >= MAX_WRONG && passed < WINDOW).then(|| WINDOW - passed)
    }

    /// Counts a wrong token.
    pub(super) fn wrong(&mut self, from: IpAddr, now: Instant) {
        self.wrong.retain(|_, (since, _)| now.saturating_duration_since(*since) < WINDOW);
        if self.wrong.len() >= MAX_ADDRESSES && !self.wrong.contains_key(&from) {
            self.wrong.pop_first();
        }
        self.wrong.entry(from).or_insert((now, 0)).1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_cookie() {
        for token in ["abc-123", "a b;c=d%", "日本"] {
            let cookie = set_cookie(token);
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, format!("other=1; {pair}; tokenprismx=2").parse().unwrap());
            assert_eq!(cookies(&headers).collect::<Vec<_>>(), [token]);
            assert_eq!(attributes, " HttpOnly; SameSite=Strict; Path=/");
        }
    }

    #[test]
    fn a_links_cookie_stands_beside_a_tokens() {
        let (first, second) = (ShareId::new(1, 1), ShareId::new(1, 2));
        let set = set_link_cookie(&first, "a b", 60);
        assert_eq!(set, format!("tokenprism_link_{first}=a%20b; HttpOnly; SameSite=Strict; Path=/; Max-Age=60"));
        let mut headers = HeaderMap::new();
        let sent =
            format!("tokenprism=token; tokenprism_link_{first}=a%20b; tokenprism_link_{second}=c; tokenprism_linkx=d");
        headers.insert(header::COOKIE, sent.parse().unwrap());
        assert_eq!(cookies(&headers).collect::<Vec<_>>(), ["token"]);
        assert_eq!(links(&headers).collect::<Vec<_>>(), ["a b", "c"]);
    }

    #[test]
    fn a_token_leaves_the_query() {
        let check = |query: &str, expect: Option<(&str, &str)>| {
            let got = of_query(query);
            assert_eq!(got.as_ref().map(|(t, r)| (t.as_str(), r.as_str())), expect, "{query}");
        };
        check("", None);
        check("tokens=1", None);
        check("token=a", Some(("a", "")));
        check("x=1&token=a%20b&y=2", Some(("a b", "x=1&y=2")));
        check("token=a&token=b", Some(("a", "")));
        check("token=%zz", Some(("", "")));
    }

    #[test]
    fn a_header_names_its_scheme() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }

    #[test]
    fn an_address_waits_after_ten_wrong_tokens_and_others_do_not() {
        let (a, b): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        for _ in 0..MAX_WRONG {
            assert_eq!(throttle.wait(a, start), None);
            throttle.wrong(a, start);
        }
        assert_eq!(throttle.wait(a, start), Some(WINDOW));
        assert_eq!(throttle.wait(b, start), None);
        assert_eq!(throttle.wait(a, start + WINDOW), None);
        throttle.wrong(a, start + WINDOW);
        assert_eq!(throttle.wait(a, start + WINDOW), None);
    }

    #[test]
    fn the_memory_of_addresses_is_bounded() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for i in 0..3000u32 {
            throttle.wrong(IpAddr::V4(i.into()), now);
        }
        assert_eq!(throttle.wrong.len(), MAX_ADDRESSES);
    }
}
