//! Image references: what must be in one, and what its tag tells.

use crate::target::Version;

/// Most characters of a reference: a registry's name takes 253, and a path seldom more.
const MOST: usize = 512;
/// Characters of a digest that tell two images apart for a person's eye, as container tools show it.
const SHOWN_DIGEST: usize = 12;

/// What is wrong with a reference that has to name an image by tag and digest; none when nothing is.
pub fn fault(image: &str) -> Option<String> {
    let form = "write it as registry/path/postgres:17.91@sha256:<64 hexadecimal digits>";
    if image.len() > MOST {
        return Some(format!("it has {} characters, and {MOST} are the most: {form}", image.len()));
    }
    let Some((named, digest)) = image.split_once('@') else {
        return Some(format!("it has no digest, so what it names could change behind the tag: {form}"));
    };
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() != 64 || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Some(format!("its digest is not 'sha256:' and 64 hexadecimal digits in lower case: {form}"));
    }
    let Some((path, tag)) = split(named) else {
        return Some(format!("it has no tag, by which a person knows the version: {form}"));
    };
    let word = |text: &str, more: &[u8]| {
        text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let parts: Vec<&str> = path.split('/').collect();
    let (last, before) = parts.split_last().unwrap_or((&"", &[]));
    // Only the first part may have a port.
    let host = before.first().is_none_or(|host| word(host, b".-:"));
    let rest = before.iter().skip(1).chain([last]).all(|part| word(part, b"._-"));
    (!host || !rest || !word(tag, b"._-") || tag.len() > 128)
        .then(|| format!("it is no image reference: {form}"))
}

/// A reference without its digest as path and tag; none without a tag.
fn split(named: &str) -> Option<(&str, &str)> {
    let (path, tag) = named.rsplit_once(':')?;
    (!tag.contains('/')).then_some((path, tag))
}

/// The tag of a reference; empty when it has none.
fn tag(image: &str) -> &str {
    split(image.split('@').next().unwrap_or_default()).map_or("", |(_, tag)| tag)
}

/// The digest of a reference.
pub fn digest(image: &str) -> Option<&str> {
    image.split_once('@').map(|(_, digest)| digest)
}

/// Majors that an image has by its tag, as `17.91`, `17` or `15-to-17.91`; none when the tag does not tell.
pub fn majors(image: &str) -> Vec<i32> {
    let major = |text: &str| text.split(['.', '-']).next()?.parse().ok();
    tag(image).split("-to-").filter_map(major).collect()
}

/// The version of its newest server, by its tag; none when the tag does not tell, as `17` or `latest`.
pub fn version(image: &str) -> Option<Version> {
    let last = tag(image).split("-to-").last()?;
    Version::read(last.split('-').next()?)
}

/// A reference for a person's eye: the digest is cut short.
pub fn short(image: &str) -> String {
    match image.split_once("@sha256:") {
        Some((named, hex)) => format!("{named}@sha256:{}", hex.get(..SHOWN_DIGEST).unwrap_or(hex)),
        None => image.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_needs_a_tag_and_a_digest() {
        let hex = "0123456789abcdef".repeat(4);
        for good in [
            "localhost:5000/stylobate/postgres:17.91",
            "europe-docker.pkg.dev/p/s/postgres:15-to-17.91",
            "postgres:17",
        ] {
            assert_eq!(fault(&format!("{good}@sha256:{hex}")), None, "{good}");
        }
        for (bad, why) in [
            ("localhost/postgres:17.91".to_owned(), "no digest"),
            (format!("localhost/postgres@sha256:{hex}"), "no tag"),
            (format!("localhost:5000/postgres@sha256:{hex}"), "no tag"),
            ("localhost/postgres:17.91@sha256:0123".to_owned(), "64 hexadecimal digits in lower case"),
            (format!("localhost/postgres:17.91@sha256:{}", hex.to_uppercase()), "in lower case"),
            (format!("https://localhost/postgres:17.91@sha256:{hex}"), "no image reference"),
            (format!("localhost/post gres:17.91@sha256:{hex}"), "no image reference"),
            (format!("localhost/:17.91@sha256:{hex}"), "no image reference"),
            (format!("{}:17.91@sha256:{hex}", "a".repeat(500)), "512 are the most"),
        ] {
            assert!(fault(&bad).is_some_and(|said| said.contains(why)), "{bad}: {:?}", fault(&bad));
        }
    }

    #[test]
    fn majors_are_read_from_the_usual_tags_and_from_no_others() {
        assert_eq!(majors("localhost:5000/postgres:17.91"), [17]);
        assert_eq!(majors("postgres:15-to-17.91@sha256:0"), [15, 17]);
        assert_eq!(majors("postgres:17-bookworm"), [17]);
        assert!(majors("localhost:5000/postgres").is_empty());
        assert!(majors("postgres:latest").is_empty());
    }

    #[test]
    fn a_minor_is_read_from_a_tag_that_tells_it() {
        let told = |image: &str| version(image).map(|version| version.to_string());
        assert_eq!(told("localhost:5000/postgres:17.91@sha256:0").as_deref(), Some("17.91"));
        assert_eq!(told("postgres:15-to-17.91").as_deref(), Some("17.91"));
        assert_eq!(told("postgres:17.91-2-bookworm").as_deref(), Some("17.91"));
        assert_eq!(told("postgres:17-bookworm"), None);
        assert_eq!(told("localhost:5000/postgres"), None);
    }

    #[test]
    fn a_digest_is_cut_short_for_the_eye() {
        assert_eq!(
            short("a/postgres:17.91@sha256:0123456789abcdef0123"),
            "a/postgres:17.91@sha256:0123456789ab"
        );
        assert_eq!(short("a/postgres:17.91"), "a/postgres:17.91");
    }
}
