//! Alarms that `enroll` made become incidents: at once, with what was measured and changed, and resolved.

use e2e::testkit::world::{Fault, World};
use enroll::Enroll;
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, CloudTrailEvent};
use lamplighter::notify::Severity;
use rstest::rstest;
use serde_json::{Value, json};

/// shop/web with its alarms, on ordinary load for half an hour.
fn enrolled() -> (World, Arn) {
    let world = World::new();
    let web = world.scaled("web", "");
    world.sweep(&Enroll).unwrap().unwrap();
    let group = "targetgroup/web/0123456789abcdef";
    world.measure_ahead("RequestCount", group, 430.0, 300);
    measure(&world, "HTTPCode_Target_5XX_Count", group, 0.0, 30);
    (world, web)
}

/// So many minutes in which this is measured. Delivers the events of alarms that change.
fn measure(world: &World, metric: &str, target: &str, value: f64, minutes: u32) {
    for _ in 0..minutes {
        for event in measure_events(world, metric, target, value, 1) {
            world.invoke(&Enroll, event).unwrap().unwrap();
        }
    }
}

fn measure_events(
    world: &World,
    metric: &str,
    target: &str,
    value: f64,
    minutes: u32,
) -> Vec<Value> {
    let mut events = Vec::new();
    for _ in 0..minutes {
        events.extend(world.measure_minute(metric, target, value));
    }
    events
}

fn storm(world: &World, minutes: u32) {
    measure(
        world,
        "HTTPCode_Target_5XX_Count",
        "targetgroup/web/0123456789abcdef",
        412.0,
        minutes,
    );
}

/// A fifth of the requests fails.
fn mild_storm(world: &World, minutes: u32) {
    let group = "targetgroup/web/0123456789abcdef";
    measure(world, "HTTPCode_Target_5XX_Count", group, 86.0, minutes);
}

fn calm(world: &World, minutes: u32) {
    measure(
        world,
        "HTTPCode_Target_5XX_Count",
        "targetgroup/web/0123456789abcdef",
        0.0,
        minutes,
    );
}

fn watched_sweep(world: &World) {
    let sweep = json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {"targets": "watched"}});
    world.invoke(&Enroll, sweep).unwrap().unwrap();
}

/// The titles of all notifications, without the findings.
fn told(world: &World) -> Vec<String> {
    let state = world.state();
    let titles = state
        .notices
        .iter()
        .map(|notice| notice.message.title.clone());
    titles
        .filter(|title| title.contains(" HTTP 5xx") || title.contains("the alarm"))
        .collect()
}

fn first_word(world: &World) -> Option<(Timestamp, Severity)> {
    let state = world.state();
    let first = state
        .notices
        .iter()
        .find(|notice| notice.message.title.contains(" HTTP 5xx"));
    first.map(|notice| (notice.at, notice.message.severity))
}

/// CloudWatch waits three minutes. The aim is a minute more.
#[test]
fn errors_with_healthy_tasks_are_told_when_the_alarm_fires_and_resolved() {
    let (world, _) = enrolled();
    let begin = world.state().now;
    mild_storm(&world, 5);
    let (at, severity) = first_word(&world).expect("a word");
    assert!(
        at.duration_since(begin).as_mins() <= 4,
        "{:?}",
        told(&world)
    );
    assert_eq!(severity, Severity::Warning);
    let why = {
        let state = world.state();
        let about = state.notices.iter();
        let mut about = about.filter(|notice| notice.message.title.contains(" HTTP 5xx"));
        about.next().unwrap().message.why.clone()
    };
    assert!(why.contains("Last 15 min: "), "{why}");
    // It is told once, however often it is looked at.
    for _ in 0..3 {
        watched_sweep(&world);
        world.sweep(&Enroll).unwrap().unwrap();
    }
    assert_eq!(told(&world).len(), 1, "{:?}", told(&world));
    calm(&world, 10);
    let titles = told(&world);
    assert!(
        titles.len() == 2
            && titles[1].starts_with("0 % of requests fail with HTTP 5xx - back within the limit"),
        "{titles:?}"
    );
    // Nothing is watched any more, and the next storm is told again.
    let before = world.state().calls.len();
    watched_sweep(&world);
    assert_eq!(
        world.state().calls.len(),
        before + 2,
        "{:?}",
        world.state().calls[before..].to_vec()
    );
    storm(&world, 5);
    assert_eq!(told(&world).len(), 3, "{:?}", told(&world));
}

/// CloudTrail lags by minutes, and the first message doesn't wait for it.
#[test]
fn what_others_changed_follows_as_soon_as_cloudtrail_knows() {
    let (world, _) = enrolled();
    let call = CloudTrailEvent {
        at: world.state().now - SignedDuration::from_mins(4),
        call: "UpdateService".to_owned(),
        by: "terraform".to_owned(),
    };
    storm(&world, 4);
    assert_eq!(world.count("LookupEvents"), 0);
    world
        .state_mut()
        .changes
        .insert("shop/web".to_owned(), vec![call]);
    storm(&world, 6);
    watched_sweep(&world);
    watched_sweep(&world);
    let titles = told(&world);
    assert_eq!(titles.len(), 2, "{titles:?}");
    assert_eq!(titles[1], "changed before the alarm errors-5xx");
    let why = world.state().notices.last().unwrap().message.why.clone();
    assert!(why.contains("UpdateService by terraform"), "{why}");
}

/// An event is only a hint: the sweep finds what was lost, both ways.
#[test]
fn a_lost_event_is_found_by_the_sweep() {
    let (world, _) = enrolled();
    let group = "targetgroup/web/0123456789abcdef";
    measure_events(&world, "HTTPCode_Target_5XX_Count", group, 412.0, 5);
    world.sweep(&Enroll).unwrap().unwrap();
    assert_eq!(told(&world).len(), 1, "{:?}", told(&world));
    measure_events(&world, "HTTPCode_Target_5XX_Count", group, 0.0, 5);
    watched_sweep(&world);
    assert_eq!(told(&world).len(), 2, "{:?}", told(&world));
}

#[rstest]
#[case::throttled(Fault::Throttled)]
#[case::killed(Fault::Killed)]
fn a_failed_call_loses_nothing(#[case] fault: Fault) {
    let (world, _) = enrolled();
    let group = "targetgroup/web/0123456789abcdef";
    let events = measure_events(&world, "HTTPCode_Target_5XX_Count", group, 412.0, 5);
    world.inject_fault("GetMetricData", fault);
    for _ in 0..3 {
        for event in &events {
            // Lambda tries again.
            let _ = world.invoke(&Enroll, event.clone());
        }
        world.advance(SignedDuration::from_mins(1));
    }
    assert_eq!(told(&world).len(), 1, "{:?}", told(&world));
}

/// A database that runs full: a warning first, and critical when little is left.
#[test]
fn an_alarm_that_gets_worse_becomes_critical_once() {
    let world = World::new();
    let arn = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders");
    world.keep_database(&arn, "keep=7d", |database| database);
    world.sweep(&Enroll).unwrap().unwrap();
    let gib = 1_073_741_824.0;
    let allocated = f64::from(world.state().databases[&arn].allocated_gib.unwrap());
    for (share, minutes) in [(0.5, 5), (0.08, 10), (0.02, 30)] {
        for _ in 0..minutes {
            measure(
                &world,
                "FreeStorageSpace",
                "orders",
                allocated * gib * share,
                1,
            );
            watched_sweep(&world);
        }
    }
    let severities = |world: &World| -> Vec<Severity> {
        let state = world.state();
        let about = state.notices.iter();
        let about = about.filter(|notice| notice.message.title.contains("of storage free"));
        about.map(|notice| notice.message.severity).collect()
    };
    assert_eq!(severities(&world), [Severity::Warning, Severity::Critical]);
    measure(
        &world,
        "FreeStorageSpace",
        "orders",
        allocated * gib * 0.5,
        5,
    );
    assert_eq!(
        severities(&world),
        [Severity::Warning, Severity::Critical, Severity::Info]
    );
}

/// A service that people stop measures nothing any more. Its incident is over, and not reminded all night.
#[test]
fn the_incident_of_a_stopped_service_is_closed() {
    let (world, web) = enrolled();
    storm(&world, 5);
    world
        .state_mut()
        .services
        .get_mut(&web)
        .unwrap()
        .desired_count = 0;
    watched_sweep(&world);
    let state = world.state();
    assert_eq!(
        state.notices.last().unwrap().message.title,
        "incident closed - errors-5xx of a stopped service"
    );
}

/// A service that scaling takes to its maximum: from then on nothing more acts on the alarm.
#[test]
fn an_alarm_becomes_an_incident_once_the_service_is_at_its_maximum() {
    let world = World::new();
    let web = world.scaled("web", "min=2 max=8 rps=10");
    world.sweep(&Enroll).unwrap().unwrap();
    let about_cpu = |world: &World| {
        let state = world.state();
        let titles = state
            .notices
            .iter()
            .map(|notice| notice.message.title.clone());
        titles.filter(|title| title.starts_with("CPU ")).count()
    };
    measure(&world, "CPUUtilization", "web", 97.0, 10);
    watched_sweep(&world);
    assert_eq!(about_cpu(&world), 0);
    world
        .state_mut()
        .services
        .get_mut(&web)
        .unwrap()
        .desired_count = 8;
    watched_sweep(&world);
    assert_eq!(about_cpu(&world), 1);
}

#[test]
fn an_untagged_service_closes_its_incident() {
    let (world, web) = enrolled();
    storm(&world, 5);
    world.state_mut().tags.get_mut(&web).unwrap().clear();
    world.sweep(&Enroll).unwrap().unwrap();
    let state = world.state();
    let last = state.notices.last().unwrap();
    assert_eq!(
        last.message.title,
        "incident closed - alarm errors-5xx removed"
    );
    assert!(last.message.clears.is_some());
}

/// Errors count by their share: a quiet service that only fails is told within minutes, a busy one with a few errors never.
#[rstest]
#[case::quiet_and_broken(5.0, 5.0, 1)]
#[case::very_quiet_and_broken(1.0, 1.0, 1)]
#[case::busy_with_a_few(60_000.0, 12.0, 0)]
#[case::quiet_and_well(1.0, 0.0, 0)]
fn errors_count_by_their_share(
    #[case] requests: f64,
    #[case] errors: f64,
    #[case] told_times: usize,
) {
    let world = World::new();
    world.scaled("web", "");
    world.sweep(&Enroll).unwrap().unwrap();
    let group = "targetgroup/web/0123456789abcdef";
    world.measure_ahead("RequestCount", group, requests, 120);
    let begin = world.state().now;
    measure(&world, "HTTPCode_Target_5XX_Count", group, errors, 120);
    assert_eq!(told(&world).len(), told_times, "{:?}", told(&world));
    if let Some((at, severity)) = first_word(&world) {
        assert_eq!(severity, Severity::Critical);
        assert!(at.duration_since(begin).as_mins() <= 6, "{at}");
    }
}
