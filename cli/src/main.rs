fn main() -> std::process::ExitCode {
    lamplighter_cli::run()
}
