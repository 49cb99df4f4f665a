//! tokio-postgres through a pooler: a line for each case, its name and `ok` or what was seen. `tests/drivers/README.md` says more.

mod cases;
mod harness;
mod sessions;

#[tokio::main]
async fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let all = cases::logins().into_iter().chain(cases::statements()).chain(sessions::all());
    for (name, run) in all.filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|one| one == name)) {
        println!("{name}\t{}", harness::outcome(run).await);
    }
    // Sessions that hang are left to the end of the process.
    std::process::exit(0);
}
