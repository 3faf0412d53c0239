//! Owns named tokens: made, listed, revoked.
//! Must not know who may do that.

use super::{Fresh, People, PeopleError};
use crate::log::KeptToken;
use crate::orchestrate::unix_ms;
use crate::secret::Secret;
use shared::ids::TokenId;
use shared::people::{MAX_TOKEN_DAYS, Role, TokenRow, Who};

/// Tokens that open something, at most.
const MAX_TOKENS: usize = 256;
/// Longest name, characters.
const MAX_NAME: usize = 80;
const MS_PER_DAY: u64 = 24 * 3_600_000;

/// Whoever works in the data directory itself.
#[must_use]
pub fn command_line() -> Who {
    Who { id: "command line".to_owned(), name: "command line".to_owned() }
}

/// When something that lasts so many days ends, Unix ms.
pub(super) fn end_of(now: u64, days: u32) -> u64 {
    now.saturating_add(u64::from(days).saturating_mul(MS_PER_DAY))
}

/// Days within a range; a sentence where they are not.
pub(super) fn days_within(days: u32, most: u32) -> Result<u32, PeopleError> {
    if (1..=most).contains(&days) {
        return Ok(days);
    }
    Err(PeopleError::Invalid(format!("days is {days}, but must be from 1 to {most}.")))
}

/// A name that can be shown in a line.
fn name_of(name: &str) -> Result<String, PeopleError> {
    let name = name.trim();
    let invalid = |why: String| Err(PeopleError::Invalid(why));
    if name.is_empty() {
        return invalid("The token has no name: say whose it is or what it is for.".to_owned());
    }
    if name.chars().count() > MAX_NAME {
        return invalid(format!("The name is longer than {MAX_NAME} characters: shorten it."));
    }
    if name.chars().any(char::is_control) {
        return invalid("The name has characters that cannot be shown: write it in one line.".to_owned());
    }
    Ok(name.to_owned())
}

impl People {
    /// Makes a token with a name; without `days` it lasts until it is revoked. The secret is not seen again.
    ///
    /// # Errors
    /// [`PeopleError`]: a name or days that cannot be, too many tokens, or a failure of the log.
    pub async fn create_token(
        &self,
        name: &str,
        role: Role,
        days: Option<u32>,
        by: Who,
    ) -> Result<(TokenRow, Secret), PeopleError> {
        let name = name_of(name)?;
        let days = days.map(|days| days_within(days, MAX_TOKEN_DAYS)).transpose()?;
        let now = unix_ms();
        if self.kept().live(now).0 >= MAX_TOKENS {
            return Err(PeopleError::TooMany { what: "tokens", most: MAX_TOKENS });
        }
        let (token, expires_unix_ms) = (TokenId::new(now, rand::random()), days.map(|days| end_of(now, days)));
        let row = TokenRow { token, name, role, created_unix_ms: now, by, used_unix_ms: None, expires_unix_ms };
        let Fresh { secret, hash } = Fresh::new();
        let kept = KeptToken { row: row.clone(), sha256: hash };
        self.0.log.create_token(kept.clone()).await?;
        self.kept().put_token(kept);
        Ok((row, secret))
    }

    /// Tokens that were not revoked, oldest first; expired ones for a while.
    #[must_use]
    pub fn tokens(&self) -> Vec<TokenRow> {
        self.kept().tokens(unix_ms())
    }

    /// Revokes a token: whoever holds it is out at once.
    ///
    /// # Errors
    /// [`PeopleError`] where there is no such token, or a failure of the log.
    pub async fn revoke_token(&self, token: &TokenId, by: Who) -> Result<(), PeopleError> {
        self.0.log.revoke_token(token.clone(), by).await?;
        self.kept().remove_token(token);
        self.tell_revoked();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_a_line() {
        let check = |name: &str, expect: Result<&str, &str>| match (name_of(name), expect) {
            (Ok(name), Ok(expect)) => assert_eq!(name, expect),
            (Err(error), Err(expect)) => assert!(error.to_string().contains(expect), "{error}"),
            (got, _) => panic!("{name:?}: {got:?}"),
        };
        check(" Ada's laptop ", Ok("Ada's laptop"));
        check("<script>", Ok("<script>"));
        check("  ", Err("no name"));
        check("a\nb", Err("cannot be shown"));
        check(&"x".repeat(81), Err("80"));
    }

    #[test]
    fn days_are_bounded() {
        for (days, expect) in [(0, false), (1, true), (90, true), (91, false)] {
            assert_eq!(days_within(days, 90).is_ok(), expect, "{days}");
        }
        assert_eq!(end_of(5, 1), 5 + MS_PER_DAY);
    }
}
