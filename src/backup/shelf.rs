//! The manifest in the archive, put and removed by the image's `archive-manifest` on the primary: what it is asked, and what it answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::observe::Links;
use crate::sql::session::{Error, Session};

use super::copy::Errand;
use super::mounted::answer;

/// Name of the program in the image.
const PROGRAM: &str = "archive-manifest";
/// Where it is. Images of older releases have none.
const PATH: &str = "/usr/local/bin/archive-manifest";
/// Folder of the answers.
const ANSWERS: &str = "/tmp/archive/manifests";

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Answer {
    /// The archive has it.
    Stored,
    /// The archive has none.
    Absent,
    /// The archive can't be reached, or written.
    Unknown {
        /// pgBackRest's words.
        cause: String,
    },
    /// The member's image has no such program.
    #[serde(skip)]
    Unable,
}

/// The statement that puts a manifest there. It comes to the program by its standard input, where its length does not matter, and as base64, of
/// which neither SQL nor the format of COPY has anything to read.
fn put_statement(errand: &Errand, manifest: &str) -> String {
    let Errand { stanza, backup, .. } = errand;
    format!("COPY (SELECT '{}') TO PROGRAM '{PROGRAM} put {stanza} {backup}'", STANDARD.encode(manifest))
}

fn remove_statement(errand: &Errand) -> String {
    format!("COPY (SELECT) TO PROGRAM '{PROGRAM} remove {} {}'", errand.stanza, errand.backup)
}

/// Has a manifest put into the archive.
///
/// # Errors
/// Those of the session. An archive that can't be reached is an answer.
pub async fn put(links: &Links, member: &str, errand: &Errand, manifest: &str) -> Result<Answer, Error> {
    ask(links, member, errand, &put_statement(errand, manifest)).await
}

/// Has it taken out of the archive.
///
/// # Errors
/// Those of the session. An archive that can't be reached is an answer.
pub async fn remove(links: &Links, member: &str, errand: &Errand) -> Result<Answer, Error> {
    ask(links, member, errand, &remove_statement(errand)).await
}

async fn ask(links: &Links, member: &str, errand: &Errand, statement: &str) -> Result<Answer, Error> {
    let session = links.session(member, "postgres").await?;
    if !is_able(&session).await? {
        return Ok(Answer::Unable);
    }
    let file = format!("{ANSWERS}/{}.json", errand.backup);
    let told = answer(&session, errand.place.as_ref(), PROGRAM, statement, &file).await?;
    Ok(told.unwrap_or_else(|cause| Answer::Unknown { cause }))
}

async fn is_able(session: &Session) -> Result<bool, Error> {
    let there = format!("SELECT s.size IS NOT NULL FROM pg_catalog.pg_stat_file('{PATH}', true) s");
    Ok(session.first(&session.query(&there).await?)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::mounted::read;
    use super::*;

    fn read_answer(bytes: &[u8]) -> Answer {
        read(PROGRAM, bytes).unwrap_or_else(|cause| Answer::Unknown { cause })
    }

    #[test]
    fn a_manifest_goes_by_standard_input_and_nothing_in_it_is_read_by_sql_or_a_shell() {
        let errand =
            Errand { stanza: "shop-c-1".into(), backup: "u-1".into(), since: None, until: None, place: None };
        let asked = put_statement(&errand, r#"{"name": "it's; $(rm) \\"}"#);
        let (text, program) =
            asked.strip_prefix("COPY (SELECT '").and_then(|rest| rest.split_once("') TO PROGRAM ")).unwrap();
        assert_eq!(program, "'archive-manifest put shop-c-1 u-1'");
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)), "{text}");
        assert_eq!(STANDARD.decode(text).unwrap(), br#"{"name": "it's; $(rm) \\"}"#);
        assert_eq!(
            remove_statement(&errand),
            "COPY (SELECT) TO PROGRAM 'archive-manifest remove shop-c-1 u-1'"
        );
    }

    #[test]
    fn an_answer_that_is_none_says_nothing_of_the_archive() {
        assert_eq!(read_answer(br#"{"state": "stored"}"#), Answer::Stored);
        assert_eq!(read_answer(br#"{"state": "absent"}"#), Answer::Absent);
        let unknown = read_answer(br#"{"state": "unknown", "cause": "[055]"}"#);
        assert_eq!(unknown, Answer::Unknown { cause: "[055]".into() });
        assert!(matches!(read_answer(b""), Answer::Unknown { .. }));
        assert!(matches!(read_answer(br#"{"state": "unable"}"#), Answer::Unknown { .. }));
    }
}
