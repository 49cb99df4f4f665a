//! The binary: arguments to one subcommand, nothing else.

fn main() {}
