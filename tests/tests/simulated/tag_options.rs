//! What the tag of a release can say: the newest push, freezes, alarms of the user, and approvals that are waited for.

use deploy::Deploy;
use e2e::testkit::releases::{MINUTE, digest, minutes, push, release, runs};
use e2e::testkit::world::World;
use jiff::SignedDuration;
use lamplighter::model::{AlarmState, AlarmTopics, Arn, ExistingAlarm};
use lamplighter::notify::Severity;
use rstest::rstest;

fn follow(world: &World, web: &Arn, key: &str, value: &str) {
    let mut state = world.state_mut();
    let tags = state.tags.get_mut(web).unwrap();
    tags.insert(format!("lamplighter:{key}"), value.to_owned());
}

/// E3: tags without a version follow the push time, also if the event of a push is lost.
#[test]
fn newest_follows_the_push_time() {
    let world = World::new();
    let web = world.service(
        "web",
        "shop/web",
        "main-0000000",
        "newest=main-@ repo=shop/web",
    );
    push(&world, "main-f00ba44-1795230000", 1);
    assert!(runs(&world, &web, "main-f00ba44-1795230000"));
    minutes(&world, 3);
    world.state_mut().settle(&web);
    minutes(&world, 3);
    push(&world, "feature-1-9999999", 2);
    assert!(runs(&world, &web, "main-f00ba44-1795230000"));
    world.advance(MINUTE);
    world.push("shop/web", "main-0a1b2c3", 3);
    minutes(&world, 6);
    assert!(runs(&world, &web, "main-0a1b2c3"), "{:?}", world.titles());
    world.state_mut().settle(&web);
    minutes(&world, 6);
    // Its image is deleted: the one before is older, and stays away.
    let key = ("shop/web".to_owned(), "main-0a1b2c3".to_owned());
    world.state_mut().images.remove(&key);
    minutes(&world, 20);
    assert!(runs(&world, &web, "main-0a1b2c3"), "{:?}", world.titles());
    push(&world, "main-9999999", 4);
    assert!(runs(&world, &web, "main-9999999"));
}

/// A late event of an earlier push is no reason to go back to it.
#[test]
fn newest_ignores_late_events() {
    let world = World::new();
    let web = world.service("web", "shop/web", "main-0", "newest=main-@ repo=shop/web");
    let early = world.push("shop/web", "main-1", 1);
    world.advance(MINUTE);
    push(&world, "main-2", 2);
    world.state_mut().settle(&web);
    world.advance(MINUTE * 5);
    let _ = world.invoke(&Deploy, early);
    assert!(runs(&world, &web, "main-2"));
}

/// Each of several freezes holds, and the end of the last is reported.
#[test]
fn several_freezes_hold_one_after_the_other() {
    let world = World::new();
    let web = world.web();
    // The world begins on a Saturday at 03:00 UTC.
    follow(&world, &web, "freeze", "fri 16:00 - sat 04:00");
    follow(&world, &web, "freeze.2", "daily 03:30-05:00");
    follow(&world, &web, "freeze.3", "2026-12-20 - 2027-01-06");
    push(&world, "RC_1.1.0", 11);
    assert_eq!(
        world.titles(),
        ["RC_1.1.0 held until 2026-11-21 05:00 UTC - freeze"]
    );
    minutes(&world, 119);
    assert!(!runs(&world, &web, "RC_1.1.0"));
    minutes(&world, 6);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
}

fn alarm(world: &World, name: &str, state: AlarmState) {
    let since = world.state().now;
    let alarm = ExistingAlarm {
        name: name.to_owned(),
        arn: format!("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}"),
        state,
        state_since: Some(since),
        state_reason: "Threshold Crossed".to_owned(),
        description: String::new(),
        actions: AlarmTopics::default(),
        alarm: None,
    };
    world.state_mut().alarms.insert(name.to_owned(), alarm);
}

/// The user's own alarms reject a release during its bake time, unless they fired before it.
#[rstest]
#[case::it_fires_after_the_release(false, false)]
#[case::it_has_fired_before(true, true)]
fn an_alarm_of_the_user_rejects_a_release(#[case] before: bool, #[case] stays: bool) {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    let tag = "tag=RC_x.x.x repo=shop/web bake=10m alarms=checkout-errors+checkout-latency";
    follow(&world, &web, "deploy", tag);
    alarm(&world, "checkout-latency", AlarmState::Ok);
    let state = if before {
        AlarmState::Alarm
    } else {
        AlarmState::Ok
    };
    alarm(&world, "checkout-errors", state);
    minutes(&world, 5);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 2);
    world.state_mut().settle(&web);
    minutes(&world, 2);
    if !before {
        alarm(&world, "checkout-errors", AlarmState::Alarm);
    }
    minutes(&world, 15);
    assert_eq!(
        runs(&world, &web, "RC_1.2.0"),
        stays,
        "{:?}",
        world.titles()
    );
}

/// An alarm that does not exist is reported once, and stops nothing.
#[test]
fn a_missing_alarm_is_reported_once() {
    let world = World::new();
    let web = world.web();
    let tag = "tag=RC_x.x.x repo=shop/web bake=10m alarms=chekout-errors";
    follow(&world, &web, "deploy", tag);
    push(&world, "RC_1.1.0", 11);
    minutes(&world, 2);
    world.state_mut().settle(&web);
    minutes(&world, 20);
    let titles = world.titles();
    let reports = titles
        .iter()
        .filter(|title| *title == "chekout-errors ignored - no such alarm");
    assert_eq!(reports.count(), 1, "{titles:?}");
    assert!(
        titles
            .iter()
            .any(|title| title.starts_with("RC_1.1.0 verified")),
        "{titles:?}"
    );
}

/// A release that waits for a person fires like a warning, so that people are reminded, until it is deployed.
#[test]
fn a_release_that_waits_for_approval_fires_until_it_is_deployed() {
    let world = World::new();
    let web = world.web();
    follow(
        &world,
        &web,
        "deploy",
        "tag=RC_x.x.x repo=shop/web approve=yes",
    );
    push(&world, "RC_1.1.0", 11);
    world.advance(SignedDuration::from_hours(25));
    minutes(&world, 6);
    let firing: Vec<(Severity, Option<String>)> = world
        .state()
        .notices
        .iter()
        .map(|notice| (notice.message.severity, notice.message.fires.clone()))
        .collect();
    let waits = (Severity::Warning, Some("approval".to_owned()));
    assert_eq!(firing, [waits.clone(), waits], "reported each day");
    follow(&world, &web, "approve", digest(11).as_str());
    minutes(&world, 6);
    let notices = world.state().notices.clone();
    assert_eq!(
        notices.last().unwrap().message.clears.as_deref(),
        Some("approval")
    );
}

/// F3: an image that ECR copies here is deployed at once, as if it had been pushed.
#[rstest]
#[case::replicated("ECR Replication Action", "result")]
#[case::pulled_through("ECR Pull Through Cache Action", "sync-status")]
fn a_copied_image_is_deployed_at_once(#[case] kind: &str, #[case] result: &str) {
    let world = World::new();
    let web = world.web();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    let mut event = serde_json::json!({
        "version": "0", "id": "copy", "detail-type": kind, "source": "aws.ecr", "account": "123456789012",
        "region": "eu-west-1", "resources": [], "time": "2023-02-29T02:36:48Z",
        "detail": {"repository-name": "shop/web", "image-tag": "RC_1.1.0", "image-digest": push["detail"]["image-digest"]},
    });
    event["detail"][result] = serde_json::json!("FAILED");
    let _ = world.invoke(&Deploy, event.clone());
    assert!(!runs(&world, &web, "RC_1.1.0"));
    event["detail"][result] = serde_json::json!("SUCCESS");
    let _ = world.invoke(&Deploy, event);
    assert!(runs(&world, &web, "RC_1.1.0"));
}

/// A template that is applied again does not stop a service that follows the push time.
#[test]
fn newest_comes_back_after_a_template() {
    let world = World::new();
    let web = world.service("web", "shop/web", "main-0", "newest=main-@ repo=shop/web");
    release(&world, &web, "main-1", 1);
    world.advance(MINUTE * 10);
    let template = world.state().definitions[0].arn().to_owned();
    world.state_mut().deploy(&web, &template);
    world.state_mut().settle(&web);
    minutes(&world, 6);
    assert!(runs(&world, &web, "main-1"), "{:?}", world.titles());
}
