//! The real `deploy`, in a simulated world: what holds whatever happens in between.

use deploy::Deploy;
use e2e::testkit::world::{Fault, World, sweep};
use jiff::SignedDuration;
use lamplighter::model::{Arn, Digest};
use lamplighter::notify::Severity;
use lamplighter::policy::{Mode, StackDefaults};
use lamplighter::ports::ledger::RecordKind;
use lamplighter::state::Attempt;
use rollout::Rollout;
use rstest::rstest;
use serde_json::{Value, json};

const FOLLOWS: &str = "tag=RC_x.x.x repo=shop/web";

#[test]
fn from_push_to_update_takes_six_calls() {
    let world = World::new();
    let arn = world.web();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(
        world
            .image_of(&arn)
            .ends_with(&format!("/shop/web:RC_1.1.0@sha256:{:064x}", 11))
    );
    let state = world.state();
    let names: Vec<&str> = state
        .calls
        .iter()
        .filter_map(|call| call.split(' ').next())
        .collect();
    assert_eq!(
        names,
        [
            "GetResources",
            // The pauses of several targets, at most once in five seconds.
            "GetItem",
            "Acquire",
            "DescribeServices",
            "DescribeTaskDefinition",
            "BatchGetImage",
            "Intend",
            // The second description is answered from memory on AWS: revisions never change.
            "DescribeTaskDefinition",
            "RegisterTaskDefinition",
            "UpdateService",
            "SendMessageBatch",
            "PutEvents",
            "Conclude",
        ]
    );
}

#[test]
fn two_services_on_one_repository_both_roll_out_and_an_untagged_one_is_not_touched() {
    let world = World::new();
    let services = [
        world.web(),
        world.service("worker", "shop/web", "RC_1.0.0", "tag=RC_x.x.x"),
    ];
    let untagged = world.service("other", "shop/web", "RC_1.0.0", FOLLOWS);
    world.state_mut().tags.remove(&untagged);
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(
        services
            .iter()
            .all(|arn| world.image_of(arn).contains("RC_1.1.0@"))
    );
    assert!(world.image_of(&untagged).ends_with("RC_1.0.0"));
}

#[rstest]
#[case::registering("RegisterTaskDefinition")]
#[case::updating("UpdateService")]
#[case::telling("SendMessageBatch")]
#[case::journalling("Intend")]
#[case::concluding("Conclude")]
fn a_killed_function_is_completed_by_the_next_sweep(
    #[case] call: &'static str,
    #[values(Fault::Killed, Fault::AnswerLost, Fault::Throttled)] fault: Fault,
) {
    let world = World::new();
    let arn = world.web();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.inject_fault(call, fault);
    let _ = world.invoke(&Deploy, push);
    // The lease of a killed function ends by itself.
    world.advance(SignedDuration::from_secs(61));
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&arn).contains("RC_1.1.0@"));
    assert_eq!(
        world.state().definitions.len(),
        2,
        "a revision was registered twice"
    );
    let told = world
        .titles()
        .iter()
        .filter(|title| title.starts_with("deploying RC_1.1.0"))
        .count();
    // At least once; twice only where it is not known whether the first one arrived.
    assert!((1..=2).contains(&told), "{:?}", world.titles());
    assert_eq!(
        world.sweep(&Deploy).unwrap().unwrap()["targets"][0]["reason"],
        "already deploying RC_1.1.0 (sha256:00000000)"
    );
}

#[test]
fn a_locked_target_is_rejected_and_the_event_is_retried() {
    let world = World::new();
    let arn = world.web();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.inject_fault("DescribeServices", Fault::Killed);
    assert!(world.invoke(&Deploy, push.clone()).is_none());
    let error = world.invoke(&Deploy, push.clone()).unwrap().unwrap_err();
    assert_eq!(error.kind(), "TargetBusy");
    assert_eq!(
        error.to_string(),
        "shop/web is locked by request-1 until 2026-11-21T03:01:00Z; the event is retried"
    );
    world.advance(SignedDuration::from_secs(61));
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(world.image_of(&arn).contains("RC_1.1.0@"));
}

#[test]
fn a_rolled_back_image_is_not_deployed_again_until_it_is_approved() {
    let world = World::new();
    let arn = world.web();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push.clone()).unwrap().unwrap();
    world.state_mut().roll_back(&arn);
    world.advance(SignedDuration::from_mins(16));
    world.sweep(&Rollout).unwrap().unwrap();
    for _ in 0..3 {
        world.sweep(&Deploy).unwrap().unwrap();
        world.invoke(&Deploy, push.clone()).unwrap().unwrap();
    }
    assert_eq!(world.count("UpdateService"), 1);
    assert_eq!(
        world.titles()[1..],
        ["RC_1.1.0 rejected after 16 min, rolled back to shop-web:1"]
    );
    let digest = format!("sha256:{:064x}", 11);
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .insert("lamplighter:approve".into(), digest);
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&arn).contains("RC_1.1.0@"));
    // The approval is spent: going back again is for good.
    world.state_mut().roll_back(&arn);
    for _ in 0..20 {
        world.advance(SignedDuration::from_mins(5));
        let _ = world.sweep(&Rollout);
        world.sweep(&Deploy).unwrap().unwrap();
    }
    assert_eq!(world.count("UpdateService"), 2);
}

#[test]
fn observe_changes_nothing_and_notifies_once() {
    let world = World::new();
    let arn = world.web();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    let observe = || StackDefaults {
        mode: Mode::Observe,
        ..StackDefaults::default()
    };
    for _ in 0..3 {
        world
            .invoke_with(&Deploy, push.clone(), observe())
            .unwrap()
            .unwrap();
        world.advance(SignedDuration::from_mins(5));
        world
            .invoke_with(&Deploy, sweep(), observe())
            .unwrap()
            .unwrap();
    }
    assert!(world.image_of(&arn).ends_with("RC_1.0.0"));
    assert_eq!(
        world.count("RegisterTaskDefinition") + world.count("UpdateService"),
        0
    );
    assert_eq!(
        world.titles(),
        ["would roll out RC_1.1.0 (sha256:00000000)"]
    );
}

#[test]
fn paused_and_off_read_nothing() {
    let world = World::new();
    let arn = world.web();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    let off = StackDefaults {
        mode: Mode::Off,
        ..StackDefaults::default()
    };
    world
        .invoke_with(&Deploy, push.clone(), off)
        .unwrap()
        .unwrap();
    assert!(world.state().calls.is_empty());
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .insert("lamplighter:managed".into(), "paused".into());
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert_eq!(world.count("DescribeServices"), 0);
}

#[rstest]
#[case::bad_value(
    "lamplighter:deploy",
    "tga=latest",
    "invalid tag lamplighter:deploy - its operations are disabled"
)]
#[case::bad_managed(
    "lamplighter:managed",
    "yes",
    "invalid tag lamplighter:managed - its operations are disabled"
)]
#[case::bad_freeze(
    "lamplighter:freeze",
    "friday",
    "invalid tag lamplighter:freeze - its operations are disabled"
)]
fn an_invalid_tag_is_notified_once_and_changes_nothing(
    #[case] key: &str,
    #[case] value: &str,
    #[case] title: &str,
) {
    let world = World::new();
    let (bad, good) = (
        world.web(),
        world.service("worker", "shop/web", "RC_1.0.0", FOLLOWS),
    );
    world
        .state_mut()
        .tags
        .get_mut(&bad)
        .unwrap()
        .insert(key.into(), value.into());
    let push = world.push("shop/web", "RC_1.1.0", 11);
    for _ in 0..3 {
        world.invoke(&Deploy, push.clone()).unwrap().unwrap();
        world.sweep(&Deploy).unwrap().unwrap();
    }
    assert!(
        world.image_of(&bad).ends_with("RC_1.0.0") && world.image_of(&good).contains("RC_1.1.0@")
    );
    let about_bad = world
        .state()
        .notices
        .iter()
        .filter(|n| n.target == bad)
        .map(|n| n.message.title.clone())
        .collect::<Vec<_>>();
    assert_eq!(about_bad, [title]);
}

#[test]
fn an_unknown_key_is_notified_when_it_is_set() {
    let world = World::new();
    let arn = world.web();
    let tags = json!({"lamplighter:managed": "true", "lamplighter:depoly": "tag=latest"});
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .remove("lamplighter:deploy");
    let event = json!({
        "detail-type": "Tag Change on Resource", "source": "aws.tag", "id": "t1", "resources": [arn.as_str()],
        "detail": {"changed-tag-keys": ["lamplighter:depoly"], "service": "ecs", "resource-type": "service", "tags": tags}
    });
    world.invoke(&Deploy, event).unwrap().unwrap();
    let state = world.state();
    assert_eq!(state.notices.len(), 1);
    assert!(
        state.notices[0]
            .message
            .why
            .ends_with("did you mean lamplighter:deploy?"),
        "{:?}",
        state.notices
    );
}

#[test]
fn a_late_event_of_an_older_image_does_not_downgrade() {
    let world = World::new();
    let arn = world.web();
    let older = world.push("shop/web", "RC_1.2.0", 12);
    world.invoke(&Deploy, older.clone()).unwrap().unwrap();
    let newer = world.push("shop/web", "RC_1.3.0", 13);
    world.invoke(&Deploy, newer).unwrap().unwrap();
    // Both were bad: a person went back to the first image by hand.
    let first = world.state().definitions[0].arn().to_owned();
    world.state_mut().deploy(&arn, &first);
    world.advance(SignedDuration::from_mins(5));
    world.invoke(&Deploy, older).unwrap().unwrap();
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&arn).ends_with("RC_1.0.0"));
}

#[test]
fn a_silenced_notification_is_sent_when_the_silence_ends() {
    let world = World::new();
    let arn = world.web();
    let tag = |key: &str, value: &str| {
        world
            .state_mut()
            .tags
            .get_mut(&arn)
            .unwrap()
            .insert(format!("lamplighter:{key}"), value.to_owned());
    };
    tag("freeze", "friday");
    tag("silence", "until=2026-11-21T04:00Z");
    world.sweep(&Deploy).unwrap().unwrap();
    assert_eq!(world.titles(), [""; 0]);
    assert_eq!(
        world.state().journal[0].notified,
        ["(silenced) invalid tag lamplighter:freeze - its operations are disabled"]
    );
    world.advance(SignedDuration::from_hours(1));
    world.sweep(&Deploy).unwrap().unwrap();
    assert_eq!(
        world.titles(),
        ["invalid tag lamplighter:freeze - its operations are disabled"]
    );
    tag("silence", "for a while");
    world.sweep(&Deploy).unwrap().unwrap();
    assert_eq!(
        world.titles()[1..],
        ["invalid tag lamplighter:silence - not silenced"]
    );
}

#[test]
fn a_notification_survives_a_killed_function() {
    let world = World::new();
    let arn = world.web();
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .insert("lamplighter:aap".into(), "shop".into());
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.inject_fault("UpdateService", Fault::Killed);
    assert!(world.invoke(&Deploy, push).is_none());
    world.advance(SignedDuration::from_mins(5));
    world.sweep(&Deploy).unwrap().unwrap();
    assert_eq!(world.titles()[0], "unknown tag lamplighter:aap - ignored");
    assert!(
        world.titles()[1].starts_with("deploying RC_1.1.0"),
        "{:?}",
        world.titles()
    );
}

#[test]
fn an_unreadable_service_does_not_stop_the_others() {
    let world = World::new();
    let good = world.service("good", "shop/web", "RC_1.0.0", "tag=RC_x.x.x");
    let external = world.service("external", "shop/web", "RC_1.0.0", "tag=RC_x.x.x");
    world
        .state_mut()
        .services
        .get_mut(&external)
        .unwrap()
        .task_definition = String::new();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(world.image_of(&good).contains("RC_1.1.0@"));
    assert!(
        world
            .titles()
            .contains(&"deployments disabled - deployment controller ECS".to_owned()),
        "{:?}",
        world.titles()
    );
}

#[test]
fn a_target_that_cannot_be_observed_is_notified_once() {
    let world = World::new();
    world.web();
    for _ in 0..3 {
        world.inject_fault("DescribeServices", Fault::Throttled);
        let answer = world.sweep(&Deploy).unwrap().unwrap();
        let error = "DescribeServices shop/web: ThrottlingException: Rate exceeded";
        assert_eq!(answer["targets"][0]["error"], error);
    }
    assert_eq!(
        world.titles(),
        ["not reconciled - DescribeServices failed (ThrottlingException)"]
    );
}

/// F7: many good pushes within an hour are no runaway. The newest is deployed when the limit allows it.
#[test]
fn many_pushes_within_an_hour_wait_and_are_no_incident() {
    let world = World::new();
    let arn = world.service("web", "shop/web", "latest", "tag=latest repo=shop/web");
    for content in 1..=9 {
        let push = world.push("shop/web", "latest", content);
        world.invoke(&Deploy, push).unwrap().unwrap();
        world.advance(SignedDuration::from_mins(3));
    }
    assert_eq!(world.count("UpdateService"), 6);
    let waits =
        |title: &&String| title.as_str() == "not deployed before 04:00 UTC - 6 rollouts per hour";
    assert_eq!(
        world.titles().iter().filter(waits).count(),
        1,
        "{:?}",
        world.titles()
    );
    let is_critical = |severity: Severity| severity == Severity::Critical;
    let mut severities = world
        .state()
        .notices
        .clone()
        .into_iter()
        .map(|n| n.message.severity);
    assert!(!severities.any(is_critical));
    world.advance(SignedDuration::from_mins(34));
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(
        world.image_of(&arn).ends_with(&format!("{:064x}", 9)),
        "the newest push is made up for"
    );
}

/// The same image again and again, because somebody puts the service back on another one, is a runaway.
#[test]
fn a_runaway_is_stopped_and_notified_as_critical() {
    let world = World::new();
    let arn = world.web();
    let template = world.state().services[&arn].task_definition.clone();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push).unwrap().unwrap();
    for _ in 0..9 {
        world.advance(SignedDuration::from_mins(3));
        world.state_mut().settle(&arn);
        world.sweep(&Rollout).unwrap().unwrap();
        world.state_mut().deploy(&arn, &template);
        world.state_mut().settle(&arn);
        world.advance(SignedDuration::from_mins(3));
        world.sweep(&Deploy).unwrap().unwrap();
    }
    let titles = world.titles();
    let critical =
        "limit of 6 rollouts per hour reached - did not roll out RC_1.1.0 (sha256:00000000)";
    assert_eq!(
        titles.iter().filter(|title| *title == critical).count(),
        1,
        "{titles:?}"
    );
}

#[test]
fn actions_of_one_run_are_bounded_and_the_rest_follows() {
    let world = World::new();
    let services: Vec<Arn> = (0..5)
        .map(|n| world.service(&format!("web{n}"), "shop/web", "RC_1.0.0", FOLLOWS))
        .collect();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    let three = || StackDefaults {
        actions_per_run: 3,
        ..StackDefaults::default()
    };
    world.invoke_with(&Deploy, push, three()).unwrap().unwrap();
    assert_eq!(
        world
            .titles()
            .iter()
            .filter(|title| title.starts_with("limit of "))
            .count(),
        1
    );
    let updated = |world: &World| {
        services
            .iter()
            .filter(|arn| world.image_of(arn).contains("RC_1.1.0@"))
            .count()
    };
    assert_eq!(updated(&world), 3);
    world
        .invoke_with(&Deploy, sweep(), three())
        .unwrap()
        .unwrap();
    assert_eq!(updated(&world), 5);
}

#[test]
fn nothing_is_done_without_a_written_intent() {
    let world = World::new();
    let arn = world.web();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.inject_fault("Intend", Fault::Throttled);
    let error = world.invoke(&Deploy, push).unwrap().unwrap_err();
    assert_eq!(error.kind(), "AwsError");
    assert!(world.image_of(&arn).ends_with("RC_1.0.0"));
    assert_eq!(world.count("RegisterTaskDefinition"), 0);
}

#[test]
fn a_failed_action_is_journalled_notified_and_returned() {
    let world = World::new();
    world.web();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.inject_fault("UpdateService", Fault::Throttled);
    let error = world.invoke(&Deploy, push).unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "UpdateService shop/web: ThrottlingException: Rate exceeded"
    );
    assert_eq!(
        world.titles(),
        ["failed to roll out RC_1.1.0 (sha256:00000000) - ThrottlingException"]
    );
    let kinds: Vec<RecordKind> = world
        .state()
        .journal
        .iter()
        .map(|record| record.kind)
        .collect();
    assert_eq!(kinds, [RecordKind::Intent, RecordKind::Outcome]);
}

#[test]
fn a_batch_answers_what_failed() {
    let world = World::new();
    world.web();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    let records: Vec<Value> = [
        ("m1", push.to_string()),
        ("m2", "{".to_owned()),
        ("m3", sweep().to_string()),
    ]
    .map(|(id, body)| json!({"eventSource": "aws:sqs", "messageId": id, "body": body}))
    .into();
    let answer = world
        .invoke(&Deploy, json!({"Records": records}))
        .unwrap()
        .unwrap();
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "m2"}]})
    );
}

#[test]
fn a_quarantine_that_another_operation_wrote_is_respected() {
    let world = World::new();
    let arn = world.web();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.push("shop/web", "RC_1.0.5", 5);
    let mut held = e2e::testkit::world::Held::default();
    held.memory
        .releases
        .quarantined
        .insert(Digest::new(format!("sha256:{:064x}", 11)), "5xx".into());
    world.state_mut().held.insert(arn.clone(), held);
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(world.image_of(&arn).ends_with("RC_1.0.0"));
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(
        world.image_of(&arn).contains("RC_1.0.5@"),
        "the newest that is not quarantined is rolled out"
    );
    let attempts: Vec<Attempt> = world.state().held[&arn].memory.releases.attempts.clone();
    assert!(attempts.iter().all(|attempt| attempt.finished));
}

/// A service and a database of one application; a rollout waits for a snapshot.
fn of_one_application() -> (World, Arn, Arn) {
    let world = World::new();
    let web = world.service(
        "web",
        "shop/web",
        "RC_1.0.0",
        "tag=RC_x.x.x repo=shop/web snapshot=yes",
    );
    let orders = world.database("orders", "at=03:00");
    for arn in [&web, &orders] {
        world
            .state_mut()
            .tags
            .get_mut(arn)
            .unwrap()
            .insert("lamplighter:app".into(), "shop".into());
    }
    (world, web, orders)
}

/// What a limit withholds has its snapshot: a sweep takes no other one.
#[rstest]
#[case::the_rollout("tag=RC_x.x.x repo=shop/web snapshot=yes")]
#[case::the_task_before_it("tag=RC_x.x.x repo=shop/web snapshot=yes before=shop-migrate")]
fn a_release_that_a_limit_withholds_takes_one_snapshot(#[case] deploy: &str) {
    let (world, web, _) = of_one_application();
    let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:RC_1.0.0";
    world.register_family("shop-migrate", image);
    let mut tags = world.state().tags[&web].clone();
    tags.insert("lamplighter:deploy".into(), deploy.into());
    world.state_mut().tags.insert(web.clone(), tags);
    let limited = || StackDefaults {
        rollouts_per_hour: 0,
        ..StackDefaults::default()
    };
    let push = world.push("shop/web", "RC_1.1.0", 11);
    let _ = world.invoke_with(&Deploy, push, limited());
    for _ in 0..12 {
        world.advance(SignedDuration::from_mins(5));
        let _ = world.invoke_with(&Deploy, sweep(), limited());
    }
    assert_eq!(world.count("CreateDBSnapshot"), 1);
    assert!(world.image_of(&web).ends_with("RC_1.0.0"));
}

#[test]
fn snapshot_yes_backs_the_databases_up_before_the_rollout() {
    let (world, web, orders) = of_one_application();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push.clone()).unwrap().unwrap();
    assert!(world.image_of(&web).ends_with("RC_1.0.0"));
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert_eq!(
        (
            world.count("CreateDBSnapshot"),
            world.count("UpdateService")
        ),
        (1, 0)
    );
    world.advance(SignedDuration::from_mins(11));
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&web).contains("RC_1.1.0@"));
    assert_eq!(world.taken(&orders).len(), 1);
    let titles = world.titles();
    assert_eq!(
        titles[0],
        "RC_1.1.0 held for up to 30 min - snapshot pending"
    );
    assert!(
        titles[1].starts_with("deploying RC_1.1.0") && titles.len() == 2,
        "{titles:?}"
    );
    let snapshot = "lamplighter-orders-20261121-0300-before-00000000";
    let linked = world
        .state()
        .journal
        .iter()
        .filter(|record| record.reason.contains(snapshot))
        .count();
    assert!(linked >= 2, "both records name it");
}

#[test]
fn a_rollout_waits_for_its_snapshot_no_longer_than_the_tag_says() {
    let (world, web, orders) = of_one_application();
    world.state_mut().databases.get_mut(&orders).unwrap().status = "modifying".into();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push).unwrap().unwrap();
    world.advance(SignedDuration::from_mins(29));
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&web).ends_with("RC_1.0.0"));
    world.advance(SignedDuration::from_mins(1));
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&web).contains("RC_1.1.0@"));
    let title = world.titles().pop().unwrap();
    assert!(
        title.starts_with("deploying RC_1.1.0")
            && title.contains(" without a snapshot, was RC_1.0.0"),
        "{title}"
    );
}

#[test]
fn a_rollout_without_a_database_to_back_up_is_held() {
    let world = World::new();
    let web = world.service(
        "web",
        "shop/web",
        "RC_1.0.0",
        "tag=RC_x.x.x repo=shop/web snapshot=yes",
    );
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(world.image_of(&web).ends_with("RC_1.0.0"));
    assert_eq!(world.titles(), ["RC_1.1.0 held - no database to back up"]);
}

#[test]
fn an_old_snapshot_does_not_count_for_a_rollout() {
    let (world, web, orders) = of_one_application();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push).unwrap().unwrap();
    world.advance(SignedDuration::from_mins(11));
    world.sweep(&Deploy).unwrap().unwrap();
    world.state_mut().roll_back(&web);
    world.advance(SignedDuration::from_hours(72));
    let digest = format!("sha256:{:064x}", 11);
    world
        .state_mut()
        .tags
        .get_mut(&web)
        .unwrap()
        .insert("lamplighter:approve".into(), digest);
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(
        world.image_of(&web).ends_with("RC_1.0.0"),
        "it waits for a new one"
    );
    world.advance(SignedDuration::from_mins(11));
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&web).contains("RC_1.1.0@"));
    assert_eq!(world.taken(&orders).len(), 2);
}

#[test]
fn the_limit_does_not_run_while_a_service_is_only_observed() {
    let (world, web, orders) = of_one_application();
    world
        .state_mut()
        .tags
        .get_mut(&web)
        .unwrap()
        .insert("lamplighter:managed".into(), "observe".into());
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push).unwrap().unwrap();
    world.advance(SignedDuration::from_hours(1));
    world
        .state_mut()
        .tags
        .get_mut(&web)
        .unwrap()
        .insert("lamplighter:managed".into(), "true".into());
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&web).ends_with("RC_1.0.0"));
    assert_eq!(world.taken(&orders).len(), 1);
}

#[test]
fn a_paused_database_is_not_touched() {
    let (world, web, orders) = of_one_application();
    world
        .state_mut()
        .tags
        .get_mut(&orders)
        .unwrap()
        .insert("lamplighter:managed".into(), "paused".into());
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(world.image_of(&web).ends_with("RC_1.0.0"));
    assert_eq!(world.count("CreateDBSnapshot"), 0);
}
