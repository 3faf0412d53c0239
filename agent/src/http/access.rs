//! Owns who may do what: tokens, principals, roles, the cookie, and the sign-in throttle.
//! Must not know what the routes do.

use super::error::Refusal;
use super::{App, token};
use crate::sync::lock;
use axum::extract::{self, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};
use shared::ids::RunId;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// What everybody without a token is told.
pub(super) const NEEDS_TOKEN: &str =
    "This agent needs a token: open the URL that it printed at start, or send Authorization: Bearer …";

/// What a principal may do; each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Starts, cancels and deletes runs.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    fn label(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

/// Which runs a principal may know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them, and the list.
    Everything,
    /// These only.
    Runs(BTreeSet<RunId>),
}

/// Somebody whose token was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Name in logs.
    pub id: String,
    /// What it may do.
    pub role: Role,
    /// Which runs it may know of.
    pub scope: Scope,
}

impl Principal {
    /// True where it may know of the run.
    #[must_use]
    pub fn may_see(&self, run: &RunId) -> bool {
        match &self.scope {
            Scope::Everything => true,
            Scope::Runs(runs) => runs.contains(run),
        }
    }
}

#[derive(Clone)]
struct Grant {
    sha256: [u8; 32],
    principal: Principal,
}

/// Tokens at rest as SHA-256, and the host names that the agent answers for besides its own addresses.
#[derive(Clone)]
pub struct Access {
    grants: Arc<Vec<Grant>>,
    hosts: Arc<Vec<String>>,
    throttle: Arc<Mutex<token::Throttle>>,
}

impl Access {
    /// Access with one token, the admin's: 256 random bits, or what the operator chose.
    #[must_use]
    pub fn new(admin_token: &str) -> Self {
        let admin = Principal { id: "admin".to_owned(), role: Role::Admin, scope: Scope::Everything };
        Self { grants: Arc::default(), hosts: Arc::default(), throttle: Arc::default() }.grant(admin_token, admin)
    }

    /// Adds a token.
    #[must_use]
    pub fn grant(mut self, token: &str, principal: Principal) -> Self {
        Arc::make_mut(&mut self.grants).push(Grant { sha256: Sha256::digest(token).into(), principal });
        self
    }

    /// Adds a host name that browsers may use for this agent (a reverse proxy's, say). Every other name is refused,
    /// so that a page elsewhere cannot reach the agent by pointing its own name at it.
    #[must_use]
    pub fn allow_host(mut self, name: &str) -> Self {
        Arc::make_mut(&mut self.hosts).push(name.to_owned());
        self
    }

    pub(super) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The principal of a token. All tokens are compared, each in constant time.
    #[must_use]
    pub fn principal(&self, token: &str) -> Option<&Principal> {
        let sha256: [u8; 32] = Sha256::digest(token).into();
        let (mut found, mut index) = (Choice::from(0), 0u64);
        for (i, grant) in (0u64..).zip(self.grants.iter()) {
            let equal = grant.sha256.ct_eq(&sha256);
            index.conditional_assign(&i, equal);
            found |= equal;
        }
        let grant = self.grants.get(usize::try_from(index).ok()?)?;
        bool::from(found).then_some(&grant.principal)
    }

    /// Tries a token that somebody signs in with; wrong ones are counted by address.
    pub(super) fn sign_in(&self, token: &str, from: IpAddr) -> Result<&Principal, Refusal> {
        let mut throttle = lock(&self.throttle);
        let now = Instant::now();
        if let Some(wait) = throttle.wait(from, now) {
            let sentence = format!("Too many wrong tokens came from {from}: try again in {} s.", wait.as_secs().max(1));
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, sentence).retry_after(wait));
        }
        self.principal(token).ok_or_else(|| {
            throttle.wrong(from, now);
            Refusal::new(StatusCode::UNAUTHORIZED, WRONG_TOKEN)
        })
    }

    /// The principal of a request's headers: `Authorization: Bearer` where there is one, else the cookie.
    pub(super) fn of_headers(&self, headers: &HeaderMap) -> Result<&Principal, Refusal> {
        let refusal = || Refusal::new(StatusCode::UNAUTHORIZED, NEEDS_TOKEN);
        let wrong = || refusal().with_detail("A token was sent, but it is not this agent's, or of an earlier start.");
        if let Some(authorization) = headers.get(header::AUTHORIZATION) {
            let bearer = authorization.to_str().ok().and_then(token::bearer).ok_or_else(wrong)?;
            return self.principal(bearer).ok_or_else(wrong);
        }
        let mut sent = token::cookies(headers).peekable();
        if sent.peek().is_none() {
            return Err(refusal());
        }
        sent.find_map(|value| self.principal(&value)).ok_or_else(wrong)
    }
}

/// What somebody who signs in with a wrong token is told.
pub(super) const WRONG_TOKEN: &str = "This token is wrong. The agent makes a new one at each start: open the URL that \
    it printed last, or read \"token\" in agent.json of its data directory.";

/// Lets a request pass whose principal has at least the role, and hands the principal on.
pub(super) async fn require(
    extract::State((app, role)): extract::State<(App, Role)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let principal = app.state.access.of_headers(request.headers())?.clone();
    if principal.role < role {
        let sentence = format!("This needs the role {}; this token has {}.", role.label(), principal.role.label());
        return Err(Refusal::new(StatusCode::FORBIDDEN, sentence));
    }
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        // Absent only where a route forgot `require`: closed by default.
        parts.extensions.get().cloned().ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, NEEDS_TOKEN))
    }
}
