//! What the wanted version asks for, given the data that is there: nothing, a major upgrade, or what can't be done.

use jiff::Timestamp;
use kube::ResourceExt;

use crate::name::{ANNOTATION_RETRY_UPGRADE, digest};
use crate::observe::Observed;
use crate::tuning::Settings;
use crate::upgrade::{Course, course as next};

use super::{GroupTarget, Problem, Version};

/// Characters of the key that are kept: enough to tell two tries apart.
const KEY_LENGTH: usize = 16;

/// The major upgrade that is under way, or begins.
pub fn course(
    seen: &Observed,
    group: &GroupTarget,
    version: Version,
    settings: &Settings,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> Option<Course> {
    next(seen, group, version, |course| key(seen, course, settings), now).unwrap_or_else(|reason| {
        problems.push(Problem::new("spec.engine.version", version, reason));
        None
    })
}

/// What an upgrade is tried with, in short. A change of any of it is worth another try; so is a person's word.
pub fn key(seen: &Observed, course: &Course, settings: &Settings) -> String {
    let spec = &seen.cluster.spec;
    let word = seen.cluster.annotations().get(ANNOTATION_RETRY_UPGRADE);
    let all = format!(
        "{} {} {:?} {} {settings:?} {word:?}",
        course.from.major, course.to, spec.engine.image, spec.resources.memory.0
    );
    digest(all.as_bytes())[..KEY_LENGTH].to_owned()
}

/// Image of members: while an upgrade is under way the one that has both servers.
pub fn image(
    seen: &Observed,
    version: Version,
    upgrade: Option<&Course>,
    problems: &mut Vec<Problem>,
) -> String {
    let Some(image) = &seen.cluster.spec.engine.image else {
        let tag = upgrade.map_or_else(|| version.to_string(), Course::image_tag);
        return format!("{}/postgres:{tag}", seen.platform.image_prefix);
    };
    let majors = majors(image);
    if !majors.is_empty() && !majors.contains(&version.major) {
        problems.push(Problem::new(
            "spec.engine.image",
            image,
            format!(
                "its tag says PostgreSQL {}, but spec.engine.version is {version}: name an image of PostgreSQL {}, or leave \
                 the field out",
                majors[0], version.major
            ),
        ));
    }
    image.clone()
}

/// Majors that an image has by its tag, as `17.91`, `17` or `15-to-17.91`; none when the tag does not tell.
fn majors(image: &str) -> Vec<i32> {
    let name = image.split('@').next().unwrap_or_default();
    let tag =
        name.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag).unwrap_or_default();
    let major = |text: &str| text.split(['.', '-']).next()?.parse().ok();
    tag.split("-to-").filter_map(major).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majors_are_read_from_the_usual_tags_and_from_no_others() {
        assert_eq!(majors("localhost:5000/postgres:17.91"), [17]);
        assert_eq!(majors("postgres:15-to-17.91@sha256:0"), [15, 17]);
        assert_eq!(majors("postgres:17-bookworm"), [17]);
        assert!(majors("localhost:5000/postgres").is_empty());
        assert!(majors("postgres:latest").is_empty());
    }
}
