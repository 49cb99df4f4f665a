//! What the repository says of itself is so: paths, commands, claims and versions in documents and comments, and pages that are
//! generated. What a document says in prose needs a person's eye; what it names can be looked up, so it is.

mod commands;
mod limits;
mod paths;
mod reference;
mod toolchain;
mod tree;
