//! The real `enroll`, in a simulated world: what holds whatever happens in between.

use std::collections::BTreeMap;

use deploy::Deploy;
use e2e::testkit::world::{Fault, World};
use enroll::Enroll;
use jiff::SignedDuration;
use lamplighter::model::Arn;
use rstest::rstest;
use serde_json::{Value, json};

const SIX: [&str; 6] = [
    "cpu-peak",
    "errors-5xx",
    "memory-peak",
    "no-healthy-target",
    "requests",
    "unhealthy-targets",
];

fn web() -> (World, Arn) {
    let world = World::new();
    let arn = world.scaled("web", "min=2 max=8 rps=10");
    (world, arn)
}

/// What the alarms of `shop/web` are about.
fn kinds(world: &World) -> Vec<String> {
    let prefix = "lamplighter/shop/web/";
    world
        .state()
        .alarms
        .keys()
        .filter_map(|name| name.strip_prefix(prefix))
        .map(str::to_owned)
        .collect()
}

fn threshold(world: &World, kind: &str) -> f64 {
    let state = world.state();
    state.alarms[&format!("lamplighter/shop/web/{kind}")]
        .alarm
        .as_ref()
        .unwrap()
        .threshold
}

/// The tag change that leaves these tags.
fn tagged(world: &World, arn: &Arn, changed: &[&str]) -> Value {
    json!({
        "detail-type": "Tag Change on Resource", "source": "aws.tag", "id": "t1", "resources": [arn.as_str()],
        "account": "123456789012", "region": "eu-west-1",
        "detail": {"changed-tag-keys": changed, "service": "ecs", "resource-type": "service",
            "tags": world.state().tags.get(arn).cloned().unwrap_or_default()}
    })
}

fn settled(world: &World) {
    let changes = |world: &World| world.count("PutMetricAlarm") + world.count("DeleteAlarms");
    let (before, told) = (changes(world), world.titles().len());
    for _ in 0..3 {
        world.advance(SignedDuration::from_hours(1));
        world.sweep(&Enroll).unwrap().unwrap();
    }
    assert_eq!(changes(world), before, "it did not settle");
    assert_eq!(world.titles().len(), told, "{:?}", world.titles());
}

#[test]
fn tagging_a_service_is_enough() {
    let (world, arn) = web();
    let event = tagged(&world, &arn, &["lamplighter:managed"]);
    world.invoke(&Enroll, event.clone()).unwrap().unwrap();
    assert_eq!(kinds(&world), SIX);
    let alarm =
        Arn::new("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:lamplighter/shop/web/requests");
    let owner = world.state().tags[&alarm]["lamplighter:target"].clone();
    assert_eq!(owner, arn.as_str());
    world.invoke(&Enroll, event).unwrap().unwrap();
    assert_eq!(world.count("PutMetricAlarm"), 6);
    settled(&world);
}

#[test]
fn a_changed_tag_changes_its_alarm_and_no_other() {
    let (world, arn) = web();
    world.sweep(&Enroll).unwrap().unwrap();
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .insert("lamplighter:scale".into(), "min=2 max=8 rps=25".into());
    let event = tagged(&world, &arn, &["lamplighter:scale"]);
    world.invoke(&Enroll, event).unwrap().unwrap();
    assert!((threshold(&world, "requests") - 1_500.0).abs() < f64::EPSILON);
    assert_eq!(world.count("PutMetricAlarm"), 7);
    settled(&world);
}

/// Two changes of one tag arrive in the wrong order: what the service carries counts, not what the event says.
#[test]
fn events_in_the_wrong_order_end_with_the_tags_that_are_there() {
    let (world, arn) = web();
    let older = tagged(&world, &arn, &["lamplighter:scale"]);
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .insert("lamplighter:scale".into(), "min=2 max=8 rps=25".into());
    let newer = tagged(&world, &arn, &["lamplighter:scale"]);
    world.invoke(&Enroll, newer).unwrap().unwrap();
    world.invoke(&Enroll, older).unwrap().unwrap();
    assert!((threshold(&world, "requests") - 1_500.0).abs() < f64::EPSILON);
}

#[test]
fn a_task_definition_that_somebody_else_changed_is_told_once_with_who() {
    let world = World::new();
    let web = world.web();
    let changed = |world: &World| {
        world
            .titles()
            .iter()
            .filter(|title| title.contains("changed by terraform/ci"))
            .count()
    };
    let push = |tag: &str, content: u64| {
        let event = world.push("shop/web", tag, content);
        world.invoke(&Deploy, event).unwrap().unwrap();
        world.state_mut().settle(&web);
        world.advance(SignedDuration::from_hours(1));
    };
    push("RC_1.1.0", 11);
    world.sweep(&Enroll).unwrap().unwrap();
    assert_eq!(changed(&world), 0, "{:?}", world.titles());
    // An image of its own would be rolled out again at once, and the finding gone.
    let image = world.image_of(&web);
    let revision = world.state_mut().register("shop-web", &image);
    world.state_mut().deploy(&web, &revision);
    world.state_mut().settle(&web);
    for _ in 0..3 {
        world.sweep(&Enroll).unwrap().unwrap();
        world.advance(SignedDuration::from_hours(25));
    }
    assert_eq!(changed(&world), 1, "{:?}", world.titles());
    let why = world
        .state()
        .notices
        .iter()
        .map(|notice| notice.message.why.clone())
        .find(|why| why.contains("shop-web:3"));
    assert!(
        why.unwrap()
            .contains("after Lamplighter had rolled out RC_1.1.0")
    );
    // The next rollout builds on it.
    push("RC_1.2.0", 12);
    let newest = world.state().definitions.last().unwrap().clone();
    assert_eq!(newest.tags["lamplighter:base"], "shop-web:3");
    assert!(!world.state().held[&web].memory.findings.is_empty());
    world.sweep(&Enroll).unwrap().unwrap();
    assert!(
        !world.state().held[&web]
            .memory
            .findings
            .keys()
            .any(|key| key.starts_with("changed:"))
    );
}

#[rstest]
#[case::reading("DescribeAlarms")]
#[case::journalling("Intend")]
#[case::setting("PutMetricAlarm")]
#[case::telling("SendMessageBatch")]
#[case::concluding("Conclude")]
fn a_function_killed_anywhere_is_made_up_for(
    #[case] call: &'static str,
    #[values(Fault::Killed, Fault::AnswerLost, Fault::Throttled)] fault: Fault,
) {
    let (world, arn) = web();
    world.inject_fault(call, fault);
    let event = tagged(&world, &arn, &["lamplighter:managed"]);
    let _ = world.invoke(&Enroll, event);
    world.advance(SignedDuration::from_mins(2));
    world.sweep(&Enroll).unwrap().unwrap();
    assert_eq!(kinds(&world), SIX);
    settled(&world);
}

#[rstest]
#[case::untagged(false)]
#[case::deleted(true)]
fn what_is_left_behind_is_taken_away_and_what_is_not_ours_stays(
    #[case] deleted: bool,
    #[values(
        None,
        Some(Fault::Killed),
        Some(Fault::AnswerLost),
        Some(Fault::Throttled)
    )]
    fault: Option<Fault>,
) {
    let (world, arn) = web();
    world.sweep(&Enroll).unwrap().unwrap();
    let foreign = world.state().alarms["lamplighter/shop/web/cpu-peak"]
        .alarm
        .clone()
        .unwrap();
    let renamed = lamplighter::model::Alarm {
        name: "lamplighter/shop/web/their-own".into(),
        ..foreign
    };
    world.state_mut().put_alarm(&renamed, &BTreeMap::new());
    world.state_mut().tags.remove(&arn);
    if deleted {
        world.state_mut().services.remove(&arn);
    }
    if let Some(fault) = fault {
        world.inject_fault("DeleteAlarms", fault);
        let _ = world.sweep(&Enroll);
        world.advance(SignedDuration::from_mins(2));
    }
    world.sweep(&Enroll).unwrap().unwrap();
    assert_eq!(kinds(&world), ["their-own"]);
    settled(&world);
}

#[test]
fn an_alarm_of_somebody_else_under_our_name_is_left_alone_and_told_once() {
    let (world, arn) = web();
    world.sweep(&Enroll).unwrap().unwrap();
    let name = "lamplighter/shop/web/cpu-peak";
    let mut theirs = world.state().alarms[name].alarm.clone().unwrap();
    theirs.threshold = 55.0;
    {
        let mut state = world.state_mut();
        state.put_alarm(&theirs, &BTreeMap::new());
        state
            .tags
            .get_mut(&Arn::new(format!(
                "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}"
            )))
            .unwrap()
            .clear();
    }
    world.sweep(&Enroll).unwrap().unwrap();
    assert!((threshold(&world, "cpu-peak") - 55.0).abs() < f64::EPSILON);
    let about = |title: &&String| title.contains("is not owned by this stack");
    assert_eq!(
        world.titles().iter().filter(about).count(),
        1,
        "{:?}",
        world.titles()
    );
    settled(&world);
    world.state_mut().tags.remove(&arn);
    world.sweep(&Enroll).unwrap().unwrap();
    assert_eq!(kinds(&world), ["cpu-peak"]);
}

/// A template that re-applies its own bound each hour is told of once a day, and set back each time.
#[test]
fn an_edited_alarm_is_set_back_and_told_with_the_way_to_keep_it() {
    let (world, _) = web();
    world.sweep(&Enroll).unwrap().unwrap();
    let name = "lamplighter/shop/web/errors-5xx";
    for _ in 0..3 {
        let mut edited = world.state().alarms[name].alarm.clone().unwrap();
        edited.threshold = 5.0;
        world.state_mut().put_alarm(&edited, &BTreeMap::new());
        world.advance(SignedDuration::from_hours(1));
        world.sweep(&Enroll).unwrap().unwrap();
        assert!((threshold(&world, "errors-5xx") - 2.0).abs() < f64::EPSILON);
    }
    let state = world.state();
    let told: Vec<_> = state
        .notices
        .iter()
        .filter(|notice| notice.message.title.contains("was edited"))
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].message.title,
        "alarm errors-5xx was edited - set back to 2 %"
    );
    let next = &told[0].message.next;
    assert!(next.ends_with("lamplighter:alarms = errors=5"), "{next}");
    drop(state);
    settled(&world);
}

#[test]
fn what_people_attach_to_an_alarm_stays_when_its_bound_changes() {
    let (world, arn) = web();
    world.sweep(&Enroll).unwrap().unwrap();
    let name = "lamplighter/shop/web/requests";
    let mut theirs = world.state().alarms[name].alarm.clone().unwrap();
    theirs.actions.alarm = vec!["arn:aws:sns:eu-west-1:123456789012:on-call".into()];
    world.state_mut().put_alarm(&theirs, &BTreeMap::new());
    settled(&world);
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .insert("lamplighter:scale".into(), "min=2 max=8 rps=25".into());
    world.sweep(&Enroll).unwrap().unwrap();
    assert!((threshold(&world, "requests") - 1_500.0).abs() < f64::EPSILON);
    assert_eq!(world.state().alarms[name].actions, theirs.actions);
}

#[test]
fn a_service_that_is_untagged_is_tidied_up_although_another_tag_is_wrong() {
    let (world, arn) = web();
    world.sweep(&Enroll).unwrap().unwrap();
    let told = world.titles().len();
    {
        let mut state = world.state_mut();
        let tags = state.tags.get_mut(&arn).unwrap();
        tags.remove("lamplighter:managed");
        tags.insert("lamplighter:scale".into(), "rps=ten".into());
    }
    world.sweep(&Enroll).unwrap().unwrap();
    assert_eq!(kinds(&world), [""; 0]);
    assert_eq!(world.titles().len(), told, "{:?}", world.titles());
}

#[test]
fn another_regions_dashboard_of_the_same_stack_stays() {
    let (world, arn) = web();
    world.sweep(&Enroll).unwrap().unwrap();
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .insert("lamplighter:app".into(), "shop".into());
    world.sweep(&Enroll).unwrap().unwrap();
    let names = |world: &World| world.state().dashboards.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&world), ["lamplighter-eu-west-1-shop"]);
    let body = world.state().dashboards["lamplighter-eu-west-1-shop"].clone();
    world
        .state_mut()
        .dashboards
        .insert("lamplighter-us-east-1-shop".into(), body);
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .remove("lamplighter:app");
    world.sweep(&Enroll).unwrap().unwrap();
    assert_eq!(names(&world), ["lamplighter-us-east-1-shop"]);
}

#[test]
fn alarms_that_aws_throttles_are_made_by_the_next_and_nobody_is_woken() {
    let (world, arn) = web();
    world.inject_fault("PutMetricAlarm", Fault::Throttled);
    let event = tagged(&world, &arn, &["lamplighter:managed"]);
    assert_eq!(
        world
            .invoke(&Enroll, event.clone())
            .unwrap()
            .unwrap_err()
            .kind(),
        "AwsError"
    );
    assert!(
        !world
            .titles()
            .iter()
            .any(|title| title.starts_with("could not")),
        "{:?}",
        world.titles()
    );
    world.invoke(&Enroll, event).unwrap().unwrap();
    assert_eq!(kinds(&world), SIX);
}

#[test]
fn a_bad_scale_tag_leaves_the_alarms_as_they_are_and_is_told_once() {
    let (world, arn) = web();
    world.sweep(&Enroll).unwrap().unwrap();
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .insert("lamplighter:scale".into(), "min=5 max=2".into());
    let event = tagged(&world, &arn, &["lamplighter:scale"]);
    world.invoke(&Enroll, event).unwrap().unwrap();
    assert_eq!(kinds(&world), SIX);
    let about = |title: &&String| title.starts_with("invalid tag lamplighter:scale");
    assert_eq!(
        world.titles().iter().filter(about).count(),
        1,
        "{:?}",
        world.titles()
    );
    settled(&world);
}

#[rstest]
#[case(1, &[("DescribeAlarms", 1), ("DescribeServices", 1), ("DescribeTargetGroups", 1), ("GetResources", 4)])]
#[case(100, &[("DescribeAlarms", 6), ("DescribeServices", 10), ("DescribeTargetGroups", 5), ("GetResources", 9)])]
fn a_sweep_reads_all_targets_by_the_page(#[case] services: usize, #[case] pages: &[(&str, usize)]) {
    let world = World::new();
    for n in 0..services {
        world.scaled(&format!("web{n}"), "min=2 max=8 rps=10");
    }
    world.sweep(&Enroll).unwrap().unwrap();
    world.state_mut().calls.clear();
    world.sweep(&Enroll).unwrap().unwrap();
    for (call, expected) in pages {
        assert_eq!(world.count(call), *expected, "{call}");
    }
}

/// Tags that have no effect are reported once: keys that are nearly ours, and tags on a kind that they do nothing for.
#[test]
fn tags_without_effect_are_reported_once() {
    let world = World::new();
    let tag = |arn: &str, key: &str, value: &str| {
        let mut state = world.state_mut();
        let tags = state.tags.entry(Arn::new(arn)).or_default();
        tags.insert(key.to_owned(), value.to_owned());
    };
    let web = world.web();
    tag(web.as_str(), "Lamplighter:scale", "min=2 max=8 rps=10");
    tag(web.as_str(), "lamplighter:backup", "keep=7d");
    tag(web.as_str(), "lamplighter-owner", "shop");
    tag(
        "arn:aws:ecs:eu-west-1:123456789012:cluster/shop",
        "lamplighter:managed",
        "true",
    );
    // Tasks inherit the tags of their service, and snapshots those of their database.
    tag(
        "arn:aws:ecs:eu-west-1:123456789012:task/shop/0a1b",
        "lamplighter:deploy",
        "tag=latest",
    );
    tag(
        "arn:aws:rds:eu-west-1:123456789012:snapshot:rds:orders-1",
        "lamplighter:backup",
        "keep=7d",
    );
    let why = report_stray_tags(&world);
    for part in [
        "tag Lamplighter:scale has no effect - lamplighter:scale was meant",
        "tag lamplighter:backup has no effect here - only on: database, cache",
        "tag lamplighter:managed has no effect here - only on: service",
        "It is on cluster/shop.",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert!(!why.contains("task/") && !why.contains("snapshot"), "{why}");
}

/// Sweeps for three hours, and returns the only report.
fn report_stray_tags(world: &World) -> String {
    let defaults = || lamplighter::policy::StackDefaults {
        topic: "arn:aws:sns:eu-west-1:123456789012:lamplighter".to_owned(),
        ..lamplighter::policy::StackDefaults::default()
    };
    for _ in 0..3 {
        world.advance(jiff::SignedDuration::from_hours(1));
        let sweep = e2e::testkit::world::sweep();
        let answer = world.invoke_with(&Enroll, sweep, defaults());
        answer.unwrap().unwrap();
    }
    let state = world.state();
    let reports = state.notices.iter().filter(|notice| {
        let title = &notice.message.title;
        title.contains("no effect") || title.contains("no backups of")
    });
    let reports: Vec<_> = reports.collect();
    assert_eq!(reports.len(), 1, "{:?}", world.titles());
    format!("{} {}", reports[0].message.title, reports[0].message.why)
}

/// A finding says once what to use instead.
#[rstest]
#[case(
    "s3:::shop-uploads",
    "no backups of S3 buckets",
    "It is on shop-uploads"
)]
#[case(
    "elasticfilesystem:eu-west-1:123456789012:file-system/fs-0a",
    "no backups of EFS file systems",
    "file-system/fs-0a"
)]
#[case(
    "ec2:eu-west-1:123456789012:volume/vol-0a",
    "no backups of EBS volumes",
    "volume/vol-0a"
)]
#[case(
    "dynamodb:eu-west-1:123456789012:table/orders",
    "no backups of DynamoDB tables",
    "table/orders"
)]
#[case(
    "docdb-elastic:eu-west-1:123456789012:cluster/0a1b",
    "no backups of DocumentDB elastic clusters",
    "cluster/0a1b"
)]
fn a_backup_tag_where_nothing_is_backed_up_is_reported(
    #[case] resource: &str,
    #[case] title: &str,
    #[case] name: &str,
) {
    let world = World::new();
    let tags = [("lamplighter:backup".to_owned(), "keep=7d".to_owned())];
    let arn = Arn::new(format!("arn:aws:{resource}"));
    world.state_mut().tags.insert(arn, tags.into());
    let report = report_stray_tags(&world);
    assert!(report.contains(title) && report.contains(name), "{report}");
}

/// An event that finds the dashboard locked leaves it to the follow-up that the holder asks for.
#[test]
fn a_dashboard_is_followed_up_after_an_event() {
    let (world, arn) = web();
    let tags_of = |app: &str| {
        let mut state = world.state_mut();
        let tags = state.tags.get_mut(&arn).unwrap();
        tags.insert("lamplighter:app".into(), app.into());
    };
    tags_of("shop");
    let event = serde_json::json!({
        "id": "tagged", "detail-type": "Tag Change on Resource", "source": "aws.tag", "account": "123456789012",
        "region": "eu-west-1", "resources": [arn],
        "detail": {"changed-tag-keys": ["lamplighter:app"], "service": "ecs", "resource-type": "service"},
    });
    world.invoke(&Enroll, event).unwrap().unwrap();
    assert_eq!(world.state().dashboards.len(), 1);
    // Somebody else's write, after the event was handled.
    let other = world_body(&world);
    world
        .state_mut()
        .dashboards
        .insert("lamplighter-eu-west-1-shop".into(), other);
    let watched = || {
        serde_json::json!({"detail-type": "Scheduled Event", "source": "aws.events", "region": "eu-west-1",
            "detail": {"targets": "watched"}})
    };
    world.invoke(&Enroll, watched()).unwrap().unwrap();
    assert_eq!(world.count("GetDashboard"), 2);
    // It changed the dashboard, so it looks again. Then it is calm.
    for _ in 0..3 {
        world.invoke(&Enroll, watched()).unwrap().unwrap();
    }
    assert_eq!(world.count("GetDashboard"), 3);
}

/// The body of the dashboard with one service less.
fn world_body(world: &World) -> String {
    world.state().dashboards["lamplighter-eu-west-1-shop"].replace("web", "old")
}
