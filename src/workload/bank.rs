//! The run: workers move money while a line a second is written, then everything is read back and judged.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval_at, sleep};

use super::args::DEFAULT_ACCOUNTS;
use super::backoff::Backoff;
use super::journal::{Fate, Fates, count};
use super::meter::{Meter, Second};
use super::outcome::Cause;
use super::report::Report;
use super::schema::{self, Opening};
use super::session::Session;
use super::target::{self, Target};
use super::verify::verify;
use super::worker::{Shared, work};

pub use super::args::{BankArgs, Protocol};
pub use super::error::Error;
pub use super::gap::Gap;
pub use super::meter::{Latency, Tally};
pub use super::outcome::Cause as SqlCause;
pub use super::summary::{Summary, Verdict};
pub use super::verify::Verified;

/// How long the first connection is tried for: a cluster that was made a moment ago may still refuse.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// The exit code of the command: 0 every invariant held, 1 one is broken, 2 it could not be told.
#[must_use]
pub fn exit_code(result: &Result<Summary, Error>) -> u8 {
    result.as_ref().map_or(2, Summary::exit_code)
}

/// Runs the workload: writes its lines to standard output, and returns what the last of them said.
///
/// SIGINT and SIGTERM end the transfers early; the run is verified all the same. A second one gives that up.
///
/// # Errors
/// [`Error`], where the run could not start. A broken invariant is no error but a [`Verdict`].
pub async fn run(args: BankArgs) -> Result<Summary, Error> {
    let target = find(&args)?;
    let report = Report::new(args.json, args.duration);
    let run = rand::random_range(1..i64::MAX);
    let opening = open_bank(&args, &target, run, &report).await?;

    let mut signals = Signals::new()?;
    let started = Timestamp::now();
    let shared = Arc::new(Shared {
        target: target.clone(),
        run,
        accounts: opening.accounts,
        protocol: args.protocol,
        deadline: args.deadline,
        connect_timeout: args.connect_timeout,
        began: Instant::now(),
        meter: Mutex::new(Meter::new(started)),
    });
    let (journal, lasted) = move_money(&args, &shared, &report, &mut signals).await?;
    report.moved();
    report.note("transfers ended, reading everything back");

    let verified = tokio::select! {
        verified = verify(&target, run, &journal, opening.total, args.verify_timeout) => verified,
        () = signals.next() => Err(Cause::new("57014", "interrupted by a second signal")),
    };
    let totals = shared.note(|meter, _| meter.finish(lasted));
    let acknowledged = count(&journal, Fate::Acknowledged);
    let transfers_per_s = acknowledged as f64 / lasted.as_secs_f64();
    let summary = Summary {
        run,
        started,
        seconds: lasted.as_secs_f64(),
        concurrency: args.concurrency,
        accounts: opening.accounts,
        acknowledged,
        unknown: count(&journal, Fate::Unknown),
        failed: count(&journal, Fate::Failed),
        longest_write_gap: totals.longest_gap,
        gaps: totals.gaps,
        transfers_per_s,
        latency: totals.latency,
        errors: totals.errors,
        verdict: Verdict::of(verified.as_ref(), acknowledged),
        verified: verified.ok(),
    };
    report.summary(&summary).map_err(|cause| Error::System("write to standard output", cause))?;
    Ok(summary)
}

fn find(args: &BankArgs) -> Result<Target, Error> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let url = args.url.clone().or_else(|| variable("DATABASE_URL")).ok_or(Error::NoUrl)?;
    target::parse(&url, args.password_file.as_deref(), variable("PGPASSWORD").as_deref())
}

/// Connects, makes the tables if asked to, and reads what they hold.
async fn open_bank(args: &BankArgs, target: &Target, run: i64, report: &Report) -> Result<Opening, Error> {
    let mut session = connect(target, args.connect_timeout).await?;
    let mut expected = args.accounts;
    if args.init {
        let accounts = args.accounts.unwrap_or(DEFAULT_ACCOUNTS);
        schema::init(&mut session, accounts).await?;
        report.note(&format!(
            "made the tables account, ledger and run of the schema bank anew, with {accounts} accounts"
        ));
        expected = Some(accounts);
    }
    let opening = schema::start(&mut session, run, expected).await?;
    session.close().await;
    Ok(opening)
}

async fn connect(target: &Target, within: Duration) -> Result<Session, Error> {
    let end = Instant::now() + START_PATIENCE;
    let mut backoff = Backoff::new();
    loop {
        match Session::open(target, within).await {
            Ok(session) => return Ok(session),
            Err(cause) if Instant::now() >= end || !cause.may_pass() => {
                let hint = "see that host, port, user, password and sslmode of the URL are right";
                return Err(Error::Start { doing: "connect to the database", cause, hint });
            }
            Err(_) => sleep(backoff.step()).await,
        }
    }
}

/// Runs the workers for the duration, or until a signal; what became of each transfer, and how long it took.
async fn move_money(
    args: &BankArgs,
    shared: &Arc<Shared>,
    report: &Report,
    signals: &mut Signals,
) -> Result<(Vec<Fates>, Duration), Error> {
    const SECOND: Duration = Duration::from_secs(1);
    let (stop, stopped) = watch::channel(false);
    let mut workers = JoinSet::new();
    for worker in 0..args.concurrency {
        let work = work(Arc::clone(shared), worker, stopped.clone());
        workers.spawn(async move { (usize::from(worker), work.await) });
    }
    let mut journal = vec![Fates::new(); usize::from(args.concurrency)];
    let mut ticks = interval_at((shared.began + SECOND).into(), SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut end = std::pin::pin!(sleep(args.duration));
    let mut lasted = None;
    loop {
        tokio::select! {
            () = &mut end, if lasted.is_none() => lasted = Some(shared.began.elapsed()),
            () = signals.next(), if lasted.is_none() => lasted = Some(shared.began.elapsed()),
            _ = ticks.tick() => tell(report, &shared.note(Meter::take_second))?,
            done = workers.join_next() => match done {
                Some(Ok((worker, fates))) => journal[worker] = fates,
                Some(Err(panic)) => return Err(Error::Worker(panic)),
                None => break,
            },
        }
        if lasted.is_some() {
            // Nobody listens any more if all workers are through already.
            let _ = stop.send(true);
        }
    }
    if let Some(rest) = shared.note(Meter::take_rest) {
        tell(report, &rest)?;
    }
    Ok((journal, lasted.unwrap_or_else(|| shared.began.elapsed())))
}

fn tell(report: &Report, second: &Second) -> Result<(), Error> {
    report.second(second).map_err(|cause| Error::System("write to standard output", cause))
}

/// The signals that end a run.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(|cause| Error::System("listen to signals", cause));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
