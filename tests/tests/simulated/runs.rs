//! One-off and scheduled tasks: which of their runs people hear about.

use std::collections::BTreeMap;

use e2e::testkit::world::World;
use heal::Heal;
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Task, TaskContainer};
use lamplighter::notify::Severity;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

const FAMILY: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/nightly";
const CLUSTER: &str = "arn:aws:ecs:eu-west-1:123456789012:cluster/shop";

/// A world with the family `nightly`, and its revision.
fn world_with_family(tags: &[(&str, &str)]) -> (World, String) {
    let world = World::new();
    let revision = world.register_family("nightly", "shop/nightly:RC_1.0.0");
    {
        let mut state = world.state_mut();
        let own = state
            .definitions
            .iter_mut()
            .find(|one| one.arn() == revision)
            .unwrap();
        own.tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
    }
    (world, revision)
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Exits(i32),
    /// ECS can't start it.
    NoSecret,
    /// A person stops it.
    Stopped,
}

/// A run of the family that began so many minutes ago and ends now. Returns its event.
fn end_run(world: &World, revision: &str, minutes: i64, outcome: Outcome) -> Value {
    let mut state = world.state_mut();
    let now = state.now;
    let began = now - SignedDuration::from_mins(minutes);
    let runs = state.tasks.entry(Arn::new(FAMILY)).or_default();
    let id = format!("{CLUSTER}/run-{}", runs.len()).replace(":cluster/", ":task/");
    let (stop_code, reason, exit_code) = match outcome {
        Outcome::Exits(code) => (
            "EssentialContainerExited",
            "Essential container in task exited",
            Some(code),
        ),
        Outcome::NoSecret => (
            "TaskFailedToStart",
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed",
            None,
        ),
        Outcome::Stopped => ("UserInitiated", "Task stopped by user", Some(143)),
    };
    runs.push(Task {
        task: id.clone(),
        task_definition: revision.to_owned(),
        group: "family:nightly".to_owned(),
        started_by: "events-rule/nightly".to_owned(),
        status: "STOPPED".to_owned(),
        stop_code: stop_code.to_owned(),
        reason: reason.to_owned(),
        created_at: Some(began),
        started_at: exit_code.map(|_| began),
        stopped_at: Some(now),
        containers: vec![TaskContainer {
            name: "web".to_owned(),
            exit_code,
            ..TaskContainer::default()
        }],
        ..Task::default()
    });
    json!({
        "version": "0", "id": id, "detail-type": "ECS Task State Change", "source": "aws.ecs", "account": "123456789012",
        "region": "eu-west-1", "resources": [id], "time": now.to_string(),
        "detail": {
            "taskArn": id, "clusterArn": CLUSTER, "taskDefinitionArn": revision, "lastStatus": "STOPPED",
            "group": "family:nightly", "startedBy": "events-rule/nightly", "stopCode": stop_code,
            "containers": [{"name": "web", "exitCode": exit_code}],
        },
    })
}

/// A sample event about this revision.
fn sample(name: &str, revision: &str) -> Value {
    let file = e2e::testkit::setup::root().join(format!("events/heal/{name}.json"));
    let mut event: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    event["detail"]["requestParameters"]["taskDefinition"] = revision.into();
    event
}

fn deliver(world: &World, event: Value) {
    world.invoke(&Heal, event).unwrap().unwrap();
}

/// A minute later, the sweep looks at the families with a run that failed.
fn sweep(world: &World) {
    world.sweep(&Heal).unwrap().unwrap();
}

/// The titles of all notifications about the family.
fn titles(world: &World) -> Vec<String> {
    let state = world.state();
    let about = state.notices.iter().filter(|one| one.name == "nightly");
    about.map(|notice| notice.message.title.clone()).collect()
}

const MANAGED: (&str, &str) = ("lamplighter:managed", "true");

#[rstest]
#[case::exit(
    Outcome::Exits(1),
    "run failed at 03:00 UTC in cluster shop - exit 1 in container web"
)]
#[case::secret(
    Outcome::NoSecret,
    "run did not start at 03:00 UTC in cluster shop - required resource missing"
)]
fn a_failed_run_is_an_incident_until_a_later_one_succeeds(
    #[case] outcome: Outcome,
    #[case] title: &str,
) {
    let (world, revision) = world_with_family(&[MANAGED]);
    let at = world.state().now;
    let failed = end_run(&world, &revision, 4, outcome);
    deliver(&world, failed.clone());
    deliver(&world, failed);
    let expected = title.replace("03:00", &at.strftime("%H:%M").to_string());
    assert_eq!(titles(&world), [expected]);
    assert_eq!(world.state().notices[0].message.severity, Severity::Warning);
    // It began before the failure, so it says nothing about the cause.
    world.advance(SignedDuration::from_mins(1));
    let parallel = end_run(&world, &revision, 5, Outcome::Exits(0));
    deliver(&world, parallel);
    sweep(&world);
    assert_eq!(titles(&world).len(), 1);
    world.advance(SignedDuration::from_mins(10));
    let later = end_run(&world, &revision, 3, Outcome::Exits(0));
    deliver(&world, later);
    sweep(&world);
    assert!(
        titles(&world)[1].ends_with("succeeded"),
        "{:?}",
        titles(&world)
    );
    assert_eq!(world.count("RunTask"), 0, "a run was repeated");
}

#[rstest]
#[case::not_managed(&[], Outcome::Exits(1))]
#[case::off(&[MANAGED, ("lamplighter:heal", "off")], Outcome::Exits(1))]
#[case::success(&[MANAGED], Outcome::Exits(0))]
#[case::person(&[MANAGED], Outcome::Stopped)]
fn no_incident(#[case] tags: &[(&str, &str)], #[case] outcome: Outcome) {
    let (world, revision) = world_with_family(tags);
    let event = end_run(&world, &revision, 4, outcome);
    deliver(&world, event);
    assert!(titles(&world).is_empty(), "{:?}", titles(&world));
}

/// Thousands of runs may end in a day. Those that succeed cost nothing, also while one that failed is watched.
#[test]
fn a_run_that_succeeds_costs_no_call_of_ecs() {
    let (world, revision) = world_with_family(&[MANAGED]);
    let failed = end_run(&world, &revision, 4, Outcome::Exits(1));
    deliver(&world, failed);
    let calls =
        || ["DescribeTaskDefinition", "ListTasks", "DescribeTasks"].map(|call| world.count(call));
    let before = calls();
    for _ in 0..20 {
        let event = end_run(&world, &revision, 4, Outcome::Exits(0));
        deliver(&world, event);
    }
    assert_eq!(calls(), before);
}

/// ECS forgets a task after an hour. The failure is over when a run succeeds that began later, and not before.
#[rstest]
#[case::began_before(true, 1)]
#[case::began_later(false, 2)]
fn a_failure_that_ecs_forgot_is_still_known(#[case] began_before: bool, #[case] messages: usize) {
    let (world, revision) = world_with_family(&[MANAGED]);
    let failed = end_run(&world, &revision, 4, Outcome::Exits(1));
    deliver(&world, failed);
    world.advance(SignedDuration::from_hours(30));
    sweep(&world);
    let minutes = if began_before { 30 * 60 + 1 } else { 3 };
    end_run(&world, &revision, minutes, Outcome::Exits(0));
    sweep(&world);
    assert_eq!(titles(&world).len(), messages, "{:?}", titles(&world));
}

/// A run of the family that began so many minutes ago and still runs.
fn run_on(world: &World, revision: &str, minutes: i64) {
    end_run(world, revision, minutes, Outcome::Exits(0));
    let mut state = world.state_mut();
    let runs = state.tasks.get_mut(&Arn::new(FAMILY)).unwrap();
    let run = runs.last_mut().unwrap();
    "RUNNING".clone_into(&mut run.status);
    (run.stop_code, run.reason, run.stopped_at) = (String::new(), String::new(), None);
    run.containers[0].exit_code = None;
}

/// CloudTrail reports a refused call minutes later. Nobody is asked to start what a retry has started.
#[test]
fn a_refused_run_that_was_started_since_is_no_incident() {
    let (world, revision) = world_with_family(&[MANAGED]);
    let mut event = sample("run-refused", &revision);
    event["time"] = (world.state().now - SignedDuration::from_mins(5))
        .to_string()
        .into();
    run_on(&world, &revision, 4);
    deliver(&world, event);
    world.advance(SignedDuration::from_mins(1));
    end_run(&world, &revision, 5, Outcome::Exits(0));
    sweep(&world);
    assert!(titles(&world).is_empty(), "{:?}", titles(&world));
}

/// While a retry runs, the message doesn't ask for another run.
#[test]
fn a_failed_run_with_a_retry_in_progress_asks_for_no_other_run() {
    let (world, revision) = world_with_family(&[MANAGED]);
    let failed = end_run(&world, &revision, 4, Outcome::Exits(1));
    run_on(&world, &revision, 0);
    deliver(&world, failed);
    let next = world.state().notices[0].message.next.clone();
    assert!(
        next.contains("in progress") && !next.contains("run-task"),
        "{next}"
    );
}

/// A throttled call is repeated by its caller.
#[test]
fn a_throttled_call_is_no_incident() {
    let (world, revision) = world_with_family(&[MANAGED]);
    let mut event = sample("run-rejected", &revision);
    event["time"] = world.state().now.to_string().into();
    event["detail"]["errorCode"] = "ThrottlingException".into();
    deliver(&world, event);
    assert!(titles(&world).is_empty(), "{:?}", titles(&world));
}

/// A success in another cluster says nothing.
#[test]
fn clusters_are_judged_one_by_one() {
    let (world, revision) = world_with_family(&[MANAGED]);
    let failed = end_run(&world, &revision, 4, Outcome::Exits(1));
    deliver(&world, failed);
    world.advance(SignedDuration::from_mins(10));
    end_run(&world, &revision, 4, Outcome::Exits(0));
    for task in world.state_mut().tasks.values_mut().flatten() {
        if task.containers[0].exit_code == Some(0) {
            task.task = task.task.replace(":task/shop/", ":task/staging/");
        }
    }
    sweep(&world);
    assert_eq!(titles(&world).len(), 1, "{:?}", titles(&world));
}

/// Eight days without another run: `alert` closes the incident, and nothing is looked at any more.
#[test]
fn a_failure_is_forgotten_after_eight_days() {
    let (world, revision) = world_with_family(&[MANAGED]);
    let failed = end_run(&world, &revision, 4, Outcome::Exits(1));
    deliver(&world, failed);
    world.advance(SignedDuration::from_hours(8 * 24 + 1));
    sweep(&world);
    let before = world.count("ListTasks");
    sweep(&world);
    assert_eq!(world.count("ListTasks"), before);
}

/// Tasks that Lamplighter starts have messages of their own.
#[test]
fn own_tasks_are_no_runs() {
    let (world, revision) = world_with_family(&[MANAGED]);
    let mut event = end_run(&world, &revision, 4, Outcome::Exits(1));
    event["detail"]["startedBy"] = "lamplighter-before/0123/1".into();
    deliver(&world, event);
    assert!(titles(&world).is_empty(), "{:?}", titles(&world));
}

/// ECS sends no event for a run that it refuses to start; CloudTrail records the call.
#[rstest]
#[case::no_room("run-refused", "RESOURCE:MEMORY")]
#[case::inactive("run-rejected", "TaskDefinition is inactive")]
fn a_refused_run_is_an_incident(#[case] sample: &str, #[case] reason: &str) {
    let (world, revision) = world_with_family(&[MANAGED]);
    let mut event = self::sample(sample, &revision);
    event["time"] = world.state().now.to_string().into();
    deliver(&world, event.clone());
    deliver(&world, event);
    let notices = world.state().notices.clone();
    assert_eq!(notices.len(), 1, "{:?}", titles(&world));
    assert!(notices[0].message.title.contains("not started"));
    assert!(
        notices[0].message.why.contains(reason),
        "{}",
        notices[0].message.why
    );
    world.advance(SignedDuration::from_mins(10));
    end_run(&world, &revision, 3, Outcome::Exits(0));
    sweep(&world);
    assert_eq!(titles(&world).len(), 2, "{:?}", titles(&world));
}

/// The end of the tag ends the incident.
#[test]
fn an_untagged_family_has_no_open_incident() {
    let (world, revision) = world_with_family(&[MANAGED]);
    let failed = end_run(&world, &revision, 4, Outcome::Exits(1));
    deliver(&world, failed);
    world.advance(SignedDuration::from_mins(10));
    for definition in &mut world.state_mut().definitions {
        definition.tags = BTreeMap::new();
    }
    sweep(&world);
    assert!(
        titles(&world)[1].starts_with("incident closed"),
        "{:?}",
        titles(&world)
    );
}

/// Whether the incident is open, by the notifications that were sent.
fn is_open(world: &World) -> bool {
    let state = world.state();
    let last = state
        .notices
        .iter()
        .rev()
        .find(|notice| notice.message.fires.is_some() || notice.message.clears.is_some());
    last.is_some_and(|notice| notice.message.fires.is_some())
}

/// Whether a run failed after which none began that succeeded.
fn should_be_open(runs: &[(Timestamp, Timestamp, bool)]) -> bool {
    let failed = runs.iter().filter(|run| !run.2).map(|run| run.1).max();
    let succeeded = runs.iter().filter(|run| run.2).map(|run| run.0).max();
    failed.is_some_and(|failed| succeeded.is_none_or(|began| began < failed))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever runs overlap, and however often each event arrives.
    #[test]
    fn an_incident_is_open_exactly_while_no_later_run_succeeded(
        history in prop::collection::vec((1_i64..50, 1_i64..6, any::<bool>(), 1_usize..3), 1..9)
    ) {
        let (world, revision) = world_with_family(&[MANAGED]);
        let mut runs = Vec::new();
        for (pause, minutes, succeeds, deliveries) in history {
            world.advance(SignedDuration::from_mins(pause));
            let now = world.state().now;
            runs.push((now - SignedDuration::from_mins(minutes), now, succeeds));
            let code = i32::from(!succeeds);
            let event = end_run(&world, &revision, minutes, Outcome::Exits(code));
            for _ in 0..deliveries {
                deliver(&world, event.clone());
            }
            sweep(&world);
            prop_assert_eq!(is_open(&world), should_be_open(&runs), "{:?}: {:?}", &runs, titles(&world));
        }
    }
}
