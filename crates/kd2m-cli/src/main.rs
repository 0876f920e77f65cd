//! The `kd2m` program.

fn main() -> std::process::ExitCode {
    kd2m_cli::run()
}
