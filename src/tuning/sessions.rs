//! Values by which Patroni can't ask its own server, or members can't keep each other.
//!
//! Patroni asks by ordinary sessions, and every server begins as a standby, also the one that takes writes next. A default that such a
//! session can't run with leaves a server that runs and that nobody elects. The operator's own sessions are pinned (`src/sql/pins.rs`).

use super::catalog::Entry;
use super::value::Checked;

/// Encodings that a client of a UTF8 database can have, in capitals without signs: every conversion to UTF8 that PostgreSQL has
/// (PostgreSQL 17, table 23.2 and section 23.3.4), with the names that it also takes. With another word the server does not start.
const ENCODINGS: &str = "ABC ALT BIG5 EUCCN EUCJIS2004 EUCJP EUCKR EUCTW GB18030 GBK ISO88591 ISO885910 ISO885913 ISO885914 ISO885915 \
    ISO885916 ISO88592 ISO88593 ISO88594 ISO88595 ISO88596 ISO88597 ISO88598 ISO88599 JOHAB KOI8 KOI8R KOI8U LATIN1 \
    LATIN10 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8 LATIN9 MSKANJI SHIFTJIS SHIFTJIS2004 SJIS SQLASCII TCVN \
    TCVN5712 UHC UNICODE UTF8 VSCII WIN WIN1250 WIN1251 WIN1252 WIN1253 WIN1254 WIN1255 WIN1256 WIN1257 WIN1258 WIN866 \
    WIN874 WIN932 WIN936 WIN949 WIN950 WINDOWS1250 WINDOWS1251 WINDOWS1252 WINDOWS866 WINDOWS874";
/// Least of a limit that ends sessions, in ms: Patroni's own is idle for its round of 5 s, and its statements have 2 s.
const PATRONI_MS: f64 = 10_000.0;
/// Least time after which a connection of replication counts as dead, in ms: a standby says something once a second at least, as
/// `wal_receiver_status_interval` is at its least.
const REPLICATION_MS: f64 = 2_000.0;

/// What is wrong with a value; none when nothing is. `quorum` is true while a commit waits for a replica.
pub fn limit(entry: &Entry, value: &Checked, quorum: bool) -> Option<String> {
    let text = value.text.as_str();
    match entry.name.to_ascii_lowercase().as_str() {
        "client_encoding" => (!encoding(text)).then(|| {
            "write UTF8, or another encoding that can be made of it, as LATIN1 or WIN1252: with any other word the server does not start".into()
        }),
        "default_transaction_isolation" if text.eq_ignore_ascii_case("serializable") => Some(
            "write read committed or repeatable read: a standby takes no serializable transaction, so Patroni could not ask it and would \
             elect nobody. Set it for those who need it: ALTER ROLE ... SET, or ALTER DATABASE ... SET"
                .into(),
        ),
        "default_transaction_read_only" if text == "on" => Some(
            "write off: Patroni makes its own roles in sessions with this default. Set it for those who shall only read: ALTER ROLE ... SET, \
             or ALTER DATABASE ... SET"
                .into(),
        ),
        "idle_session_timeout" | "transaction_timeout" => {
            (value.number? > 0.0 && value.number? < PATRONI_MS).then(|| {
                "write 0 or at least 10s: Patroni's own session is idle between its rounds of 5 s, and with less its questions are \
                 ended. Set a shorter one for a role: ALTER ROLE ... SET"
                    .into()
            })
        }
        "wal_receiver_status_interval" if quorum => (value.number? < 1.0).then(|| {
            "write at least 1s: commits wait for a replica's word (spec.highAvailability.synchronous), and with 0 it gives none".into()
        }),
        "wal_receiver_timeout" | "wal_sender_timeout" => {
            (value.number? > 0.0 && value.number? < REPLICATION_MS).then(|| {
                "write 0 or at least 2s: with less, replication ends again and again before a replica had its turn to speak".into()
            })
        }
        _ => None,
    }
}

/// Read as `pg_char_to_encoding` does: letters and digits count, capitals and signs do not.
fn encoding(text: &str) -> bool {
    let bare: String =
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    ENCODINGS.split(' ').any(|name| name == bare)
}
