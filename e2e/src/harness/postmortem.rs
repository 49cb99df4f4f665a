//! What a person would look at first when a promise was broken.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::api::{ListParams, LogParams};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use stylobate::api::PostgresCluster;

use crate::broken::Kept;

use super::operator::Operator;
use super::{World, pods};

/// Events and lines of the operator's log that are shown, the newest.
const LINES: usize = 20;
/// What Patroni on a member says of itself.
const PATRONI: &str = r#"
import ssl, urllib.request
context = ssl._create_unverified_context()
print(urllib.request.urlopen("https://127.0.0.1:8008/patroni", context=context, timeout=5).read().decode())"#;

/// The circumstances in a namespace, line by line.
pub async fn of(world: &World, namespace: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (client, operator) = (&world.client, &world.operator);
    add(&mut lines, "clusters", clusters(client, namespace).await);
    add(&mut lines, "pods", pods_of(client, namespace).await);
    add(&mut lines, "events", events(client, namespace).await);
    add(&mut lines, "the operator's log", operator_lines(operator, namespace).await);
    lines
}

fn add(lines: &mut Vec<String>, what: &str, found: Kept<Vec<String>>) {
    lines.push(format!("-- {what}"));
    match found {
        Ok(found) => lines.extend(found),
        Err(why) => lines.push(format!("can't be told: {why}")),
    }
}

async fn clusters(client: &Client, namespace: &str) -> Kept<Vec<String>> {
    let mut lines = Vec::new();
    for cluster in
        Api::<PostgresCluster>::namespaced(client.clone(), namespace).list(&ListParams::default()).await?
    {
        let status = cluster.status.clone().unwrap_or_default();
        lines.push(format!(
            "{}: {:?}, {} ready, primary {}",
            cluster.name_any(),
            status.state,
            status.ready,
            status.primary.as_deref().unwrap_or("none")
        ));
        let not = status.conditions.iter().filter(|condition| condition.status != "True");
        lines
            .extend(not.map(|not| format!("  {} {} {}: {}", not.type_, not.status, not.reason, not.message)));
    }
    Ok(lines)
}

/// All pods in a line each; more of a member that is not ready.
async fn pods_of(client: &Client, namespace: &str) -> Kept<Vec<String>> {
    let api = pods::of(client, namespace);
    let mut lines = Vec::new();
    for pod in pods::labelled(&api, "").await? {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("unknown");
        let (_, restarts) = pods::identity(&pod);
        lines.push(format!("{} {phase}, ready {}, restarts {restarts:?}", pod.name_any(), pods::ready(&pod)));
        let member =
            pod.labels().get("app.kubernetes.io/component").is_some_and(|component| component == "member");
        if member && !pods::ready(&pod) {
            lines.extend(member_lines(&api, &pod.name_any()).await);
        }
    }
    Ok(lines)
}

async fn member_lines(api: &Api<Pod>, pod: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let asked: [&[&str]; 2] = [
        &["python3", "-c", PATRONI],
        &["psql", "-XU", "postgres", "-xc", "select * from pg_stat_wal_receiver"],
    ];
    for command in asked {
        // A member that does not answer is told by its log.
        if let Ok(output) = pods::exec(api, pod, "postgres", command, None).await {
            lines.extend(output.all().lines().map(|line| format!("  {line}")));
        }
    }
    let last = LogParams { container: Some("postgres".into()), tail_lines: Some(5), ..LogParams::default() };
    if let Ok(log) = api.logs(pod, &last).await {
        lines.extend(log.lines().map(|line| format!("  {line}")));
    }
    lines
}

async fn events(client: &Client, namespace: &str) -> Kept<Vec<String>> {
    let mut events =
        Api::<Event>::namespaced(client.clone(), namespace).list(&ListParams::default()).await?.items;
    events.sort_by_key(when);
    let skipped = events.len().saturating_sub(LINES);
    let line = |event: &Event| {
        let regarding = event.regarding.clone().unwrap_or_default();
        format!(
            "{} {} {}: {}",
            when(event).map(|time| time.strftime("%T").to_string()).unwrap_or_default(),
            regarding.name.unwrap_or_default(),
            event.reason.as_deref().unwrap_or_default(),
            event.note.as_deref().unwrap_or_default()
        )
    };
    Ok(events[skipped..].iter().map(line).collect())
}

fn when(event: &Event) -> Option<Timestamp> {
    let last = event.series.as_ref().map(|series| series.last_observed_time.0);
    last.or(event.event_time.as_ref().map(|time| time.0)).or(event
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0))
}

async fn operator_lines(operator: &Operator, namespace: &str) -> Kept<Vec<String>> {
    let logs = operator.logs().await?;
    let quoted = format!("\"{namespace}\"");
    let mut lines: Vec<String> = logs.lines().filter(|line| line.contains(&quoted)).map(brief).collect();
    // Of two operators: by the time that each line begins with.
    lines.sort();
    Ok(lines.split_off(lines.len().saturating_sub(LINES)))
}

/// Time, level, about what, and the message of a line in JSON; any other line as it is.
fn brief(line: &str) -> String {
    let Ok(fields) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
    let about = ["cluster", "backup"].map(text).concat();
    let error = fields["error"].as_str().map(|error| format!(": {error}")).unwrap_or_default();
    format!("{} {} {about}: {}{error}", text("time"), text("level"), text("message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_is_told_in_short() {
        let line = r#"{"time":"T","level":"INFO","message":"began","target":"x","cluster":"shop","object.ref":"y","error":"no"}"#;
        assert_eq!(brief(line), "T INFO shop: began: no");
        assert_eq!(brief("panicked"), "panicked");
    }
}
