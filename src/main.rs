//! The `oltwatch` binary.

fn main() -> std::process::ExitCode {
    oltwatch::cli::main()
}
