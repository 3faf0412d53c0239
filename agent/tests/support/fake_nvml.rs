//! Owns the fake of the NVIDIA driver's library: a copy of its own for each test, with a script beside it.
//! Must not know what is tested.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "test support fails by panicking")]

use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokenprism::telemetry::{Nvml, Reading};

/// The library, in a folder of its own.
pub struct FakeNvml {
    folder: TempDir,
}

impl FakeNvml {
    /// One that plays this script.
    pub fn playing(script: &str) -> Self {
        Self::without(script, &[])
    }

    /// One that lacks functions, as that of an older driver does.
    pub fn without(script: &str, functions: &[String]) -> Self {
        let fake = Self { folder: tempfile::tempdir().unwrap() };
        // Cargo puts it beside the tests that depend on it.
        let built = std::env::current_exe().unwrap().parent().unwrap().join("libfake_nvml.so");
        let mut bytes = std::fs::read(&built).unwrap_or_else(|error| panic!("{}: {error}", built.display()));
        for function in functions {
            assert!(rename(&mut bytes, function), "the fake has no {function} to lack");
        }
        std::fs::write(fake.driver(), bytes).unwrap();
        std::fs::write(fake.driver().with_added_extension("toml"), script).unwrap();
        fake
    }

    pub fn driver(&self) -> PathBuf {
        self.folder.path().join("libnvidia-ml.so.1")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file that a fault of the script waits for.
    pub fn raise(&self, file: &str) {
        std::fs::write(self.folder.path().join(file), "").unwrap();
    }

    /// Takes that file away again.
    pub fn lower(&self, file: &str) {
        std::fs::remove_file(self.folder.path().join(file)).unwrap();
    }

    pub fn open(&self) -> Reading<Nvml> {
        Nvml::open_at(self.driver().as_os_str())
    }

    pub fn nvml(&self) -> Nvml {
        match self.open() {
            Reading::Value(nvml) => nvml,
            Reading::NotSupported => panic!("there is no driver"),
            Reading::Failed(why) => panic!("{why}"),
        }
    }
}

/// Gives a function another name wherever the library names it, so that nobody finds it any more.
fn rename(bytes: &mut [u8], function: &str) -> bool {
    let name = [&[0], function.as_bytes(), &[0]].concat();
    let mut found = false;
    for at in 0..bytes.len().saturating_sub(name.len()) {
        if bytes[at..].starts_with(&name) {
            bytes[at + 1] = b'x';
            found = true;
        }
    }
    found
}
