//! Results of releases beside people and templates: a rejected release stays away, a template changes settings and no
//! image, and an image is never blamed for its environment.

use deploy::Deploy;
use e2e::testkit::releases::{
    MINUTE, VERIFIED, digest, fail_to_start, minutes, push, release, release_and_fail, runs,
};
use e2e::testkit::world::World;
use enroll::Enroll;
use jiff::SignedDuration;
use lamplighter::model::Arn;
use lamplighter::state::ReleaseState;
use rollout::Rollout;
use rstest::rstest;
use serde_json::json;

const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

fn releases(world: &World, web: &Arn) -> ReleaseState {
    world.state().held[web].memory.releases.clone()
}

/// A person or a template puts the service on a revision, and ECS replaces its tasks.
fn put_on(world: &World, web: &Arn, revision: &str) {
    let mut state = world.state_mut();
    state.deploy(web, revision);
    state.settle(web);
}

/// A template registers a revision with this image and another size, and updates the service.
fn apply_template(world: &World, web: &Arn, image: &str) -> String {
    let revision = world.state_mut().register("shop-web", image);
    {
        let mut state = world.state_mut();
        let own = state.definitions.iter_mut().find(|d| d.arn() == revision);
        own.unwrap().document["cpu"] = json!("512");
    }
    put_on(world, web, &revision);
    revision
}

fn running_cpu(world: &World, web: &Arn) -> String {
    let state = world.state();
    let arn = &state.services[web].task_definition;
    let running = state.definitions.iter().find(|d| d.arn() == arn).unwrap();
    running.document["cpu"].as_str().unwrap().to_owned()
}

/// The revision that runs a tag.
fn revision_of(world: &World, tag: &str) -> String {
    let state = world.state();
    let found = state.definitions.iter().find(|definition| {
        let mut containers = definition.containers();
        containers.any(|container| container.image.contains(&format!(":{tag}@")))
    });
    found.unwrap().arn().to_owned()
}

fn tag(world: &World, web: &Arn, key: &str, value: &str) {
    let mut state = world.state_mut();
    let tags = state.tags.get_mut(web).unwrap();
    tags.insert(format!("lamplighter:{key}"), value.to_owned());
}

/// A1 and A2: a template that is applied again, however often, changes settings alone.
#[rstest]
#[case::the_image_of_the_first_template("shop/web:RC_1.0.0", "tag=RC_x.x.x repo=shop/web")]
#[case::an_older_version("shop/web:RC_1.1.0", "tag=RC_x.x.x repo=shop/web")]
#[case::of_a_service_that_needs_approvals(
    "shop/web:RC_1.0.0",
    "tag=RC_x.x.x repo=shop/web approve=yes"
)]
fn a_template_changes_everything_but_the_image(#[case] image: &str, #[case] deploy: &str) {
    let world = World::new();
    let web = world.web();
    tag(&world, &web, "deploy", deploy);
    let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    for (name, content) in [("RC_1.1.0", 11), ("RC_1.2.0", 12)] {
        tag(&world, &web, "approve", digest(content).as_str());
        release(&world, &web, name, content);
    }
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
    for _ in 0..3 {
        apply_template(&world, &web, &format!("{host}/{image}"));
        let before = world.titles().len();
        minutes(&world, 6);
        assert!(runs(&world, &web, "RC_1.2.0"), "{}", world.image_of(&web));
        assert_eq!(running_cpu(&world, &web), "512");
        world.state_mut().settle(&web);
        minutes(&world, 20);
        let titles = world.titles()[before..].to_vec();
        assert!(
            titles.len() == 2
                && titles[0].starts_with("deploying again RC_1.2.0")
                && titles[1].starts_with("RC_1.2.0 verified"),
            "{titles:?}"
        );
    }
    let why = world
        .state()
        .notices
        .iter()
        .rev()
        .find(|notice| notice.message.title.starts_with("deploying again"))
        .unwrap()
        .message
        .why
        .clone();
    assert!(
        why.contains("(registered by terraform/ci)") && why.contains("is taken for a template"),
        "{why}"
    );
    assert!(releases(&world, &web).quarantined.is_empty());
}

/// A person's own image is no template's: it stays until the next push, with one notification.
#[test]
fn a_hotfix_by_hand_stays_until_the_next_push() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    let hotfix = world.state_mut().register("shop-web", "shop/web:hotfix-7");
    put_on(&world, &web, &hotfix);
    let before = world.titles().len();
    minutes(&world, 60 * 20);
    assert!(world.image_of(&web).ends_with("hotfix-7"));
    assert_eq!(
        world.titles()[before..],
        ["RC_1.1.0 replaced by hotfix-7 - taken for a hotfix"]
    );
    release(&world, &web, "RC_1.2.0", 12);
    assert!(runs(&world, &web, "RC_1.2.0"));
    // From now on its image is known, and a template that names it changes no image.
    put_on(&world, &web, &hotfix);
    minutes(&world, 6);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
}

/// B1 and B2: what a person rolled back stays away, however the next release ends.
#[rstest]
#[case::the_circuit_breaker_takes_it_back(true)]
#[case::it_hangs(false)]
fn a_release_that_was_rolled_back_by_hand_stays_away(#[case] breaker: bool) {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    release(&world, &web, "RC_1.2.0", 12);
    let first = revision_of(&world, "RC_1.1.0");
    put_on(&world, &web, &first);
    minutes(&world, 6);
    assert!(releases(&world, &web).quarantined.contains_key(&digest(12)));
    assert_eq!(
        world.titles().last().unwrap(),
        "RC_1.2.0 rejected - ECS or a person rolled it back to RC_1.1.0"
    );
    push(&world, "RC_1.3.0", 13);
    assert!(runs(&world, &web, "RC_1.3.0"));
    minutes(&world, 3);
    if breaker {
        world.state_mut().roll_back(&web);
        minutes(&world, 2);
    } else {
        minutes(&world, 20);
    }
    world.state_mut().settle(&web);
    minutes(&world, 120);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    // A later push is a candidate, and an approval is as well.
    release(&world, &web, "RC_1.3.1", 14);
    assert!(runs(&world, &web, "RC_1.3.1"));
}

/// A push right after a rollback by hand rejects what was rolled back, before any sweep has seen it.
#[test]
fn a_push_right_after_a_rollback_by_hand_rejects_it_too() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    release(&world, &web, "RC_1.2.0", 12);
    let first = revision_of(&world, "RC_1.1.0");
    put_on(&world, &web, &first);
    push(&world, "RC_1.3.0", 13);
    assert!(runs(&world, &web, "RC_1.3.0"));
    assert!(releases(&world, &web).quarantined.contains_key(&digest(12)));
    minutes(&world, 3);
    world.state_mut().roll_back(&web);
    minutes(&world, 60);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    // What follows is no rollback of anything.
    for (name, content) in [("RC_1.4.0", 14), ("RC_1.5.0", 15), ("RC_1.6.0", 16)] {
        release(&world, &web, name, content);
        assert!(runs(&world, &web, name), "{:?}", world.titles());
    }
    let quarantined: Vec<_> = releases(&world, &web).quarantined.into_keys().collect();
    assert_eq!(quarantined, [digest(12), digest(13)]);
}

/// A newer image that is held doesn't keep the release away from a template's revision.
#[rstest]
#[case::by_a_freeze("freeze", "fri 00:00 - sun 23:00 UTC")]
#[case::by_an_approval("deploy", "tag=RC_x.x.x repo=shop/web approve=yes")]
fn a_template_is_put_right_while_a_newer_image_is_held(#[case] key: &str, #[case] value: &str) {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    tag(&world, &web, key, value);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 6);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    apply_template(&world, &web, "shop/web:RC_1.0.0");
    minutes(&world, 6);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    assert_eq!(running_cpu(&world, &web), "512");
    world.state_mut().settle(&web);
    minutes(&world, 60);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
}

/// A rejected image stays away, also if the template names the tag that it has.
#[test]
fn a_template_that_names_a_moving_tag_gets_the_verified_image() {
    let world = World::new();
    let web = world.web();
    tag(&world, &web, "deploy", "tag=latest repo=shop/web");
    release(&world, &web, "latest", 11);
    push(&world, "latest", 12);
    minutes(&world, 3);
    world.state_mut().roll_back(&web);
    minutes(&world, 10);
    assert!(releases(&world, &web).quarantined.contains_key(&digest(12)));
    apply_template(&world, &web, "shop/web:latest");
    minutes(&world, 6);
    let image = world.image_of(&web);
    assert!(
        image.ends_with(digest(11).as_str()),
        "{image} {:?}",
        world.titles()
    );
}

/// What a person deployed stays, also when the retry of an earlier push is due.
#[test]
fn a_hotfix_outlasts_the_retry_of_an_earlier_push() {
    let world = World::new();
    let web = world.web();
    release_and_fail(&world, &web, "RESOURCE:MEMORY");
    minutes(&world, 2);
    world.state_mut().tasks.clear();
    let hotfix = world.state_mut().register("shop-web", "shop/web:hotfix-7");
    put_on(&world, &web, &hotfix);
    minutes(&world, 120);
    assert!(
        world.image_of(&web).ends_with("hotfix-7"),
        "{:?}",
        world.titles()
    );
}

/// Under `base=latest`, a person's rollback is one as well.
#[test]
fn a_rollback_by_hand_from_a_template_base_is_respected() {
    let world = World::new();
    let web = world.web();
    tag(
        &world,
        &web,
        "deploy",
        "tag=RC_x.x.x repo=shop/web base=latest",
    );
    release(&world, &web, "RC_1.1.0", 11);
    let first = world.state().services[&web].task_definition.clone();
    world.advance(MINUTE);
    let pinned = world.image_of(&web);
    apply_template(&world, &web, &pinned);
    put_on(&world, &web, &first);
    minutes(&world, 6);
    release(&world, &web, "RC_1.2.0", 12);
    assert_eq!(running_cpu(&world, &web), "512");
    put_on(&world, &web, &first);
    minutes(&world, 60);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    assert!(releases(&world, &web).quarantined.contains_key(&digest(12)));
}

/// What ECS goes back to, if a verified image fails with the settings of a template, is the template's own image.
#[test]
fn a_circuit_breaker_leaves_no_service_on_the_image_of_a_template() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    let verified = world.state().services[&web].task_definition.clone();
    world.advance(MINUTE);
    let template = apply_template(&world, &web, &format!("{HOST}/shop/web:RC_1.0.0"));
    minutes(&world, 6);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    assert_eq!(running_cpu(&world, &web), "512");
    world.state_mut().roll_back(&web);
    assert_eq!(world.state().services[&web].task_definition, template);
    let failed = json!({
        "version": "0", "id": "failed", "source": "aws.ecs", "detail-type": "ECS Deployment State Change",
        "account": "123456789012", "region": "eu-west-1", "time": world.state().now.to_string(), "resources": [web],
        "detail": {"eventName": "SERVICE_DEPLOYMENT_FAILED", "deploymentId": "ecs-svc/9", "reason": "tasks failed to start"},
    });
    let _ = world.invoke(&Rollout, failed);
    assert_eq!(world.state().services[&web].task_definition, verified);
    world.state_mut().settle(&web);
    assert!(releases(&world, &web).quarantined.is_empty());
    // Its settings are tried again, as they are what the template wants.
    minutes(&world, 10);
    assert_eq!(running_cpu(&world, &web), "512");
}

/// B5: after a failure, nothing older that never ran is tried.
#[test]
fn superseded_tags_never_come_back_by_themselves() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    // Ten tags whose events are lost or superseded.
    for n in 0..10 {
        let _ = world.push("shop/web", &format!("RC_1.2.{n}"), 200 + n);
    }
    world.advance(MINUTE);
    push(&world, "RC_1.3.0", 13);
    assert!(runs(&world, &web, "RC_1.3.0"));
    let changes =
        |world: &World| world.count("UpdateService") + world.count("StopServiceDeployment");
    let before = changes(&world);
    minutes(&world, 180);
    world.state_mut().settle(&web);
    minutes(&world, 60);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    assert_eq!(changes(&world), before + 1);
    // Unless a person approves one.
    tag(&world, &web, "approve", digest(204).as_str());
    minutes(&world, 6);
    assert!(runs(&world, &web, "RC_1.2.4"), "{:?}", world.titles());
}

/// A version that was pushed by mistake holds later ones back, but not in silence.
#[test]
fn a_mistaken_version_is_named_when_later_pushes_are_older() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_9.9.9", 99);
    push(&world, "RC_1.5.0", 15);
    push(&world, "RC_1.5.1", 16);
    assert_eq!(
        world.titles().last().unwrap(),
        "RC_1.5.0 not deployed - older by version than RC_9.9.9"
    );
    assert!(runs(&world, &web, "RC_9.9.9"));
    tag(&world, &web, "approve", digest(16).as_str());
    minutes(&world, 6);
    assert!(runs(&world, &web, "RC_1.5.1"), "{:?}", world.titles());
    world.state_mut().settle(&web);
    minutes(&world, 60);
    assert!(runs(&world, &web, "RC_1.5.1"), "{:?}", world.titles());
}

/// C1: a rollback keeps what a template has changed since the verified release.
#[test]
fn a_rollback_keeps_the_settings_that_ran_before() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    // Terraform registers another revision with the image that runs.
    let pinned = world.image_of(&web);
    let base = apply_template(&world, &web, &pinned);
    minutes(&world, 60);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 20);
    assert_eq!(world.state().services[&web].task_definition, base);
    assert_eq!(running_cpu(&world, &web), "512");
    world.state_mut().settle(&web);
    minutes(&world, 30);
    release(&world, &web, "RC_1.3.0", 13);
    assert_eq!(running_cpu(&world, &web), "512");
}

/// C2: what ran stably before adoption is the first rollback target.
#[test]
fn the_first_release_can_be_rolled_back_to_what_ran_before() {
    let world = World::new();
    let web = world.web();
    tag(&world, &web, "deploy", VERIFIED);
    world.state_mut().settle(&web);
    world.advance(SignedDuration::from_hours(24));
    world.state_mut().unwell = Some(|_| true);
    push(&world, "RC_1.1.0", 11);
    minutes(&world, 2);
    world.state_mut().settle(&web);
    minutes(&world, 10);
    assert!(
        world.image_of(&web).ends_with("shop/web:RC_1.0.0"),
        "{:?}",
        world.titles()
    );
    world.state_mut().settle(&web);
    minutes(&world, 120);
    assert!(world.image_of(&web).ends_with("shop/web:RC_1.0.0"));
    assert!(releases(&world, &web).quarantined.contains_key(&digest(11)));
}

/// D1: without a task there is nothing to judge.
#[test]
fn a_service_without_tasks_gets_no_result() {
    let world = World::new();
    let web = world.web();
    tag(&world, &web, "deploy", VERIFIED);
    {
        let mut state = world.state_mut();
        let service = state.services.get_mut(&web).unwrap();
        (service.desired_count, service.running_count) = (0, 0);
        state.unwell = Some(|_| true);
    }
    push(&world, "RC_1.1.0", 11);
    world.state_mut().settle(&web);
    minutes(&world, 180);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    assert!(releases(&world, &web).quarantined.is_empty());
    // It gets its result with the first tasks.
    {
        let mut state = world.state_mut();
        state.unwell = None;
        let service = state.services.get_mut(&web).unwrap();
        (service.desired_count, service.running_count) = (2, 2);
    }
    minutes(&world, 5);
    assert_eq!(releases(&world, &web).verified.len(), 1);
}

/// D3: a slow rollout that makes progress has its deadline from the last progress on.
#[test]
fn a_slow_rollout_is_not_late_while_it_makes_progress() {
    let world = World::new();
    let web = world.web();
    {
        let mut state = world.state_mut();
        let service = state.services.get_mut(&web).unwrap();
        (service.desired_count, service.running_count) = (8, 8);
        service.health_check_grace_period = 600;
    }
    push(&world, "RC_1.1.0", 11);
    // A task in ten minutes: more than an hour in all, with a deadline of 15 minutes.
    for running in 1..=7 {
        minutes(&world, 10);
        let mut state = world.state_mut();
        let service = state.services.get_mut(&web).unwrap();
        service.deployments[0].running_count = running;
    }
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    // Then it stops, and is late 15 minutes and the grace period after that.
    minutes(&world, 24);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    minutes(&world, 4);
    let last = world.titles().last().cloned().unwrap();
    assert!(last.contains("no rollback target"), "{last}");
}

/// D4: an image is not blamed for its environment, and is deployed again once that may be over.
#[rstest]
#[case::no_capacity("RESOURCE:MEMORY", "no capacity for its tasks")]
#[case::no_secret(
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed",
    "required resource missing"
)]
#[case::rate_limit(
    "CannotPullContainerError: pull image manifest has been retried 5 time(s): httpReadSeeker: 429 Too Many Requests",
    "image pull failed"
)]
fn an_image_is_not_blamed_for_its_environment(
    #[case] reason: &str,
    #[case] cause: &str,
    #[values(true, false)] breaker: bool,
) {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 3);
    fail_to_start(&world, &web, reason);
    if breaker {
        world.state_mut().roll_back(&web);
        minutes(&world, 2);
    } else {
        minutes(&world, 14);
        world.state_mut().settle(&web);
    }
    let titles = world.titles();
    assert!(titles.last().unwrap().ends_with(cause), "{titles:?}");
    let state = releases(&world, &web);
    assert!(state.quarantined.is_empty(), "{state:?}");
    assert!(runs(&world, &web, "RC_1.1.0"));
    // The cause is gone, and it is deployed again by itself.
    world.state_mut().tasks.clear();
    minutes(&world, 10);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
    world.state_mut().settle(&web);
    minutes(&world, 2);
    let state = releases(&world, &web);
    assert!(state.not_blamed.is_empty() && state.verified.len() == 2);
}

/// What keeps failing is tried less and less often, and never more than the limit of an hour allows.
#[test]
fn a_release_without_capacity_is_tried_with_growing_pauses() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    let mut attempts = 1;
    let mut hours = Vec::new();
    for _ in 0..24 {
        let before = attempts;
        for _ in 0..60 {
            minutes(&world, 1);
            let _ = world.sweep(&Deploy);
            if runs(&world, &web, "RC_1.2.0") {
                fail_to_start(&world, &web, "RESOURCE:MEMORY");
                minutes(&world, 2);
                world.state_mut().roll_back(&web);
                minutes(&world, 2);
                attempts += 1;
            }
        }
        hours.push(attempts - before);
    }
    assert!(hours[0] <= 6 && hours[0] >= 2, "{hours:?}");
    assert!(hours[12..].iter().sum::<u32>() <= 4, "{hours:?}");
    assert!(releases(&world, &web).quarantined.is_empty());
    assert!(
        !world
            .titles()
            .iter()
            .any(|title| title.contains("limit of"))
    );
}

/// An image that runs and fails is blamed, whatever else failed beside it.
#[test]
fn an_image_that_crashes_is_blamed_even_if_capacity_is_missing_too() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 3);
    fail_to_start(&world, &web, "RESOURCE:MEMORY");
    {
        let mut state = world.state_mut();
        let mut crashed = state.tasks[&web][0].clone();
        crashed.stop_code = "EssentialContainerExited".to_owned();
        crashed.reason = "Essential container in task exited".to_owned();
        state.tasks.get_mut(&web).unwrap().push(crashed);
    }
    world.state_mut().roll_back(&web);
    minutes(&world, 2);
    assert!(releases(&world, &web).quarantined.contains_key(&digest(12)));
}

/// A4: a template that registers revisions and leaves the service alone is the base of the next release, if the tag says so.
#[rstest]
#[case::as_it_runs("tag=RC_x.x.x repo=shop/web", "256")]
#[case::as_the_template_says("tag=RC_x.x.x repo=shop/web base=latest", "512")]
fn a_revision_that_nothing_runs_is_the_base_on_request(#[case] deploy: &str, #[case] cpu: &str) {
    let world = World::new();
    let web = world.web();
    tag(&world, &web, "deploy", deploy);
    release(&world, &web, "RC_1.1.0", 11);
    let running = world.state().services[&web].task_definition.clone();
    world.advance(MINUTE);
    apply_template(&world, &web, "shop/web:RC_1.0.0");
    put_on(&world, &web, &running);
    minutes(&world, 60);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    release(&world, &web, "RC_1.2.0", 12);
    assert_eq!(running_cpu(&world, &web), cpu);
    release(&world, &web, "RC_1.3.0", 13);
    assert_eq!(running_cpu(&world, &web), cpu);
    world.sweep(&Enroll).unwrap().unwrap();
    let unused = "task definition shop-web:3 is not used";
    assert!(!world.titles().iter().any(|title| title.contains(unused)));
}

/// A revision that nothing uses is a finding, once.
#[test]
fn a_revision_that_nothing_uses_is_a_finding() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    world.advance(MINUTE);
    world.state_mut().register("shop-web", "shop/web:RC_1.0.0");
    for _ in 0..3 {
        world.sweep(&Enroll).unwrap().unwrap();
        world.advance(MINUTE * 60);
    }
    let findings: Vec<String> = world
        .titles()
        .into_iter()
        .filter(|title| title.contains("task definition shop-web:3 is not used"))
        .collect();
    assert_eq!(findings.len(), 1, "{:?}", world.titles());
}

/// E1: a pattern that matches nothing is notified once, with the tags that there are.
#[test]
fn a_pattern_that_matches_nothing_is_notified_once() {
    let world = World::new();
    let web = world.web();
    tag(&world, &web, "deploy", "tag=release-x.x.x repo=shop/web");
    for n in 0..7 {
        let _ = world.push("shop/web", &format!("v1.4.{n}"), 20 + n);
        world.advance(MINUTE);
    }
    minutes(&world, 50);
    assert!(world.titles().is_empty(), "{:?}", world.titles());
    minutes(&world, 60 * 50);
    assert_eq!(
        world.titles(),
        ["no tag like release-x.x.x in shop/web for 1 h"]
    );
    let why = world.state().notices[0].message.why.clone();
    assert_eq!(
        why,
        "Its newest tags are v1.4.6, v1.4.5, v1.4.4, v1.4.3, v1.4.2."
    );
    // The other pattern matches at once.
    tag(&world, &web, "deploy", "tag=vx.x.x repo=shop/web");
    minutes(&world, 6);
    assert!(runs(&world, &web, "v1.4.6"));
}

/// D3: before ECS stops an old task, its load balancer drains it, which is no stall.
#[test]
fn the_deadline_waits_for_the_longest_deregistration() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    let group =
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef";
    {
        let mut state = world.state_mut();
        state.deregistration.insert(group.to_owned(), 1_800);
        let service = state.services.get_mut(&web).unwrap();
        service.target_groups = vec![group.to_owned()];
    }
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 40);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
    minutes(&world, 10);
    assert!(!runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
}
