//! Owns which of the agent's variables other programs are not given.
//! Must not know which program it is.

use std::ffi::OsString;

/// The agent's own variables: its token and keys are among them.
const OWN_PREFIX: &str = "TOKENPRISM_";
/// The one that our own programs read.
const LOG_VARIABLE: &str = "TOKENPRISM_LOG";
/// Words in the names of variables that hold a secret.
const TELLING: [&str; 8] = ["TOKEN", "KEY", "APIKEY", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "CREDENTIALS"];

/// Names of variables that the agent has and a program that it starts is not given: its own, and those whose names
/// tell of a secret. What an engine needs of them it is given by name.
#[must_use]
pub fn withheld() -> Vec<OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| is_withheld(&name.to_string_lossy())).collect()
}

fn is_withheld(name: &str) -> bool {
    let tells = || name.split('_').any(|word| TELLING.contains(&word.to_ascii_uppercase().as_str()));
    (name.starts_with(OWN_PREFIX) || tells()) && name != LOG_VARIABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_withheld() {
        let check = |name: &str, expect: bool| assert_eq!(is_withheld(name), expect, "{name}");
        check("TOKENPRISM_TOKEN", true);
        check("TOKENPRISM_DATA", true);
        check("TOKENPRISM_LOG", false);
        check("HF_TOKEN", true);
        check("OPENAI_API_KEY", true);
        check("AWS_SECRET_ACCESS_KEY", true);
        check("db_password", true);
        check("TOKENIZERS_PARALLELISM", false);
        check("PATH", false);
        check("CUDA_VISIBLE_DEVICES", false);
    }
}
