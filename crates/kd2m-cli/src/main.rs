//! The `kd2m` program.

#[global_allocator]
static MEMORY: kd2m_cli::Memory = kd2m_cli::Memory;

fn main() -> std::process::ExitCode {
    kd2m_cli::run()
}
