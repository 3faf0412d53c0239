//! Owns the files of an archive, one after the other, each held to its name, length and hash.
//! Must not know what they hold.

use super::broken;
use sha2::{Digest, Sha256};
use std::io::Read;

/// The files that are left.
pub(in crate::import) struct Entries<'a, R: Read>(tar::Entries<'a, R>);

/// A file that is read and hashed.
pub(in crate::import) struct Verified<'a, R: Read> {
    entry: tar::Entry<'a, R>,
    name: String,
    hash: Sha256,
    expect: String,
}

impl<'a, R: Read> Entries<'a, R> {
    /// All of an archive's.
    pub(super) fn of(tar: &'a mut tar::Archive<R>) -> Result<Self, String> {
        Ok(Self(tar.entries().map_err(broken)?))
    }

    /// The bytes of the first file; nothing where it has another name, or there is none.
    pub(super) fn first(&mut self, name: &str, most: u64) -> Result<Option<Vec<u8>>, String> {
        let Some(Ok(entry)) = self.0.next() else { return Ok(None) };
        if entry.path_bytes().as_ref() != name.as_bytes() {
            return Ok(None);
        }
        if entry.size() > most {
            return Err(format!("Its {name} has {} bytes, more than {most}.", entry.size()));
        }
        let mut bytes = Vec::new();
        entry.take(most).read_to_end(&mut bytes).map_err(broken)?;
        Ok(Some(bytes))
    }

    /// The next file, which must have this name, length and hash.
    pub(super) fn next(&mut self, name: &str, bytes: u64, sha256: &str) -> Result<Verified<'a, R>, String> {
        let entry = self.0.next().ok_or_else(|| format!("It is damaged: {name} is not in it."))?.map_err(broken)?;
        if entry.path_bytes().as_ref() != name.as_bytes() || !entry.header().entry_type().is_file() {
            return Err(format!("It is damaged: {name} is not where its manifest says."));
        }
        if entry.size() != bytes {
            return Err(format!("It is damaged: {name} has {} bytes, its manifest says {bytes}.", entry.size()));
        }
        Ok(Verified { entry, name: name.to_owned(), hash: Sha256::new(), expect: sha256.to_owned() })
    }

    /// Nothing may follow.
    pub(super) fn end(&mut self) -> Result<(), String> {
        match self.0.next() {
            None => Ok(()),
            Some(Ok(_)) => Err("It is damaged: it holds more than its manifest says.".to_owned()),
            Some(Err(error)) => Err(broken(error)),
        }
    }
}

impl<R: Read> Verified<'_, R> {
    /// Reads what is left, and holds all of it to its hash.
    pub(super) fn finish(mut self) -> Result<(), String> {
        let mut part = vec![0; 1 << 16];
        while self.read(&mut part).map_err(broken)? > 0 {}
        match hex::encode(self.hash.finalize()) == self.expect {
            true => Ok(()),
            false => Err(format!(
                "It is damaged: the bytes of {} are not those that its manifest has the hash of.",
                self.name
            )),
        }
    }
}

impl<R: Read> Read for Verified<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.entry.read(into)?;
        self.hash.update(&into[..n]);
        Ok(n)
    }
}
