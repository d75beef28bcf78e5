//! The health of a service, as assessed from its tasks.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Deployment, LoadBalancerTarget, Service, Task, TaskContainer};
use rstest::rstest;

use crate::assessment::assess_health;
use crate::health::{Health, Symptom};
use lamplighter::release::stopped_task::{StopCause, StoppedTask};

const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0);
const REVISION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:42";

fn service(running: i32) -> Service {
    let mut service = Service::new_rolling(
        Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web"),
        3,
    );
    service.running_count = running;
    REVISION.clone_into(&mut service.task_definition);
    service
}

fn stop(cause: StopCause, minutes_ago: i64, revision: &str) -> StoppedTask {
    let ran = !matches!(
        cause,
        StopCause::Setup | StopCause::Image | StopCause::Start | StopCause::Capacity
    );
    StoppedTask {
        task: format!("task/{minutes_ago}"),
        stopped_at: Some(NOW - SignedDuration::from_mins(minutes_ago)),
        started_at: ran.then(|| NOW - SignedDuration::from_mins(minutes_ago + 1)),
        revision: revision.to_owned(),
        cause,
        container: None,
        exit_code: None,
        reason: String::new(),
        startup: None,
        is_retriable: true,
        advice: "",
        zone: String::new(),
    }
}

fn describe(health: &Health) -> String {
    match health {
        Health::Healthy => "healthy".to_owned(),
        Health::Recovering => "recovering".to_owned(),
        Health::Unhealthy(Symptom::Failing(failing)) => {
            format!("{:?} {} of {}", failing.cause, failing.count, failing.total)
        }
        Health::Unhealthy(Symptom::Unhealthy(unhealthy)) => {
            format!("{} of {} unhealthy", unhealthy.targets, unhealthy.total)
        }
        Health::Unhealthy(Symptom::MissingTasks) => "tasks missing".to_owned(),
    }
}

#[rstest]
#[case::nothing_stopped(3, &[], "healthy")]
#[case::one_was_replaced(3, &[(StopCause::Exit, 1)], "recovering")]
#[case::one_is_missing(2, &[(StopCause::Exit, 1)], "Exit 1 of 1")]
#[case::a_loop(3, &[(StopCause::Exit, 1), (StopCause::Exit, 4), (StopCause::Exit, 8)], "Exit 3 of 3")]
#[case::a_loop_that_is_over(3, &[(StopCause::Exit, 4), (StopCause::Exit, 5), (StopCause::Exit, 8)], "recovering")]
#[case::long_ago(3, &[(StopCause::Exit, 11), (StopCause::Exit, 12), (StopCause::Exit, 13)], "healthy")]
#[case::throttled_by_ecs(0, &[(StopCause::Setup, 27)], "Setup 1 of 1")]
#[case::forgotten_by_now(0, &[(StopCause::Setup, 31)], "tasks missing")]
#[case::scaled_in(3, &[(StopCause::Routine, 1), (StopCause::Routine, 1), (StopCause::Routine, 1)], "healthy")]
#[case::spot(2, &[(StopCause::Spot, 1), (StopCause::Spot, 2), (StopCause::Spot, 3)], "tasks missing")]
#[case::most_frequent(2, &[(StopCause::Exit, 1), (StopCause::HealthCheck, 2), (StopCause::HealthCheck, 3)], "HealthCheck 2 of 3")]
#[case::more_telling(2, &[(StopCause::Exit, 1), (StopCause::OutOfMemory, 2)], "OutOfMemory 1 of 2")]
fn stopped_tasks_decide_the_health(
    #[case] running: i32,
    #[case] stops: &[(StopCause, i64)],
    #[case] expected: &str,
) {
    let stops: Vec<StoppedTask> = stops
        .iter()
        .map(|(cause, ago)| stop(*cause, *ago, REVISION))
        .collect();
    assert_eq!(
        describe(&assess_health(
            &service(running),
            &stops,
            &[],
            &[],
            &BTreeMap::new(),
            None,
            NOW
        )),
        expected
    );
}

/// Running, pending and desired tasks; of each failure, how many minutes ago it was and how many minutes the task ran.
#[rstest]
#[case::of_three_at_one_stroke([3, 0, 3], &[(2, 60), (2, 60), (2, 60)], "recovering")]
#[case::and_one_that_took_their_place([3, 0, 3], &[(2, 60), (2, 60), (1, 0)], "Exit 3 of 3")]
#[case::nothing_takes_its_place([2, 0, 3], &[(5, 60)], "Exit 1 of 1")]
#[case::something_does([2, 1, 3], &[(5, 60)], "tasks missing")]
#[case::before_it_grew([2, 0, 3], &[(20, 60)], "tasks missing")]
#[case::every_five_minutes([1, 0, 1], &[(3, 4), (8, 4), (13, 4), (18, 4), (23, 4)], "Exit 5 of 5")]
#[case::and_over([1, 0, 1], &[(13, 4), (18, 4), (23, 4), (28, 4), (33, 4)], "healthy")]
fn a_single_burst_is_no_crash_loop_but_a_slow_loop_is(
    #[case] tasks: [i32; 3],
    #[case] stops: &[(i64, i64)],
    #[case] expected: &str,
) {
    let [running, pending, desired] = tasks;
    let ago = |minutes: i64| Some(NOW - SignedDuration::from_mins(minutes));
    let build_stop = |(at, ran): &(i64, i64)| StoppedTask {
        stopped_at: ago(*at),
        started_at: ago(at + ran),
        ..stop(StopCause::Exit, *at, REVISION)
    };
    let service = Service {
        desired_count: desired,
        pending_count: pending,
        ..service(running)
    };
    let stops: Vec<StoppedTask> = stops.iter().map(build_stop).collect();
    assert_eq!(
        describe(&assess_health(
            &service,
            &stops,
            &[],
            &[],
            &BTreeMap::new(),
            None,
            NOW
        )),
        expected
    );
}

#[test]
fn failures_of_another_revision_do_not_count() {
    let stops: Vec<StoppedTask> = (1..5)
        .map(|ago| stop(StopCause::Exit, ago, "shop-web:41"))
        .collect();
    assert_eq!(
        describe(&assess_health(
            &service(3),
            &stops,
            &[],
            &[],
            &BTreeMap::new(),
            None,
            NOW
        )),
        "healthy"
    );
}

#[test]
fn a_service_with_fewer_tasks_during_a_rollout_is_recovering() {
    let mut service = service(2);
    service.deployments.push(Deployment {
        id: "ecs-svc/1".to_owned(),
        status: "PRIMARY".to_owned(),
        task_definition: REVISION.to_owned(),
        rollout_state: "IN_PROGRESS".to_owned(),
        created_at: Some(NOW),
        running_count: 0,
    });
    assert_eq!(
        describe(&assess_health(
            &service,
            &[],
            &[],
            &[],
            &BTreeMap::new(),
            None,
            NOW
        )),
        "recovering"
    );
}

fn target(id: &str, port: i32) -> LoadBalancerTarget {
    LoadBalancerTarget {
        id: id.to_owned(),
        port,
        state: "unhealthy".to_owned(),
        ..LoadBalancerTarget::default()
    }
}

fn task(address: Option<&str>, minutes: i64) -> Task {
    Task {
        task: format!("task/{minutes}"),
        status: "RUNNING".to_owned(),
        started_at: Some(NOW - SignedDuration::from_mins(minutes)),
        address: address.map(str::to_owned),
        instance: Some("host".to_owned()),
        containers: vec![TaskContainer {
            ports: vec![32_768],
            ..TaskContainer::default()
        }],
        ..Task::default()
    }
}

#[rstest]
#[case::by_its_address(
    task(Some("10.0.0.1"), 5),
    target("10.0.0.1", 80),
    0,
    "1 of 1 unhealthy"
)]
#[case::another_one(task(Some("10.0.0.1"), 5), target("10.0.0.2", 80), 0, "healthy")]
#[case::by_host_and_port(task(None, 5), target("i-1", 32_768), 0, "1 of 1 unhealthy")]
#[case::another_port(task(None, 5), target("i-1", 32_769), 0, "healthy")]
#[case::it_only_starts(task(Some("10.0.0.1"), 2), target("10.0.0.1", 80), 0, "healthy")]
#[case::within_its_grace_period(task(Some("10.0.0.1"), 9), target("10.0.0.1", 80), 600, "healthy")]
fn a_task_with_an_unhealthy_target_is_unhealthy(
    #[case] task: Task,
    #[case] target: LoadBalancerTarget,
    #[case] grace: i32,
    #[case] expected: &str,
) {
    let ec2 = BTreeMap::from([("host".to_owned(), "i-1".to_owned())]);
    let service = Service {
        health_check_grace_period: grace,
        ..service(3)
    };
    assert_eq!(
        describe(&assess_health(
            &service,
            &[],
            &[task],
            &[target],
            &ec2,
            None,
            NOW
        )),
        expected
    );
}

/// A restart replaces tasks one by one, so older tasks still fail meanwhile.
#[rstest]
#[case::nothing_was_done(None, "Exit 4 of 4")]
#[case::all_began_before(Some(1), "healthy")]
#[case::these_began_after(Some(9), "Exit 4 of 4")]
fn what_ran_before_the_last_step_says_nothing_about_it(
    #[case] step: Option<i64>,
    #[case] expected: &str,
) {
    let stops: Vec<StoppedTask> = [1, 2, 4, 7]
        .iter()
        .map(|ago| stop(StopCause::Exit, *ago, REVISION))
        .collect();
    let step = step.map(|ago| NOW - SignedDuration::from_mins(ago));
    let found = describe(&assess_health(
        &service(3),
        &stops,
        &[],
        &[],
        &BTreeMap::new(),
        step,
        NOW,
    ));
    assert_eq!(found, expected);
}

#[test]
fn three_failures_of_a_large_service_are_no_crash_loop() {
    let large = Service {
        desired_count: 200,
        running_count: 200,
        ..service(200)
    };
    let stops = |n: i64| -> Vec<StoppedTask> {
        (0..n)
            .map(|n| stop(StopCause::Exit, 1 + n % 8, REVISION))
            .collect()
    };
    assert_eq!(
        describe(&assess_health(
            &large,
            &stops(3),
            &[],
            &[],
            &BTreeMap::new(),
            None,
            NOW
        )),
        "recovering"
    );
    assert_eq!(
        describe(&assess_health(
            &large,
            &stops(20),
            &[],
            &[],
            &BTreeMap::new(),
            None,
            NOW
        )),
        "Exit 20 of 20"
    );
}
