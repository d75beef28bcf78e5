//! Table of decisions: a state, and the reason or message that follows.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use lamplighter::model::{DeploymentController, ImageScan};
use lamplighter::plan::{Action, ReleaseAction, Rollout};
use lamplighter::policy::Strategy;
use proptest::prelude::*;
use rstest::rstest;

use crate::Offer;
use crate::fixtures::{Given, HOST, SECRET, digest, given, two_groups};

const MINUTES: SignedDuration = SignedDuration::from_mins(10);

fn findings(counts: &[(&str, u32)]) -> ImageScan {
    ImageScan::Finished(
        counts
            .iter()
            .map(|(severity, n)| ((*severity).to_owned(), *n))
            .collect(),
    )
}

fn rollout(given: Given) -> Rollout {
    match given.decide().steps.pop().map(|step| step.action) {
        Some(Action::Release(ReleaseAction::Rollout(rollout))) => rollout,
        other => panic!("no rollout: {other:?}"),
    }
}

#[rstest]
#[case::newer(
    given(),
    "deploying RC_1.4.2 (sha256:00000000), was RC_1.4.1, pushed 12 s ago"
)]
#[case::same_tag_pushed_again(given().offers("RC_1.4.1", 2), "deploying RC_1.4.1")]
#[case::latest_moved(given().deploy("tag=latest repo=shop/web").offers("latest", 2), "deploying latest")]
#[case::semver(given().deploy("semver=2.x repo=shop/web").running("v2.0.9", 1).offers("v2.0.10", 2), "deploying v2.0.10")]
#[case::placeholder_before(given().deploy("tag=RC_x.x.x repo=shop/web container=web").running_image("nginx:1"), "deploying RC_1.4.2 (sha256:00000000), was 1,")]
#[case::unpinned_before(given().running_image(&format!("{HOST}/shop/web:RC_1.4.1")), "deploying RC_1.4.2")]
#[case::has_our_platform(given().for_platforms(&[("linux", "arm64"), ("linux", "amd64")]), "deploying RC_1.4.2")]
#[case::clean_scan(given().deploy("tag=RC_x.x.x scan=high").scanned(findings(&[("MEDIUM", 9)])), "deploying RC_1.4.2")]
#[case::approved(given().deploy("tag=RC_x.x.x approve=yes").tag("approve", digest(2).as_str()), "deploying RC_1.4.2")]
#[case::freeze_over(given().tag("freeze", "fri 16:00 - sat 03:00 UTC"), "deploying RC_1.4.2")]
#[case::supersedes_a_rollout(given().rolling(), "deploying RC_1.4.2")]
#[case::quarantine_lifted(given().quarantined(2, "5xx").tag("approve", digest(2).as_str()), "deploying RC_1.4.2")]
fn rolls_out(#[case] given: Given, #[case] expected: &str) {
    let plan = given.decide();
    assert_eq!(plan.steps.len(), 1, "{}", plan.reason);
    assert!(plan.reason.starts_with(expected), "{}", plan.reason);
}

#[rstest]
#[case::gone(Given { observed: crate::Observed { service: None, ..given().observed }, ..given() }, "the service does not exist any more")]
#[case::runs_it(given().offers("RC_1.4.1", 1), "already runs RC_1.4.1 (sha256:00000000)")]
#[case::same_digest_under_a_new_tag(given().offers("RC_1.4.2", 1), "already runs RC_1.4.2")]
#[case::rolls_it_out(given().offers("RC_1.4.1", 1).rolling(), "already deploying RC_1.4.1")]
#[case::older(given().offers("RC_1.3.9", 2), "RC_1.3.9 is older than RC_1.4.1, which runs")]
#[case::older_semver(given().deploy("semver=2.x repo=shop/web").running("2.0.10", 1).offers("2.0.9", 2), "2.0.9 is older than 2.0.10")]
#[case::quarantined(given().quarantined(2, "5xx over 4 %"), "RC_1.4.2 (sha256:00000000) is quarantined: 5xx over 4 %")]
#[case::just_started(given().rolled_out(2, SignedDuration::from_secs(3)), "the rollout of RC_1.4.2 (sha256:00000000) was started 3 s ago")]
#[case::no_such_tag(given().offer(Offer::NoTag(Vec::new())), "the repository shop/web has no tag like RC_x.x.x")]
#[case::not_scanned(
    given().deploy("tag=RC_x.x.x scan=high").scanned(ImageScan::Pending("the scan is IN_PROGRESS".into())),
    "RC_1.4.2 (sha256:00000000) waits for its scan: the scan is IN_PROGRESS"
)]
fn does_nothing_for_a_reason(#[case] given: Given, #[case] reason: &str) {
    let plan = given.decide();
    assert!(plan.is_empty() && plan.messages.is_empty(), "{plan:?}");
    assert!(plan.reason.starts_with(reason), "{}", plan.reason);
}

#[rstest]
#[case::hotfix(
    given()
        .deploy("tag=RC_x.x.x repo=shop/web container=web")
        .rolled_out(2, MINUTES)
        .running_image("nginx:hotfix"),
    "RC_1.4.2 replaced by hotfix - taken for a hotfix",
    "shop-web:41 runs an image that no template named before."
)]
#[case::older_push(
    given().offer(Offer::Older { tag: "RC_1.4.0".into(), digest: digest(3) }),
    "RC_1.4.0 not deployed - older by version than RC_1.4.1",
    "RC_1.4.1 runs, and RC_1.4.0 was pushed after it."
)]
#[case::wrong_platform(
    given().for_platforms(&[("linux", "arm64")]),
    "RC_1.4.2 held - image has no linux/amd64",
    "The service runs on linux/amd64; the image has linux/arm64."
)]
#[case::frozen(
    given().tag("freeze", "fri 16:00 - mon 08:00 Europe/Rome"),
    "RC_1.4.2 held until 2026-11-23 07:00 UTC - freeze",
    "lamplighter:freeze holds new images at this time."
)]
#[case::findings(
    given().deploy("tag=RC_x.x.x scan=high").scanned(findings(&[("CRITICAL", 2), ("HIGH", 5), ("LOW", 1)])),
    "RC_1.4.2 held - scan found 2 CRITICAL, 5 HIGH",
    "lamplighter:deploy sets scan="
)]
#[case::unapproved(
    given().deploy("tag=RC_x.x.x approve=yes").tag("approve", digest(1).as_str()),
    "RC_1.4.2 held - waiting for approval",
    "lamplighter:deploy sets approve=yes."
)]
#[case::code_deploy(
    given().service(|s| s.deployment_controller = DeploymentController::CodeDeploy),
    "RC_1.4.2 not deployed - deployment group unknown",
    "CodeDeploy deploys this service, and ECS does not report its application and group."
)]
#[case::external(
    Given { observed: crate::Observed { running: None, ..given().service(|s| s.deployment_controller = DeploymentController::External).observed }, ..given() },
    "deployments disabled - deployment controller EXTERNAL",
    "Lamplighter supports the deployment controllers ECS and CODE_DEPLOY."
)]
#[case::no_container(
    given().deploy("tag=RC_x.x.x container=wbe repo=shop/web"),
    "deployments disabled - lamplighter:deploy does not match the service",
    "shop-web:41 has no container wbe (it has: web, proxy)"
)]
#[case::no_repository(
    given().offer(Offer::NoRepository),
    "deployments disabled - no ECR repository shop/web",
    "ECR has no repository shop/web in 123456789012.dkr.ecr.eu-west-1.amazonaws.com."
)]
fn does_nothing_and_notifies_once(#[case] given: Given, #[case] title: &str, #[case] why: &str) {
    let plan = given.decide();
    assert!(plan.is_empty(), "{plan:?}");
    let [message] = plan.messages.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(message.title, title);
    assert!(message.why.starts_with(why), "{}", message.why);
    assert!(message.key.is_some() && !message.next.is_empty());
}

#[test]
fn an_unscanned_image_is_held_and_notified_after_the_scan_had_time_to_start() {
    let scan = || ImageScan::Unavailable("it was never scanned".into());
    let fresh = given()
        .deploy("tag=RC_x.x.x scan=high")
        .scanned(scan())
        .decide();
    assert!(fresh.is_empty() && fresh.messages.is_empty(), "{fresh:?}");
    let old = given()
        .offers_since("RC_1.4.2", 2, MINUTES * 2)
        .deploy("tag=RC_x.x.x scan=high")
        .scanned(scan())
        .decide();
    assert_eq!(old.reason, "RC_1.4.2 held - it was never scanned");
}

#[test]
fn an_approval_allows_one_retry_of_a_rolled_back_image() {
    let rolled_back = || {
        given()
            .tag("approve", digest(2).as_str())
            .rolled_out(2, MINUTES)
    };
    assert!(rollout(rolled_back()).approved);
    let mut again = rolled_back();
    again.memory.releases.attempts[0].approved = true;
    let plan = again.decide();
    let next = plan.steps[0].message.as_ref().map(|m| m.next.as_str());
    assert_eq!(next, Some("Push a new image."), "{plan:?}");
}

#[test]
fn an_approval_does_not_repeat_a_rollout_that_was_just_started() {
    let plan = given()
        .tag("approve", digest(2).as_str())
        .rolled_out(2, SignedDuration::from_secs(3))
        .decide();
    assert!(plan.is_empty(), "{}", plan.reason);
}

#[test]
fn a_rollout_names_everything_absolutely() {
    let rollout = rollout(given());
    let image = format!("{HOST}/shop/web:RC_1.4.2@{}", digest(2));
    assert_eq!(rollout.images, BTreeMap::from([("web".to_owned(), image)]));
    assert_eq!(
        rollout.base,
        "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:41"
    );
    assert_eq!(
        (rollout.registered, rollout.enable_circuit_breaker),
        (None, false)
    );
}

#[test]
fn a_revision_of_an_interrupted_attempt_is_reused() {
    let left = given().newest_revision(&format!("{HOST}/shop/web:RC_1.4.2@{}", digest(2)));
    assert!(rollout(left).registered.unwrap().ends_with("shop-web:42"));
    let of_another_image = given().newest_revision(&format!("{HOST}/shop/web:RC_9@{}", digest(9)));
    assert_eq!(rollout(of_another_image).registered, None);
}

#[rstest]
#[case::off(given().service(|s| s.circuit_breaker.enable = false), true)]
#[case::without_rollback(given().service(|s| s.circuit_breaker.rollback = false), true)]
#[case::not_wanted(given().deploy("tag=RC_x.x.x breaker=off").service(|s| s.circuit_breaker.enable = false), false)]
#[case::reset_by_a_healthy_task(given().service(|s| s.circuit_breaker.reset_on_healthy_task = true), true)]
#[case::blue_green(given().service(|s| { s.strategy = "BLUE_GREEN".into(); s.circuit_breaker.enable = false; }), false)]
fn the_circuit_breaker_is_switched_on_where_it_works(
    #[case] given: Given,
    #[case] switched_on: bool,
) {
    assert_eq!(rollout(given).enable_circuit_breaker, switched_on);
}

#[rstest]
#[case::reads_it(given().rotated(SECRET, MINUTES), 1, "restarting 3 tasks - secret shop/db-AbCdEf rotated")]
#[case::reads_another(given().rotated("arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf", MINUTES), 0, "shop-web:41 does not read the secret x-AbCdEf")]
#[case::restarted_since(
    given().rotated(SECRET, MINUTES).service(|s| s.deployments[0].created_at = Some(crate::fixtures::NOW)),
    0,
    "its tasks were started after the secret shop/db-AbCdEf changed"
)]
fn a_rotated_secret_restarts_its_readers_once(
    #[case] given: Given,
    #[case] steps: usize,
    #[case] reason: &str,
) {
    let plan = given.decide();
    assert_eq!((plan.steps.len(), plan.reason.as_str()), (steps, reason));
}

proptest! {
    #[test]
    fn never_downgrades(running in 0_u64..30, offered in 0_u64..30) {
        let plan = given()
            .running(&format!("RC_1.{}.{}", running / 10, running % 10), running)
            .offers(&format!("RC_1.{}.{}", offered / 10, offered % 10), offered)
            .decide();
        prop_assert_eq!(plan.steps.len(), usize::from(offered > running), "{}", plan.reason);
    }

    #[test]
    fn never_rolls_out_a_quarantined_digest(image in 0_u64..4, quarantined in 0_u64..4, latest in any::<bool>()) {
        let policy = if latest { "tag=latest repo=shop/web" } else { "tag=RC_x.x.x repo=shop/web" };
        let tag = if latest { "latest" } else { "RC_1.9.0" };
        let plan = given().deploy(policy).quarantined(quarantined, "bad").offers(tag, image).decide();
        if image == quarantined {
            prop_assert!(plan.is_empty(), "{}", plan.reason);
        }
    }

    #[test]
    fn settles(image in 2_u64..9, minor in 4_u64..9) {
        let tag = format!("RC_1.{minor}.2");
        let done = rollout(given().offers(&tag, image));
        let after = given().running_image(&done.images["web"]).offers(&tag, image).decide();
        prop_assert!(after.is_empty() && after.reason.starts_with("already runs"), "{}", after.reason);
    }
}

#[rstest]
#[case::no_strategy("", None)]
#[case::current_strategy("strategy=canary", None)]
#[case::other_strategy("strategy=linear bake=20m", Some((Strategy::Linear, false, 1_200)))]
#[case::with_approval("strategy=canary approve=yes", Some((Strategy::Canary, true, 0)))]
fn a_strategy_is_set_where_the_tag_asks_for_another(
    #[case] asked: &str,
    #[case] expected: Option<(Strategy, bool, u64)>,
) {
    let rollout = rollout(two_groups(asked));
    assert_eq!(
        rollout
            .shift
            .map(|shift| (shift.strategy, shift.pauses, shift.bake)),
        expected
    );
    assert!(
        !rollout.enable_circuit_breaker,
        "only rolling deployments have a circuit breaker"
    );
}

#[test]
fn the_message_describes_the_traffic_shift() {
    let message = |given: Given| given.decide().steps.remove(0).message.unwrap();
    assert_eq!(
        message(two_groups("strategy=canary")).action,
        "ECS gives it a small share of the traffic first, then all of it; Lamplighter evaluates each step and rolls back if one fails."
    );
    let next = message(two_groups("strategy=blue-green approve=yes")).next;
    assert!(
        next.contains(
            "To approve it after its test, tag the service lamplighter:approve = sha256:"
        ),
        "{next}"
    );
}

/// A service of Express Mode, which shifts traffic by a canary of ECS.
fn express(asked: &str) -> Given {
    two_groups(asked).service(|service| service.is_express = true)
}

/// ECS accepts another revision for it, and refuses another deployment configuration.
#[rstest]
#[case::no_strategy("", 0)]
#[case::its_own("strategy=canary", 1)]
#[case::another("strategy=blue-green bake=20m", 1)]
fn the_deployment_configuration_of_express_mode_stays(
    #[case] asked: &str,
    #[case] warnings: usize,
) {
    for strategy in ["CANARY", "ROLLING"] {
        let given = express(asked).service(|service| {
            service.strategy = strategy.into();
            service.circuit_breaker.enable = false;
        });
        let mut plan = given.decide();
        assert_eq!(plan.messages.len(), warnings, "{:?}", plan.messages);
        let step = plan.steps.remove(0);
        let Action::Release(ReleaseAction::Rollout(rollout)) = step.action else {
            panic!("{:?}", step.action);
        };
        assert!(rollout.shift.is_none() && !rollout.enable_circuit_breaker);
        let action = step.message.unwrap().action;
        assert!(!action.contains("Lamplighter evaluates"), "{action}");
    }
}

#[test]
fn an_unsupported_strategy_is_notified_and_the_release_rolls() {
    let plan = given()
        .deploy("tag=RC_x.x.x repo=shop/web strategy=canary")
        .decide();
    assert_eq!(
        plan.messages[0].title,
        "releases deploy as ROLLING, not CANARY - nothing can route to two revisions"
    );
    assert!(
        matches!(&plan.steps[0].action, Action::Release(ReleaseAction::Rollout(rollout)) if rollout.shift.is_none())
    );
    // Then the rollout waits for approval, because nothing pauses it later.
    let plan = given()
        .deploy("tag=RC_x.x.x repo=shop/web strategy=canary approve=yes")
        .decide();
    assert!(plan.is_empty(), "{plan:?}");
}
