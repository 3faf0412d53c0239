//! Owns what a reverse proxy that signs people in may say of them, and that nobody else may say it.
//! Must not know how the proxy knows.

use super::error::Refusal;
use crate::people::Principal;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use ipnet::IpNet;
use shared::people::{Role, Who};
use std::net::{IpAddr, SocketAddr};

/// Longest name of a user, bytes.
const MAX_USER: usize = 200;

/// A reverse proxy that is believed.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Where it comes from.
    pub from: Vec<IpNet>,
    /// The header that names the user.
    pub user: HeaderName,
    /// The header that names the role.
    pub role: Option<HeaderName>,
    /// The role of a user of whom it does not name one.
    pub usual: Role,
    /// The header in which it says where a request comes from, the last sender last.
    pub address: Option<HeaderName>,
}

impl Proxy {
    /// True where a peer is the proxy.
    fn is(&self, peer: IpAddr) -> bool {
        // Listening on IPv6, an IPv4 peer comes mapped into it.
        let peer = peer.to_canonical();
        self.from.iter().any(|net| net.contains(&peer))
    }

    /// Takes away what only the proxy may say, where somebody else says it.
    pub(super) fn strip(&self, peer: IpAddr, headers: &mut HeaderMap) {
        if !self.is(peer) {
            for name in std::iter::once(&self.user).chain(&self.role).chain(&self.address) {
                headers.remove(name);
            }
        }
    }

    /// Where a request comes from: the proxy's own word of it, else the proxy. Of several addresses the last one counts that is
    /// no proxy's: those before it are what the client says of itself.
    pub(super) fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let Some(name) = self.address.as_ref().filter(|_| self.is(peer)) else { return peer };
        let mut origin = peer;
        for value in headers.get_all(name).iter().rev() {
            for word in value.to_str().unwrap_or_default().rsplit(',') {
                // What cannot be read ends what can be believed.
                let Some(address) = address(word.trim()) else { return origin };
                origin = address;
                if !self.is(address) {
                    return origin;
                }
            }
        }
        origin
    }

    /// Whom the proxy names; nothing where it names nobody.
    ///
    /// # Errors
    /// A refusal where its words cannot be understood: nobody is let in by half of them.
    pub(super) fn principal(&self, headers: &HeaderMap) -> Result<Option<Principal>, Refusal> {
        let Some(user) = one(headers, &self.user)? else { return Ok(None) };
        let role = match self.role.as_ref().map(|name| one(headers, name)).transpose()?.flatten() {
            Some(role) => role.parse().map_err(|_| {
                let known = "viewer, operator and admin are known";
                Refusal::new(StatusCode::FORBIDDEN, format!("The proxy gives the role \"{role}\" to {user}; {known}."))
            })?,
            None => self.usual,
        };
        // Marked, so that no user's name can be taken for another kind of id.
        Ok(Some(Principal::of(Who { id: format!("user:{user}"), name: user }, role)))
    }
}

/// An address as proxies write it: alone, or with a port.
fn address(word: &str) -> Option<IpAddr> {
    let bare = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).unwrap_or(word);
    let address = bare.parse().ok().or_else(|| Some(word.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

/// The one value of a header; nothing where it is absent or empty.
fn one(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Refusal> {
    let refused = |why: &str| {
        let sentence = format!("The proxy's header {name} {why}: set it once, in place of what the client sent.");
        Refusal::new(StatusCode::BAD_REQUEST, sentence)
    };
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refused("came more than once"));
    }
    let value = std::str::from_utf8(value.as_bytes()).map_err(|_| refused("is not UTF-8"))?.trim();
    if value.len() > MAX_USER || value.chars().any(char::is_control) {
        return Err(refused("is too long or cannot be shown in a line"));
    }
    Ok((!value.is_empty()).then(|| value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy() -> Proxy {
        Proxy {
            from: vec!["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()],
            user: HeaderName::from_static("x-user"),
            role: Some(HeaderName::from_static("x-role")),
            usual: Role::Viewer,
            address: Some(HeaderName::from_static("x-from")),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn nobody_but_the_proxy_names_a_user() {
        let check = |peer: &str, kept: bool| {
            let mut headers =
                headers(&[("x-user", "ada"), ("x-role", "admin"), ("x-from", "9.9.9.9"), ("x-other", "1")]);
            proxy().strip(peer.parse().unwrap(), &mut headers);
            for own in ["x-user", "x-role", "x-from"] {
                assert_eq!(headers.contains_key(own), kept, "{peer}: {own}");
            }
            assert!(headers.contains_key("x-other"));
        };
        check("10.1.2.3", true);
        check("::ffff:10.1.2.3", true);
        check("::1", true);
        check("10.2.0.1", false);
        check("127.0.0.1", false);
        check("::2", false);
    }

    #[test]
    fn a_request_comes_from_where_the_proxy_says_and_not_from_where_the_client_does() {
        let check = |peer: &str, from: &[&str], expect: &str| {
            let pairs: Vec<_> = from.iter().map(|from| ("x-from", *from)).collect();
            let origin = proxy().origin(peer.parse().unwrap(), &headers(&pairs));
            assert_eq!(origin, expect.parse::<IpAddr>().unwrap(), "{peer}: {from:?}");
        };
        check("10.1.0.1", &[], "10.1.0.1");
        check("10.1.0.1", &["203.0.113.7"], "203.0.113.7");
        // The client had written the first.
        check("10.1.0.1", &["198.51.100.1, 203.0.113.7"], "203.0.113.7");
        check("10.1.0.1", &["198.51.100.1", "203.0.113.7"], "203.0.113.7");
        // Two proxies, one behind the other.
        check("10.1.0.1", &["198.51.100.1, 203.0.113.7, 10.1.0.2"], "203.0.113.7");
        check("::ffff:10.1.0.1", &["2001:db8::7"], "2001:db8::7");
        check("10.1.0.1", &["[2001:db8::7]:4711"], "2001:db8::7");
        check("10.1.0.1", &["203.0.113.7:4711"], "203.0.113.7");
        check("10.1.0.1", &["198.51.100.1, unknown"], "10.1.0.1");
        check("10.1.0.1", &["198.51.100.1, unknown, 10.1.0.2"], "10.1.0.2");
        // Nobody else may say so.
        check("203.0.113.9", &["198.51.100.1"], "203.0.113.9");
    }

    #[test]
    fn a_user_has_the_role_that_is_named_or_the_usual_one() {
        let check = |pairs: &[(&'static str, &str)], expect: Option<(&str, Role)>| {
            let found = proxy().principal(&headers(pairs)).unwrap();
            let found = found.as_ref().map(|principal| (principal.who.id.as_str(), principal.role));
            assert_eq!(found, expect, "{pairs:?}");
        };
        check(&[], None);
        check(&[("x-user", "")], None);
        check(&[("x-role", "admin")], None);
        check(&[("x-user", "ada")], Some(("user:ada", Role::Viewer)));
        check(&[("x-user", " ada "), ("x-role", "operator")], Some(("user:ada", Role::Operator)));
        check(&[("x-user", "admin"), ("x-role", "")], Some(("user:admin", Role::Viewer)));
    }

    #[test]
    fn half_of_the_proxys_words_let_nobody_in() {
        let check = |pairs: &[(&'static str, &str)], words: &str| {
            let refusal = proxy().principal(&headers(pairs)).unwrap_err();
            assert!(refusal.sentence().contains(words), "{}", refusal.sentence());
        };
        check(&[("x-user", "ada"), ("x-user", "eve")], "more than once");
        check(&[("x-user", "ada"), ("x-role", "root")], "viewer, operator and admin");
        check(&[("x-user", "ada"), ("x-role", "viewer"), ("x-role", "admin")], "more than once");
        check(&[("x-user", &"a".repeat(201))], "too long");
    }
}
