//! Owns who there is in memory: tokens, shares with what each shows, and uses that are not written down yet.
//! Must not know the log, nor clocks; time is a parameter.

use super::principal::{Grant, Principal, Scope, Within};
use super::secret::{Hash, place};
use crate::log::{KeptShare, KeptToken};
use shared::ids::{ShareId, TokenId};
use shared::people::{Role, ShareRow, TokenRow, Who};
use std::collections::BTreeMap;

/// Least time between two notes of a token's use, ms: each costs a write of the disk.
const USE_APART_MS: u64 = 60_000;
/// How long what has expired is still listed, ms.
const SHOWN_EXPIRED_MS: u64 = 30 * 24 * 3_600_000;

/// Who there is.
#[derive(Default)]
pub(super) struct Kept {
    tokens: Vec<KeptToken>,
    shares: Vec<(KeptShare, Within)>,
    /// Uses that are not written down, Unix ms.
    uses: BTreeMap<TokenId, u64>,
}

fn is_live(expires_unix_ms: Option<u64>, now: u64) -> bool {
    expires_unix_ms.is_none_or(|expires| now < expires)
}

/// True for what is still listed.
fn is_shown(expires_unix_ms: Option<u64>, now: u64) -> bool {
    is_live(expires_unix_ms, now.saturating_sub(SHOWN_EXPIRED_MS))
}

impl Kept {
    pub(super) fn new(tokens: Vec<KeptToken>) -> Self {
        Self { tokens, ..Self::default() }
    }

    pub(super) fn put_token(&mut self, token: KeptToken) {
        self.tokens.push(token);
    }

    pub(super) fn remove_token(&mut self, token: &TokenId) {
        self.tokens.retain(|kept| kept.row.token != *token);
        self.uses.remove(token);
    }

    pub(super) fn put_share(&mut self, share: KeptShare, within: Within) {
        self.shares.push((share, within));
    }

    pub(super) fn remove_share(&mut self, share: &ShareId) {
        self.shares.retain(|(kept, _)| kept.row.share != *share);
    }

    /// Tokens as they are listed, oldest first.
    pub(super) fn tokens(&self, now: u64) -> Vec<TokenRow> {
        let shown = self.tokens.iter().filter(|kept| is_shown(kept.row.expires_unix_ms, now));
        shown.map(|kept| kept.row.clone()).collect()
    }

    /// Shares as they are listed, oldest first.
    pub(super) fn shares(&self, now: u64) -> Vec<ShareRow> {
        let shown = self.shares.iter().filter(|(kept, _)| is_shown(Some(kept.row.expires_unix_ms), now));
        shown.map(|(kept, _)| kept.row.clone()).collect()
    }

    /// Tokens and shares that open something.
    pub(super) fn live(&self, now: u64) -> (usize, usize) {
        let tokens = self.tokens.iter().filter(|kept| is_live(kept.row.expires_unix_ms, now));
        let shares = self.shares.iter().filter(|(kept, _)| is_live(Some(kept.row.expires_unix_ms), now));
        (tokens.count(), shares.count())
    }

    /// Who has the secret of this hash; notes that a token was used.
    pub(super) fn principal(&mut self, hash: &Hash, now: u64) -> Option<Principal> {
        let hashes =
            self.tokens.iter().map(|kept| &kept.sha256).chain(self.shares.iter().map(|(kept, _)| &kept.sha256));
        let place = place(hash, hashes)?;
        if let Some(KeptToken { row, .. }) = self.tokens.get_mut(place) {
            if !is_live(row.expires_unix_ms, now) {
                return None;
            }
            if row.used_unix_ms.is_none_or(|used| now >= used.saturating_add(USE_APART_MS)) {
                row.used_unix_ms = Some(now);
                self.uses.insert(row.token.clone(), now);
            }
            let who = Who { id: row.token.to_string(), name: row.name.clone() };
            let (grants, expires_unix_ms) = (vec![Grant::Token(row.token.clone())], row.expires_unix_ms);
            return Some(Principal { grants, expires_unix_ms, ..Principal::of(who, row.role) });
        }
        let (KeptShare { row, .. }, within) = self.shares.get(place - self.tokens.len())?;
        is_live(Some(row.expires_unix_ms), now).then(|| Principal {
            who: Who { id: row.share.to_string(), name: format!("link to {}", row.title) },
            role: Role::Viewer,
            scope: Scope::Shared(within.clone()),
            grants: vec![Grant::Share(row.share.clone())],
            expires_unix_ms: Some(row.expires_unix_ms),
        })
    }

    /// How long all grants hold, ms; nothing where one does not any more.
    pub(super) fn left_ms(&self, grants: &[Grant], now: u64) -> Option<u64> {
        let mut left = u64::MAX;
        for grant in grants {
            let expires = match grant {
                Grant::Token(token) => {
                    self.tokens.iter().find(|kept| kept.row.token == *token)?.row.expires_unix_ms.unwrap_or(u64::MAX)
                }
                Grant::Share(share) => {
                    self.shares.iter().find(|(kept, _)| kept.row.share == *share)?.0.row.expires_unix_ms
                }
            };
            left = left.min(expires.checked_sub(now).filter(|left| *left > 0)?);
        }
        Some(left)
    }

    /// Takes the uses that are to be written down.
    pub(super) fn take_uses(&mut self) -> Vec<(TokenId, u64)> {
        std::mem::take(&mut self.uses).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::hash;
    use shared::ids::RunId;
    use shared::people::Shared;

    fn who() -> Who {
        Who { id: "admin".to_owned(), name: "admin".to_owned() }
    }

    fn token(n: u32, expires_unix_ms: Option<u64>) -> KeptToken {
        let row = TokenRow {
            token: TokenId::new(1, n),
            name: format!("token {n}"),
            role: Role::Operator,
            created_unix_ms: 1,
            by: who(),
            used_unix_ms: None,
            expires_unix_ms,
        };
        KeptToken { row, sha256: hash(&format!("secret {n}")) }
    }

    fn share(n: u32, expires_unix_ms: u64) -> (KeptShare, Within) {
        let run = RunId::new(1, n);
        let row = ShareRow {
            share: ShareId::new(1, n),
            shared: Shared::Run(run.clone()),
            title: "A run".to_owned(),
            created_unix_ms: 1,
            by: who(),
            expires_unix_ms,
        };
        let within = Within { runs: [run].into(), ..Within::default() };
        (KeptShare { row, sha256: hash(&format!("link {n}")) }, within)
    }

    fn kept() -> Kept {
        let mut kept = Kept::new(vec![token(1, None), token(2, Some(100))]);
        for n in [3, 4] {
            let (share, within) = share(n, 100);
            kept.put_share(share, within);
        }
        kept
    }

    #[test]
    fn a_secret_opens_what_it_was_made_for_until_it_ends() {
        let mut kept = kept();
        let mut check = |secret: &str, now: u64, expect: Option<(&str, Role)>| {
            let found = kept.principal(&hash(secret), now);
            let found = found.as_ref().map(|principal| (principal.who.name.as_str(), principal.role));
            assert_eq!(found, expect, "{secret} at {now}");
        };
        check("secret 1", 1_000, Some(("token 1", Role::Operator)));
        check("secret 2", 99, Some(("token 2", Role::Operator)));
        check("secret 2", 100, None);
        check("link 4", 99, Some(("link to A run", Role::Viewer)));
        check("link 4", 100, None);
        check("secret 9", 1, None);
        let guest = kept.principal(&hash("link 3"), 1).unwrap();
        assert!(guest.may_see(&RunId::new(1, 3)) && !guest.may_see(&RunId::new(1, 4)));
        kept.remove_share(&ShareId::new(1, 3));
        kept.remove_token(&TokenId::new(1, 1));
        assert_eq!(kept.principal(&hash("link 3"), 1), None);
        assert_eq!(kept.principal(&hash("secret 1"), 1), None);
    }

    #[test]
    fn a_principal_holds_as_long_as_the_first_of_its_grants() {
        let mut kept = kept();
        let (first, second) = (Grant::Token(TokenId::new(1, 1)), Grant::Token(TokenId::new(1, 2)));
        assert_eq!(kept.left_ms(&[], 7), Some(u64::MAX));
        assert_eq!(kept.left_ms(&[first.clone(), second.clone()], 40), Some(60));
        assert_eq!(kept.left_ms(&[first.clone(), second], 100), None);
        kept.remove_token(&TokenId::new(1, 1));
        assert_eq!(kept.left_ms(&[first], 40), None);
        assert_eq!(kept.left_ms(&[Grant::Share(ShareId::new(1, 3))], 40), Some(60));
    }

    #[test]
    fn uses_are_noted_once_a_minute() {
        let mut kept = kept();
        for now in [1_000, 1_001, 60_999] {
            kept.principal(&hash("secret 1"), now).unwrap();
        }
        assert_eq!(kept.take_uses(), [(TokenId::new(1, 1), 1_000)]);
        kept.principal(&hash("secret 1"), 61_000).unwrap();
        assert_eq!(kept.take_uses(), [(TokenId::new(1, 1), 61_000)]);
        assert!(kept.take_uses().is_empty());
        assert_eq!(kept.tokens(61_000)[0].used_unix_ms, Some(61_000));
    }

    #[test]
    fn what_has_expired_opens_nothing_and_is_listed_for_a_while() {
        let kept = kept();
        assert_eq!(kept.live(99), (2, 2));
        assert_eq!(kept.live(100), (1, 0));
        assert_eq!((kept.tokens(100).len(), kept.shares(100).len()), (2, 2));
        let late = 100 + SHOWN_EXPIRED_MS;
        assert_eq!((kept.tokens(late).len(), kept.shares(late).len()), (1, 0));
    }
}
