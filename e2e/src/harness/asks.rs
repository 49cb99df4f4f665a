//! Answers for shell suites, at a port of loopback. Each run of kubectl costs a tenth of a second of a processor, and a suite that waits
//! asks several times a second, in each lane: together they were a quarter of what a run of the ring costs (measured). `ask` in
//! `tests/e2e/lib.sh` is the other end.
//!
//! A question is a number of words, then so many words, each ended by a zero byte:
//! - `get NAMESPACE KIND NAME PATH`: what is at this JSONPath (RFC 9535, without `$`) of an object, with spaces between several values; the
//!   whole object without a path;
//! - `exec NAMESPACE POD CONTAINER INPUT COMMAND...`: a program in a container.
//!
//! The answer is `0` or `1`, what was printed, and what went wrong, each ended by a zero byte too.

use jsonpath_rust::JsonPath;
use kube::api::DynamicObject;
use kube::{Api, Client};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::broken::{Broken, Kept};
use crate::ensure;

use super::objects::{Kind, POD, kind};
use super::pods;

/// Kinds that suites ask for, as kubectl's short names have them.
const KINDS: [(&str, Kind); 10] = [
    ("pgc", kind("stylobate.dev", "v1alpha1", "PostgresCluster")),
    ("pgb", kind("stylobate.dev", "v1alpha1", "PostgresBackup")),
    ("pod", POD),
    ("secret", kind("", "v1", "Secret")),
    ("service", kind("", "v1", "Service")),
    ("job", kind("batch", "v1", "Job")),
    ("deployment", kind("apps", "v1", "Deployment")),
    ("statefulset", kind("apps", "v1", "StatefulSet")),
    ("pdb", kind("policy", "v1", "PodDisruptionBudget")),
    ("lease", kind("coordination.k8s.io", "v1", "Lease")),
];
/// More words than any program of a suite has.
const MOST_WORDS: usize = 100;

/// Answers from now on; the port.
///
/// # Errors
/// When loopback has no port.
pub async fn begin(client: Client) -> Kept<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let client = client.clone();
            // A suite that was ended no longer reads its answer.
            tokio::spawn(async move { drop(serve(client, stream).await) });
        }
    });
    Ok(port)
}

async fn serve(client: Client, mut stream: TcpStream) -> Kept {
    let words = words(&mut BufReader::new(&mut stream)).await?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let answered = match words[..] {
        ["get", namespace, kind, name, path] => get(client, namespace, kind, name, path).await,
        ["exec", _, pod, ..] if pod.contains('/') => {
            Err(Broken::new(format!("{pod} is not the name of a pod")))
        }
        ["exec", namespace, pod, container, input, ref command @ ..] => {
            let input = Some(input).filter(|input| !input.is_empty());
            let ended = pods::exec(&pods::of(&client, namespace), pod, container, command, input).await;
            ended.map(|ended| (ended.well, ended.out, ended.errors))
        }
        _ => Err(Broken::new(format!("no question begins with {words:?}"))),
    };
    let (well, out, errors) = answered.unwrap_or_else(|why| (false, String::new(), why.to_string()));
    let answer = format!("{}\0{}\0{}\0", u8::from(!well), printable(&out), printable(errors.trim_end()));
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

/// Shells have no zero bytes in their words.
fn printable(text: &str) -> String {
    text.replace('\0', "")
}

async fn words(stream: &mut (impl AsyncBufRead + Unpin)) -> Kept<Vec<String>> {
    let count: usize = word(stream).await?.parse()?;
    ensure!(count <= MOST_WORDS, "{count} words are more than a question has");
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        words.push(word(stream).await?);
    }
    Ok(words)
}

async fn word(stream: &mut (impl AsyncBufRead + Unpin)) -> Kept<String> {
    let mut bytes = Vec::new();
    stream.read_until(0, &mut bytes).await?;
    ensure!(bytes.pop() == Some(0), "the question ends in a word");
    Ok(String::from_utf8(bytes)?)
}

async fn get(
    client: Client,
    namespace: &str,
    kind: &str,
    name: &str,
    path: &str,
) -> Kept<(bool, String, String)> {
    let known = KINDS.iter().find(|(short, _)| *short == kind);
    let (_, known) =
        known.ok_or_else(|| Broken::new(format!("kind {kind} is not among those of asks.rs")))?;
    let objects = Api::<DynamicObject>::namespaced_with(client, namespace, &known.resource());
    let object = objects.get(name).await?;
    Ok((true, at(&serde_json::to_value(object)?, path)?, String::new()))
}

/// Values at a path, as kubectl prints them: text without quotes, the rest as JSON.
fn at(object: &Value, path: &str) -> Kept<String> {
    let found = object.query(&format!("${path}"))?;
    let shown = found.into_iter().filter(|value| !value.is_null());
    let shown = shown.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    Ok(shown.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_printed_as_kubectl_does() {
        let object = json!({"metadata": {"annotations": {"a.b/c": "x"}}, "status": {"ready": 2, "last": null, "members": [
            {"name": "a", "role": "Primary"}, {"name": "b", "role": "SyncReplica"}]}});
        let shown = |path| at(&object, path).unwrap();
        assert_eq!(shown(".status.ready"), "2");
        assert_eq!((shown(".status.gone.further"), shown(".status.last")), (String::new(), String::new()));
        assert_eq!(shown(".status.members[*].name"), "a b");
        assert_eq!(shown(".status.members[?(@.role=='SyncReplica')]['name','role']"), "b SyncReplica");
        assert_eq!(shown(".status.members[-1:].name"), "b");
        assert_eq!(shown(".status.members[0]"), r#"{"name":"a","role":"Primary"}"#);
        assert_eq!(shown(".metadata.annotations['a.b/c']"), "x");
        assert!(at(&object, ".status[").is_err());
    }

    #[tokio::test]
    async fn words_are_counted_and_may_hold_anything_but_zero() {
        let asked = b"2\0select 1;\n\0\0rest";
        assert_eq!(words(&mut &asked[..]).await.unwrap(), ["select 1;\n", ""]);
        assert!(words(&mut &b"2\0one\0tw"[..]).await.is_err());
        assert!(words(&mut &b"1000\0"[..]).await.is_err());
    }
}
