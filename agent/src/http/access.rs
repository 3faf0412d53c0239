//! Owns how a request shows whose it is: token, cookie, link; the roles that routes need, and the sign-in throttle.
//! Must not know what the routes do, nor how tokens and links are kept.

use super::audit::Failures;
use super::error::Refusal;
use super::proxy::Proxy;
use super::{App, token};
use crate::people::{Hash, People, Principal, hash};
use crate::sync::lock;
use axum::extract::{self, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use shared::people::{LINK_ENDED, Role, Who};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use subtle::ConstantTimeEq;

/// What everybody without a token is told.
pub(super) const NEEDS_TOKEN: &str =
    "This agent needs a token: open the URL that it printed at start, or send Authorization: Bearer …";
/// Links of one browser that are looked at.
const MAX_LINKS: usize = 32;

/// Who is let in: by the token that the agent printed, by named tokens, by links. And the host names that the agent answers
/// for besides its own addresses.
#[derive(Clone)]
pub struct Access {
    admin: Hash,
    people: People,
    hosts: Arc<Vec<String>>,
    proxy: Option<Arc<Proxy>>,
    throttle: Arc<Mutex<token::Throttle>>,
    failures: Arc<Failures>,
}

impl Access {
    /// Access with the admin's token, 256 random bits or what the operator chose, and the people of the agent.
    #[must_use]
    pub fn new(admin_token: &str, people: People) -> Self {
        Self {
            admin: hash(admin_token),
            people,
            hosts: Arc::default(),
            proxy: None,
            throttle: Arc::default(),
            failures: Arc::default(),
        }
    }

    /// Adds a host name that browsers may use for this agent (a reverse proxy's, say). Every other name is refused,
    /// so that a page elsewhere cannot reach the agent by pointing its own name at it.
    #[must_use]
    pub fn allow_host(mut self, name: &str) -> Self {
        Arc::make_mut(&mut self.hosts).push(name.to_owned());
        self
    }

    /// Believes a reverse proxy that signs people in.
    #[must_use]
    pub fn behind(self, proxy: Proxy) -> Self {
        Self { proxy: Some(Arc::new(proxy)), ..self }
    }

    /// Takes away what only the proxy may say, where somebody else says it.
    pub(super) fn strip(&self, peer: IpAddr, headers: &mut HeaderMap) {
        if let Some(proxy) = &self.proxy {
            proxy.strip(peer, headers);
        }
    }

    /// Where a request comes from that this peer sent: a proxy that is believed may send it for somebody else.
    pub(super) fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.proxy.as_ref().map_or(peer, |proxy| proxy.origin(peer, headers))
    }

    pub(super) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Named tokens and links.
    pub(super) fn people(&self) -> &People {
        &self.people
    }

    /// Sign-ins that failed and are not noted yet.
    pub(super) fn failures(&self) -> &Failures {
        &self.failures
    }

    /// The principal of a token, or of the secret in a link.
    fn principal(&self, secret: &str) -> Option<Principal> {
        let hash = hash(secret);
        if bool::from(self.admin.ct_eq(&hash)) {
            let who = Who { id: "admin".to_owned(), name: "the token printed at start".to_owned() };
            return Some(Principal::of(who, Role::Admin));
        }
        self.people.principal(&hash)
    }

    /// Tries the token that somebody signs in with; wrong ones are counted by address.
    pub(super) fn sign_in(&self, token: &str, from: IpAddr) -> Result<Principal, Refusal> {
        let refusal = Refusal::new(StatusCode::UNAUTHORIZED, WRONG_TOKEN);
        self.try_secret(token, from, Principal::sees_all, refusal)
    }

    /// Tries the secret of a link that somebody opens; wrong ones are counted by address.
    pub(super) fn open_link(&self, secret: &str, from: IpAddr) -> Result<Principal, Refusal> {
        self.try_secret(secret, from, |principal| !principal.sees_all(), Refusal::new(StatusCode::NOT_FOUND, NO_LINK))
    }

    fn try_secret(
        &self,
        secret: &str,
        from: IpAddr,
        is_meant: fn(&Principal) -> bool,
        refusal: Refusal,
    ) -> Result<Principal, Refusal> {
        let mut throttle = lock(&self.throttle);
        let now = Instant::now();
        if let Some(wait) = throttle.wait(from, now) {
            let sentence = format!("Too many wrong tokens came from {from}: try again in {} s.", wait.as_secs().max(1));
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, sentence).retry_after(wait));
        }
        self.principal(secret).filter(is_meant).ok_or_else(|| {
            throttle.wrong(from, now);
            self.failures.count(from);
            refusal
        })
    }

    /// The principal of a request's headers: `Authorization: Bearer` where there is one, else whom the proxy names, else the
    /// cookie of whoever signed in, else the links that were opened.
    pub(super) fn of_headers(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
        let wrong =
            || stranger().with_detail("A token was sent, but it is not this agent's, was revoked, or has expired.");
        if let Some(authorization) = headers.get(header::AUTHORIZATION) {
            let bearer = authorization.to_str().ok().and_then(token::bearer).ok_or_else(wrong)?;
            return self.principal(bearer).ok_or_else(wrong);
        }
        if let Some(named) = self.proxy.as_ref().map(|proxy| proxy.principal(headers)).transpose()?.flatten() {
            return Ok(named);
        }
        let mut signed_in = token::cookies(headers).peekable();
        let mut links = token::links(headers).take(MAX_LINKS).peekable();
        let (any_token, any_link) = (signed_in.peek().is_some(), links.peek().is_some());
        if let Some(principal) = signed_in.find_map(|secret| self.principal(&secret)) {
            return Ok(principal);
        }
        let shown = links.filter_map(|secret| self.principal(&secret)).filter(|principal| !principal.sees_all());
        match shown.reduce(Principal::with) {
            Some(guest) => Ok(guest),
            None if any_link => Err(Refusal::new(StatusCode::UNAUTHORIZED, LINK_ENDED)),
            None if any_token => Err(wrong()),
            None => Err(stranger()),
        }
    }
}

/// What a stranger is told everywhere.
pub(super) fn stranger() -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, NEEDS_TOKEN)
}

/// What somebody who signs in with a wrong token is told.
pub(super) const WRONG_TOKEN: &str = "This token is wrong. It may have been revoked or have expired; the token that the agent \
    prints is new at each start: open the URL that it printed last, or read \"token\" in agent.json of its data directory.";

/// What somebody is told who opens a link that shows nothing.
const NO_LINK: &str =
    "This link shows nothing: it was revoked, has expired, or is incomplete. Ask whoever sent it for a new one.";

/// What a route needs.
#[derive(Clone, Copy)]
pub(super) struct Need {
    /// The least role.
    pub(super) role: Role,
    /// True where somebody may come by a link; the route then answers for what was shared only.
    pub(super) by_link: bool,
}

/// Lets a request pass whose principal has what the route needs, and hands the principal on. Whoever came by a link is a
/// stranger everywhere else.
pub(super) async fn require(
    extract::State((app, need)): extract::State<(App, Need)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let principal = app.state.access.of_headers(request.headers())?;
    if !need.by_link && !principal.sees_all() {
        return Err(stranger());
    }
    if principal.role < need.role {
        let sentence = format!("This needs the role {}; this token has {}.", need.role, principal.role);
        return Err(Refusal::new(StatusCode::FORBIDDEN, sentence));
    }
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        // Absent only where a route forgot `require`: closed by default.
        parts.extensions.get().cloned().ok_or_else(stranger)
    }
}
