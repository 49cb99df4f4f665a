//! The poolers: how many pods, what each serves, and whether all of them fit the servers.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::api::{Pooler, PoolerKind};
use crate::observe::Observed;
use crate::pooler::{Program, Size, Way, program};
use crate::tuning::View;

use super::cross::kept_back;
use super::{Problem, size};

/// A pooler as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolerTarget {
    /// Where it leads.
    pub way: Way,
    /// Its program.
    pub kind: PoolerKind,
    /// Image of that.
    pub image: String,
    /// Pods.
    pub instances: i32,
    /// Clients of each pod.
    pub clients: i32,
    /// Connections to the servers for them.
    pub connections: i32,
    /// Memory of the program in each pod, as Kubernetes reads it.
    pub memory: String,
    /// Reads go to replicas.
    pub load_balancing: bool,
}

impl PoolerTarget {
    /// Its program.
    pub fn program(&self) -> &'static dyn Program {
        program(self.kind)
    }
}

/// A pooler of the spec: where it leads, its pods, and what is given of their size.
struct Given {
    way: Way,
    instances: i32,
    clients: Option<i32>,
    connections: Option<i32>,
}

fn given(pooler: &Pooler) -> Vec<Given> {
    let (instances, clients, connections) = (pooler.instances, pooler.clients, pooler.server_connections);
    let mut all = vec![Given { way: Way::Primary, instances, clients, connections }];
    all.extend(pooler.read_only.as_ref().map(|reader| Given {
        way: Way::Replicas,
        instances: reader.instances,
        clients: reader.clients,
        connections: reader.server_connections,
    }));
    all
}

/// Field of the spec in which a pooler says how large it is.
fn field(way: Way, name: &str) -> String {
    match way {
        Way::Primary => format!("spec.pooler.{name}"),
        Way::Replicas => format!("spec.pooler.readOnly.{name}"),
    }
}

/// Connections that the server has for poolers.
fn room(view: &View) -> i64 {
    view.number("max_connections").unwrap_or(0.0) as i64 - kept_back(view)
}

/// Clients and connections of a pod of each pooler. All of them have to fit one server: after a failover, sessions that only read may be at
/// the member that takes writes now. So what has no size given shares evenly what the others leave.
pub fn sizes(pooler: &Pooler, view: &View) -> Vec<Size> {
    let (program, all) = (program(pooler.kind), given(pooler));
    let fixed = |one: &Given| program.given(one.clients, one.connections);
    let pods = |one: &Given| i64::from(one.instances.max(1));
    let taken = all.iter().filter_map(|one| Some(pods(one) * i64::from(fixed(one)? + program.beside().0)));
    let open: i64 = all.iter().filter(|one| fixed(one).is_none()).map(pods).sum();
    let left = (room(view) - taken.sum::<i64>()) / open.max(1);
    all.iter().map(|one| program.size(one.clients, one.connections, left)).collect()
}

/// Whether the connections of all poolers fit.
pub fn fits(pooler: &Pooler, view: &View) -> Option<Problem> {
    let program = program(pooler.kind);
    let (beside, what_for) = program.beside();
    let (sizes, all) = (sizes(pooler, view), given(pooler));
    let with = |connections: i32| i64::from(connections) + i64::from(beside);
    let total = |one: &Given, size: &Size| i64::from(one.instances) * with(size.connections);
    let wanted: i64 = all.iter().zip(&sizes).map(|(one, size)| total(one, size)).sum();
    let connections = view.number("max_connections")? as i64;
    let (back, room) = (kept_back(view), room(view));
    // What a person gave is at fault before what was computed.
    let fixed = |one: &Given| one.clients.is_some() || one.connections.is_some();
    let at_fault = all.iter().zip(&sizes).rev().find(|(one, _)| fixed(one));
    let (one, size) = at_fault.or_else(|| all.iter().zip(&sizes).next())?;
    (wanted > room).then(|| {
        let others = wanted - total(one, size);
        let most = ((room - others) / i64::from(one.instances.max(1)) - i64::from(beside)).max(0);
        let name = program.size_field();
        let said = if name == "clients" { "clients" } else { "connections" };
        let also = if others > 0 { format!(", and {others} of the other pooler,") } else { String::new() };
        Problem::new(
            field(one.way, name),
            size.connections,
            format!(
                "{} pooler pods of {} {said} and {beside} {what_for}{also} open up to {wanted} connections, but max_connections \
                 {connections} leaves {room} after {back} reserved: at most {most} {said}, or raise max_connections or memory",
                one.instances, size.connections
            ),
        )
    })
}

/// The poolers, and what of them can't be.
pub fn check(seen: &Observed, sizes: &[Size], problems: &mut Vec<Problem>) -> Vec<PoolerTarget> {
    let spec = &seen.cluster.spec;
    let program = program(spec.pooler.kind);
    let image = program.image(&seen.platform);
    if image.is_empty() && spec.pooler.kind != PoolerKind::default() {
        let rule = format!(
            "this operator was given no image of it: set {} of its chart, or kind Pgpool",
            program.image_value()
        );
        problems.push(Problem::new("spec.pooler.kind", program.title(), rule));
    }
    if spec.pooler.read_only.is_some() && spec.instances < 2 {
        let rule = "it leads to replicas, of which one instance has none: set spec.instances to 2 or more, or remove it";
        problems.push(Problem::new(
            "spec.pooler.readOnly",
            format!("with {} instance", spec.instances),
            rule,
        ));
    }
    let given = given(&spec.pooler).into_iter().zip(sizes);
    given
        .map(|(one, size)| PoolerTarget {
            way: one.way,
            kind: spec.pooler.kind,
            image: image.to_owned(),
            instances: one.instances,
            clients: size.clients,
            connections: size.connections,
            memory: memory(&spec.pooler, one.way, size.clients, problems),
            load_balancing: spec.pooler.load_balancing && one.way == Way::Primary,
        })
        .collect()
}

/// Memory of a pod: what the spec says, which has to carry its clients and a small message, or what those take and room for messages.
fn memory(pooler: &Pooler, way: Way, clients: i32, problems: &mut Vec<Problem>) -> String {
    let needs = program(pooler.kind).memory(clients);
    let Some(Quantity(given)) = &pooler.memory else {
        return format!("{}Mi", (needs.idle + needs.messages) >> 20);
    };
    let least = needs.idle + needs.least_messages;
    if size("spec.pooler.memory", given, problems) < least {
        let rule = format!(
            "{clients} clients take that alone: give {}Mi or more, or lower {}",
            least.div_ceil(1 << 20),
            field(way, "clients")
        );
        problems.push(Problem::new("spec.pooler.memory", given, rule));
    }
    given.clone()
}
