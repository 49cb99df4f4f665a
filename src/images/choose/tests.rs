//! What a cluster runs, case by case: what it asks for, what the catalog has, what runs.

use super::*;
use crate::fixture::image;

/// A catalog by the words of the fixture.
fn catalog(words: &str) -> CatalogSeen {
    crate::fixture::catalog(&words.split_whitespace().collect::<Vec<_>>())
}

fn running(word: &str) -> Option<Running> {
    (word != "-").then(|| Running { version: Version::read(word).expect("a version"), image: image(word) })
}

/// What is chosen: the version, where it is from, and why it is kept; or what is wrong.
fn chosen(wanted: &str, catalog: &CatalogSeen, made: &str, serving: &str) -> String {
    let (made, serving) = (running(made), running(serving));
    let ask = Ask {
        flavor: Flavor::Postgres,
        wanted: Wanted::parse(wanted).unwrap(),
        pinned: None,
        catalog,
        namespace: "ops",
        made: made.as_ref(),
        serving: serving.as_ref(),
    };
    match choose(&ask) {
        Err(problem) => problem.to_string(),
        Ok(choice) => {
            assert_eq!(choice.image, image(&choice.version.to_string()), "{wanted}");
            let doubt = choice.standing.doubt.map(|(doubt, _)| format!(" {doubt:?}")).unwrap_or_default();
            let available = choice.standing.available.map_or("none".into(), |version| version.to_string());
            format!("{} {:?}{doubt}, {available} available", choice.version, choice.standing.source)
        }
    }
}

#[test]
fn what_is_chosen_follows_from_spec_catalog_and_what_runs() {
    for (wanted, offered, made, serving, expected) in [
        // A major takes the newest minor, for a new cluster and for one that runs.
        ("17", "17.90 17.91 15.90", "-", "-", "17.91 Catalog, 17.91 available"),
        ("17", "17.91 17.90 15.90", "17.90", "17.90", "17.91 Catalog, 17.91 available"),
        ("15", "17.91 15.90", "-", "-", "15.90 Catalog, 15.90 available"),
        // What is withdrawn is passed over, and left for a newer one.
        ("17", "17.90 17.91!", "-", "-", "17.90 Catalog, 17.90 available"),
        ("17", "17.91! 17.92", "17.91", "17.91", "17.92 Catalog, 17.92 available"),
        // Nothing goes back by itself.
        ("17", "17.90", "17.91", "17.91", "17.91 Kept NotOffered, 17.90 available"),
        ("17", "17.90 17.91!", "17.91", "17.91", "17.91 Kept Withdrawn, 17.90 available"),
        ("17", "15.90", "17.91", "17.91", "17.91 Kept NotOffered, none available"),
        ("17", "17.91! 15.90", "17.91", "17.91", "17.91 Kept Withdrawn, none available"),
        // What the primary does not run yet is no way back: the rollout is taken back.
        ("17", "17.90 17.91!", "17.91", "17.90", "17.90 Catalog, 17.90 available"),
        ("17", "17.90", "17.91", "17.90", "17.90 Catalog, 17.90 available"),
        ("17", "17.90", "17.91", "-", "17.91 Kept NotOffered, 17.90 available"),
        // An exact minor is taken, also an older one.
        ("17.90", "17.90 17.91", "17.90", "17.90", "17.90 Catalog, 17.91 available"),
        ("17.90", "17.90 17.91", "17.91", "17.91", "17.90 Catalog, 17.91 available"),
        // One that is gone or withdrawn is kept where it runs, and else refused.
        ("17.90", "17.91", "17.90", "17.90", "17.90 Kept NotOffered, 17.91 available"),
        ("17.90", "17.90! 17.91", "17.90", "17.90", "17.90 Kept Withdrawn, 17.91 available"),
        (
            "17.90",
            "17.91 15.90",
            "17.91",
            "17.91",
            "spec.engine.version is '17.90': the image catalog (ConfigMap stylobate-engine-images in namespace ops) offers no image of this \
             version: write a version that it offers (17.91, 15.90) or its major, or have one added",
        ),
        (
            "17.90",
            "17.90! 17.91",
            "17.90",
            "17.91",
            "spec.engine.version is '17.90': it is withdrawn from the image catalog (ConfigMap stylobate-engine-images in namespace ops): for \
             a test. Nothing is brought to it; write 17.91, or 17 to have the newest",
        ),
        (
            "15",
            "17.91",
            "-",
            "-",
            "spec.engine.version is '15': the image catalog (ConfigMap stylobate-engine-images in namespace ops) offers no minor of PostgreSQL \
             15: write a version that it offers (17.91) or its major, or have one added",
        ),
        // An empty catalog offers nothing, and what runs goes on.
        ("17", "", "17.91", "17.91", "17.91 Kept NotOffered, none available"),
    ] {
        assert_eq!(
            chosen(wanted, &catalog(offered), made, serving),
            expected,
            "{wanted} of {offered}, {made} {serving}"
        );
    }
}

#[test]
fn without_a_catalog_what_members_were_made_for_stays_and_nothing_new_begins() {
    let invalid = CatalogSeen::of(Some("- {}"));
    for (catalog, doubt, lack) in [
        (
            &CatalogSeen::Missing,
            "Missing",
            "does not exist, so no image of PostgreSQL 17 is known. To mend it, upgrade the operator's chart",
        ),
        (&invalid, "Invalid", "is refused: images.yaml[0].flavor is '': write Postgres"),
    ] {
        let kept = |version: &str| format!("{version} Kept {doubt}, none available");
        assert_eq!(chosen("17", catalog, "17.91", "17.90"), kept("17.91"), "what was begun goes on");
        assert_eq!(chosen("17.90", catalog, "17.90", "-"), kept("17.90"));
        assert!(chosen("17", catalog, "-", "-").contains(lack), "{}", chosen("17", catalog, "-", "-"));
        assert!(chosen("17.92", catalog, "17.91", "17.91").starts_with("spec.engine.version is '17.92'"));
        assert!(chosen("17", catalog, "15.90", "15.90").starts_with("spec.engine.version is '17'"));
    }
}

fn pinned(
    wanted: &str,
    image: &str,
    catalog: &CatalogSeen,
    runs: Option<&Running>,
) -> Result<Choice, String> {
    let wanted = Wanted::parse(wanted).unwrap();
    let ask = Ask {
        flavor: Flavor::Postgres,
        wanted,
        pinned: Some(image),
        catalog,
        namespace: "ops",
        made: runs,
        serving: None,
    };
    choose(&ask).map_err(|problem| problem.to_string())
}

#[test]
fn an_image_of_a_persons_own_needs_no_catalog_and_a_minor_that_is_known() {
    let version = |wanted: &str, image: &str| {
        pinned(wanted, image, &CatalogSeen::Missing, None)
            .map(|choice| (choice.version.to_string(), choice.standing.source))
    };
    assert_eq!(version("17.91", "own/db:latest"), Ok(("17.91".into(), EngineSource::Spec)));
    assert_eq!(version("17", "own/db:17.92-3"), Ok(("17.92".into(), EngineSource::Spec)));
    let unknown = version("17", "own/db:latest").unwrap_err();
    assert!(
        unknown.contains("does not tell the minor: write the minor that is in it, as 17.91"),
        "{unknown}"
    );
    let other = version("17", "own/db:15.90").unwrap_err();
    assert!(other.starts_with("spec.engine.image is 'own/db:15.90': its tag says PostgreSQL 15"), "{other}");
    let runs = Running { version: Version { major: 17, minor: 91 }, image: "own/db:latest".into() };
    let known = pinned("17", "own/db:latest", &CatalogSeen::Missing, Some(&runs)).unwrap();
    assert_eq!((known.version, known.standing.available), (runs.version, None));
}

#[test]
fn an_image_that_a_person_pins_and_the_catalog_withdraws_is_told_with_another_one() {
    let catalog = catalog("17.91! 17.92");
    let choice = pinned("17", &image("17.91"), &catalog, None).unwrap();
    assert_eq!(choice.standing.withdrawn.as_deref(), Some("for a test"));
    let (doubt, message) = choice.standing.doubt.unwrap();
    assert_eq!(doubt, Doubt::Withdrawn);
    assert!(message.contains(&format!("Name {}", image("17.92"))), "{message}");
    assert_eq!(pinned("17", &image("17.92"), &catalog, None).unwrap().standing.doubt, None);
}

fn upgraded(wanted: &str, words: &str) -> String {
    let (catalog, wanted) = (catalog(words), Wanted::parse(wanted).unwrap());
    let runs = running("15.90");
    let ask = Ask {
        flavor: Flavor::Postgres,
        wanted,
        pinned: None,
        catalog: &catalog,
        namespace: "ops",
        made: runs.as_ref(),
        serving: runs.as_ref(),
    };
    match for_upgrade(&ask, Version { major: 15, minor: 90 }) {
        Ok(choice) => format!("{} {}", choice.version, choice.image.split('@').next().unwrap_or_default()),
        Err(problem) => problem.remedy,
    }
}

#[test]
fn a_major_upgrade_takes_the_image_with_both_servers() {
    assert_eq!(upgraded("17", "15.90 17.91 15>17.91"), "17.91 localhost/stylobate/postgres:15-to-17.91");
    assert_eq!(
        upgraded("17", "15.90 17.91 17.92 15>17.91"),
        "17.91 localhost/stylobate/postgres:15-to-17.91",
        "a newer minor follows afterwards"
    );
    assert_eq!(
        upgraded("17.90", "17.90 17.91 15>17.90 15>17.91"),
        "17.90 localhost/stylobate/postgres:15-to-17.90"
    );
}

#[test]
fn without_such_an_image_the_missing_entry_is_named_and_nothing_begins() {
    let entry =
        "{flavor: Postgres, version: \"17.91\", upgradesFrom: 15}. Until then write 15; nothing has begun";
    let missing = upgraded("17", "15.90 17.91");
    assert!(missing.contains("which is not offered") && missing.ends_with(entry), "{missing}");
    let exact = upgraded("17.91", "17.90 17.91 15>17.90");
    assert!(exact.contains("which is not offered") && exact.ends_with(entry), "{exact}");
    let withdrawn = upgraded("17.91", "17.91 15>17.91!");
    assert!(
        withdrawn.contains("which is withdrawn (for a test)") && withdrawn.ends_with(entry),
        "{withdrawn}"
    );
    assert!(upgraded("17.92", "17.91 15>17.91").contains("offers no image of this version"));
}
