//! Owns secrets that open something: 256 random bits, shown once, compared by their hash.
//! Must not know what they open.

use crate::secret::Secret;
use rand::RngCore;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// SHA-256 of a secret.
pub type Hash = [u8; 32];

/// The hash by which a secret is kept and found.
#[must_use]
pub fn hash(secret: &str) -> Hash {
    Sha256::digest(secret).into()
}

/// A secret that was just made.
pub struct Fresh {
    /// The secret, to be shown once.
    pub secret: Secret,
    /// What is kept of it.
    pub hash: Hash,
}

impl Fresh {
    /// 256 random bits, hexadecimal.
    #[must_use]
    pub fn new() -> Self {
        let mut bytes = [0u8; 32];
        rand::rng().fill_bytes(&mut bytes);
        let text = hex::encode(bytes);
        Self { hash: hash(&text), secret: Secret::new(text) }
    }
}

impl Default for Fresh {
    fn default() -> Self {
        Self::new()
    }
}

/// The place of a hash among others. All are compared, each in constant time.
pub(super) fn place<'a>(wanted: &Hash, among: impl Iterator<Item = &'a Hash>) -> Option<usize> {
    let (mut found, mut place) = (Choice::from(0), 0u64);
    for (index, hash) in (0u64..).zip(among) {
        let equal = hash.ct_eq(wanted);
        place.conditional_assign(&index, equal);
        found |= equal;
    }
    if bool::from(found) { usize::try_from(place).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_secret_is_256_bits_and_never_the_same() {
        let (a, b) = (Fresh::new(), Fresh::new());
        assert_eq!(a.secret.expose().len(), 64);
        assert!(a.secret != b.secret);
        assert_eq!(a.hash, hash(a.secret.expose()));
    }

    #[test]
    fn a_hash_is_found_by_its_place() {
        let among: Vec<Hash> = ["a", "b", "c"].map(hash).to_vec();
        let check = |wanted: &str, expect: Option<usize>| assert_eq!(place(&hash(wanted), among.iter()), expect);
        check("a", Some(0));
        check("c", Some(2));
        check("d", None);
        assert_eq!(place(&hash("a"), std::iter::empty()), None);
    }
}
