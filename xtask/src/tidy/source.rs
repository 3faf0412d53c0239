//! Owns one file as the rules see it: its lines, and which of them are code that ships.
//! Must not know any rule.

/// A text file of the repository.
pub struct Source {
    /// Relative to the top, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl Source {
    /// Whether it is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is Python.
    pub fn is_python(&self) -> bool {
        self.path.ends_with(".py")
    }

    /// Whether it lies below one of these folders or, without a final `/`, its path begins so.
    pub fn is_in(&self, prefixes: &[&str]) -> bool {
        prefixes.iter().any(|prefix| self.path.starts_with(prefix))
    }

    /// Whether it holds nothing but tests.
    pub fn is_test(&self) -> bool {
        let folders = ["tests", "fixtures", "benches", "examples"];
        self.path.split('/').any(|part| folders.contains(&part) || part == "tests.rs" || part.ends_with("_tests.rs"))
    }

    /// Numbered lines of code that ships: without comments, and without the test module at the file's end.
    pub fn code(&self) -> Vec<(usize, &str)> {
        if self.is_test() {
            return Vec::new();
        }
        let mut lines = Vec::new();
        let mut after_test_mark = false;
        for (number, line) in self.text.lines().enumerate() {
            let code = without_comment(line);
            let word = code.trim();
            // It may be open to the tests beside it.
            let is_module = word.starts_with("mod ") || word.starts_with("pub") && word.contains(" mod ");
            if after_test_mark && is_module && word.ends_with('{') {
                // By this project's habit the inline test module is the file's last item.
                break;
            }
            if !word.is_empty() && !word.starts_with("#[") {
                after_test_mark = false;
            }
            if word == "#[cfg(test)]" {
                after_test_mark = true;
            }
            lines.push((number + 1, code));
        }
        lines
    }
}

/// The line up to its `//`, unless that belongs to a URL.
fn without_comment(line: &str) -> &str {
    let mut from = 0;
    while let Some(at) = line[from..].find("//") {
        let at = from + at;
        if at == 0 || line[..at].ends_with([' ', '\t']) {
            return &line[..at];
        }
        from = at + 2;
    }
    line
}

/// Whether the line holds the word, in any case, with nothing alphanumeric on either side (`_` ends a word too).
pub fn has_word(line: &str, word: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower[from..].find(word) {
        let start = from + at;
        let end = start + word.len();
        let before = lower[..start].chars().next_back();
        let after = lower[end..].chars().next();
        if !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric) {
            return true;
        }
        from = end;
    }
    false
}
