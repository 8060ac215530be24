//! The server binary: reads the command line, does what it says, and says in words what went wrong.

#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use lanyard::cli::Cli;
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    match lanyard::commands::run(&Cli::parse()) {
        Ok(status) => status,
        Err(error) => {
            let causes: Vec<_> = error.chain().skip(1).map(|cause| format!("\n  because {cause}")).collect();
            // Nobody is left to tell if this fails.
            let _ = writeln!(std::io::stderr(), "lanyard: {error}{}", causes.concat());
            ExitCode::FAILURE
        }
    }
}
