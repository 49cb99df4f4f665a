//! How the ring is run: what is chosen, in lanes side by side, and what breaks once more alone.

pub mod choice;
pub mod cpu;
pub mod lanes;
pub mod ring;
pub mod shell;
pub mod verdict;
