//! Owns the process entry point; must not know how anything is done.

fn main() -> std::process::ExitCode {
    tokenprism::cli::main()
}
