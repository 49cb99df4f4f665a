//! Lanes: groups of suites side by side, as far as the nodes have room for their pods.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures::future;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::sync::Notify;

use crate::broken::Kept;

/// What waits and what runs.
struct Queue<T> {
    waiting: Vec<(u64, T)>,
    /// Thousandths of a processor that running ones ask for.
    taken: u64,
    running: usize,
}

/// Does work in so many lanes; each piece asks for a part of the room. The first that fits goes first; one that never fits goes alone.
/// `begun` is told how many run, each time that this changes.
pub async fn side_by_side<T>(
    lanes: usize,
    room: u64,
    work: Vec<(u64, T)>,
    run: impl AsyncFn(T),
    begun: impl Fn(usize),
) {
    let queue = RefCell::new(Queue { waiting: work, taken: 0, running: 0 });
    let changed = Notify::new();
    let lane = async || {
        loop {
            let next = {
                let mut queue = queue.borrow_mut();
                if queue.waiting.is_empty() {
                    break;
                }
                let fits = queue.waiting.iter().position(|(asked, _)| queue.taken + asked <= room);
                let alone = (queue.running == 0).then_some(0);
                fits.or(alone).map(|index| {
                    let (asked, piece) = queue.waiting.remove(index);
                    queue.taken += asked;
                    queue.running += 1;
                    begun(queue.running);
                    (asked, piece)
                })
            };
            let Some((asked, piece)) = next else {
                changed.notified().await;
                continue;
            };
            run(piece).await;
            let mut queue = queue.borrow_mut();
            queue.taken -= asked;
            queue.running -= 1;
            begun(queue.running);
            changed.notify_waiters();
        }
    };
    future::join_all((0..lanes.max(1)).map(|_| lane())).await;
}

/// Thousandths of a processor that no pod asks for yet, over all nodes that take pods.
///
/// # Errors
/// When the API server does not answer.
pub async fn free(client: &Client) -> Kept<u64> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?.items;
    let pods = Api::<Pod>::all(client.clone()).list(&ListParams::default()).await?.items;
    let offered = nodes
        .iter()
        .filter(|node| node.spec.as_ref().and_then(|spec| spec.unschedulable) != Some(true))
        .filter_map(|node| node.status.as_ref()?.allocatable.as_ref().map(cpu))
        .sum::<u64>();
    let over = |pod: &&Pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        !matches!(phase, Some("Succeeded" | "Failed"))
    };
    let asked = pods.iter().filter(over).flat_map(|pod| pod.spec.iter()).flat_map(|spec| &spec.containers);
    let asked: u64 = asked.filter_map(|one| one.resources.as_ref()?.requests.as_ref().map(cpu)).sum();
    Ok(offered.saturating_sub(asked))
}

fn cpu(quantities: &BTreeMap<String, Quantity>) -> u64 {
    quantities.get("cpu").map_or(0, |quantity| millicores(&quantity.0))
}

/// `2` and `250m`, as Kubernetes itself writes them; anything else counts as nothing.
fn millicores(text: &str) -> u64 {
    match text.strip_suffix('m') {
        Some(thousandths) => thousandths.parse().unwrap_or(0),
        None => text.parse::<u64>().map_or(0, |whole| whole * 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::time::Duration;

    /// Runs pieces that take 10 ms each; the most that ran at once, and the order in which they began.
    async fn observe(lanes: usize, room: u64, work: &[u64]) -> (usize, Vec<u64>) {
        let (most, order) = (Cell::new(0), RefCell::new(Vec::new()));
        let work = work.iter().map(|asked| (*asked, *asked)).collect();
        let run = async |piece: u64| {
            order.borrow_mut().push(piece);
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        side_by_side(lanes, room, work, run, |running| most.set(most.get().max(running))).await;
        (most.get(), order.into_inner())
    }

    #[tokio::test]
    async fn no_more_run_than_there_are_lanes() {
        let (most, order) = observe(2, 1000, &[1, 2, 3, 4]).await;
        assert_eq!((most, order.len()), (2, 4));
    }

    #[tokio::test]
    async fn no_more_run_than_there_is_room_for() {
        let (most, order) = observe(3, 1000, &[600, 700, 300]).await;
        assert_eq!(most, 2);
        assert_eq!(order[..2], [600, 300], "what fits does not wait behind what does not");
    }

    #[tokio::test]
    async fn what_never_fits_goes_alone() {
        let (most, order) = observe(3, 100, &[600, 50, 40]).await;
        assert_eq!(most, 2, "the small ones ran together");
        assert_eq!(order, [50, 40, 600]);
    }

    #[test]
    fn processors_are_read() {
        assert_eq!((millicores("2"), millicores("250m"), millicores("odd")), (2000, 250, 0));
    }
}
