//! What follows when somebody else changed what a service runs, or when the environment failed a release.

use jiff::SignedDuration;
use lamplighter::model::EnvironmentCause;
use lamplighter::plan::{Action, ReleaseAction, ReleaseResult};
use lamplighter::state::NotBlamed;
use rstest::rstest;

use crate::fixtures::{HOST, digest, given};

const MINUTES: SignedDuration = SignedDuration::from_mins(10);

/// A rollback by others is a result: the release is rejected, and the service stays.
#[test]
fn a_rollback_by_others_rejects_the_release() {
    let plan = given().rolled_out(2, MINUTES).decide();
    assert_eq!(
        plan.reason,
        format!(
            "{} rejected - ECS or a person rolled it back to RC_1.4.1",
            digest(2).short_digest()
        )
    );
    let [step] = plan.steps.as_slice() else {
        panic!("{plan:?}")
    };
    let Action::Release(ReleaseAction::RecordResult(record)) = &step.action else {
        panic!("{step:?}")
    };
    assert!(matches!(record.result, ReleaseResult::Rejected { .. }));
    assert_eq!(record.digest, digest(2));
    // It is a decision of a person, also while ECS still carries it out.
    let rolling = given().rolled_out(2, MINUTES).rolling().decide();
    assert_eq!(rolling.steps.len(), 1, "{rolling:?}");
    // A newer push rejects it as well, and is deployed.
    let pushed = given()
        .rolled_out(2, MINUTES)
        .offers("RC_1.4.3", 3)
        .decide();
    assert_eq!(pushed.steps.len(), 2, "{pushed:?}");
}

/// What a template names is no release: its settings are kept, and the released image goes onto its revision.
#[rstest]
#[case::named_before("nginx:stable")]
#[case::an_older_version("shop/web:RC_1.4.0")]
#[case::the_same_version_by_tag("shop/web:RC_1.4.2")]
fn a_template_that_names_another_image_is_put_right(#[case] image: &str) {
    let image = if image.starts_with("shop/") {
        format!("{HOST}/{image}")
    } else {
        image.to_owned()
    };
    let mut given = given()
        .rolled_out(2, MINUTES)
        .deploy("tag=RC_x.x.x repo=shop/web container=web approve=yes")
        .tag("freeze", "fri 16:00 - sun 03:00 UTC")
        .running_image(&image);
    let templates = &mut given.memory.releases.template_images;
    templates.push("nginx:stable".to_owned());
    let plan = given.decide();
    assert!(
        plan.reason.starts_with("deploying again RC_1.4.2 "),
        "{}",
        plan.reason
    );
}

/// A release that its environment failed is deployed again, with growing pauses.
#[test]
fn a_release_that_is_not_blamed_is_tried_again() {
    let failed = |attempts: u32, ago: i64| {
        let mut given = given().rolled_out(2, SignedDuration::from_mins(ago + 20));
        let not_blamed = NotBlamed {
            cause: EnvironmentCause::Capacity,
            at: given.now - SignedDuration::from_mins(ago),
            attempts,
        };
        given
            .memory
            .releases
            .not_blamed
            .insert(digest(2), not_blamed);
        given.decide()
    };
    assert_eq!(
        failed(1, 4).reason,
        "RC_1.4.2 (sha256:00000000) is deployed again at 03:01 UTC: no capacity for its tasks"
    );
    assert_eq!(failed(1, 5).steps.len(), 1);
    assert!(failed(3, 19).is_empty());
    assert_eq!(failed(3, 20).steps.len(), 1);
    assert!(failed(30, 239).is_empty());
    assert_eq!(failed(30, 240).steps.len(), 1);
}
