//! The decisions about a service, step by step.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, Deployment, DeploymentController, Service, Tagged};
use lamplighter::plan::{Action, ReleaseAction};
use lamplighter::policy::{HealPolicy, StackDefaults};
use lamplighter::state::{HealStep, HealthIncident, TargetState};
use lamplighter::{Event, Operation, Plan};
use rstest::rstest;

use crate::Heal;
use crate::decide::decide;
use crate::health::{Failing, Health, Symptom, Unhealthy};
use crate::observed_service::ObservedService;
use crate::policy::Policy;
use crate::timing::back_off;
use lamplighter::release::stopped_task::StopCause;

const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

fn service() -> Service {
    let mut service = Service::new_rolling(
        Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web"),
        3,
    );
    service.task_definition =
        "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:42".to_owned();
    service
}

fn failing(cause: StopCause) -> Symptom {
    let says = "Essential container in task exited".to_owned();
    let container = Some("web".to_owned());
    Symptom::Failing(Failing {
        cause,
        count: 4,
        total: 4,
        within: minutes(30),
        container,
        exit_code: Some(1),
        reason: says,
        is_retriable: !matches!(cause, StopCause::Image | StopCause::Setup),
        advice: "",
        first_failure_at: Some(NOW - minutes(9)),
        last_failure_at: None,
    })
}

fn unhealthy() -> Symptom {
    let says = "Request timed out".to_owned();
    Symptom::Unhealthy(Unhealthy {
        tasks: vec!["task/shop/1".to_owned()],
        targets: 1,
        total: 3,
        reason: says,
    })
}

fn unit(symptom: Symptom) -> ObservedService {
    let mut unit = ObservedService::new(service(), NOW, lamplighter::policy::HealMode::On);
    (unit.health, unit.grace_period_over) = (Health::Unhealthy(symptom), true);
    unit
}

/// A target state with healing steps that many minutes ago, oldest first.
fn after(steps: &[i64]) -> TargetState {
    let taken = steps.iter().map(|ago| HealStep {
        at: NOW - minutes(*ago),
        what: "restart the tasks".to_owned(),
    });
    let revision = service().task_definition;
    let (since, steps) = (NOW - minutes(9), taken.collect());
    let healing = HealthIncident {
        revision,
        steps,
        ..HealthIncident::new(since)
    };
    TargetState {
        health: lamplighter::state::HealthState {
            incident: Some(healing),
            ..Default::default()
        },
        ..TargetState::default()
    }
}

fn plan_for(unit: &ObservedService, memory: &TargetState, tag: &str) -> Plan {
    let tags = BTreeMap::from([("lamplighter:heal".to_owned(), tag.to_owned())]);
    let target = Tagged {
        arn: unit.service.arn.clone(),
        tags: tags.clone(),
    };
    let policy = Policy {
        heal: HealPolicy::from_tags(&tags).unwrap(),
        min_tasks: 1,
    };
    decide(
        TargetContext {
            event: &Event::scheduled_sweep("test"),
            target: &target,
            policy: &policy,
            state: memory,
        },
        unit,
        NOW,
    )
}

fn describe(plan: &Plan) -> String {
    match (plan.steps.first(), plan.messages.first()) {
        (Some(step), _) => step.action.describe(),
        (None, Some(message)) => format!("notify: {}", message.title),
        (None, None) => format!("nothing: {}", plan.reason),
    }
}

#[test]
fn time_between_steps_doubles_up_to_half_an_hour() {
    let waits: Vec<i64> = (1..=8).map(|taken| back_off(taken).as_mins()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
}

#[rstest]
#[case::first(&[], "on", "restart the tasks")]
#[case::too_soon(&[0], "on", "nothing: 3/3 tasks running - crash loop (exit 1); the last step has until 03:01:00 UTC to help")]
#[case::second(&[1], "on", "restart the tasks")]
#[case::second_is_too_soon(&[5, 1], "on", "nothing: 3/3 tasks running - crash loop (exit 1); the last step has until 03:01:00 UTC to help")]
#[case::escalated(&[9, 8, 6], "on", "notify: 3/3 tasks running - crash loop (exit 1) since 02:51 UTC, 3 steps failed")]
#[case::more_steps(&[9, 8, 6], "on steps=5", "restart the tasks")]
#[case::parked(&[], "on crash=park", "park at 1 task")]
#[case::only_notified(&[], "notify", "notify: 3/3 tasks running - crash loop (exit 1) since 02:51 UTC")]
fn a_crash_loop_is_restarted_with_exponential_back_off(
    #[case] steps: &[i64],
    #[case] tag: &str,
    #[case] expected: &str,
) {
    assert_eq!(
        describe(&plan_for(
            &unit(failing(StopCause::Exit)),
            &after(steps),
            tag
        )),
        expected
    );
}

#[rstest]
#[case::image(
    failing(StopCause::Image),
    "notify: 3/3 tasks running - image pull failed since 02:51 UTC"
)]
#[case::secret(
    failing(StopCause::Setup),
    "notify: 3/3 tasks running - required resource missing since 02:51 UTC"
)]
#[case::capacity(
    failing(StopCause::Capacity),
    "notify: 3/3 tasks running - no capacity since 02:51 UTC"
)]
#[case::missing(
    Symptom::MissingTasks,
    "notify: 3/3 tasks running - cause unknown since 02:51 UTC"
)]
#[case::unhealthy_targets(unhealthy(), "replace the task 1")]
#[case::health_check(failing(StopCause::HealthCheck), "restart the tasks")]
fn each_symptom_has_its_first_step(#[case] symptom: Symptom, #[case] expected: &str) {
    assert_eq!(
        describe(&plan_for(&unit(symptom), &after(&[]), "on")),
        expected
    );
}

#[rstest]
#[case::grace_period(|unit: &mut ObservedService, _: &mut TargetState| unit.grace_period_over = false, "nothing: 3/3 tasks running - crash loop (exit 1); ECS has until 02:53:00 UTC to recover it")]
#[case::mass_failure(|unit: &mut ObservedService, _: &mut TargetState| unit.mass_failure = Some("40 of 100 services".into()), "nothing: 3/3 tasks running - crash loop (exit 1); 40 of 100 services are unhealthy: the cause is outside the services")]
#[case::dependency_down(|unit: &mut ObservedService, _: &mut TargetState| unit.down = vec!["the database orders (stopped)".into()], "notify: 3/3 tasks running - the database orders (stopped) is down")]
#[case::rollback_in_progress(
    |_: &mut ObservedService, memory: &mut TargetState| memory.releases.active_rollback = Some(lamplighter::state::ActiveRollback { to: None, at: NOW }),
    "nothing: 3/3 tasks running - crash loop (exit 1); rollout tracks its release and decides about it"
)]
#[case::foreign_rollout(
    |unit: &mut ObservedService, _: &mut TargetState| unit.service.deployments.push(rolling(20)),
    "nothing: 3/3 tasks running - crash loop (exit 1); a rollout that Lamplighter did not start still has time"
)]
#[case::stuck_foreign_rollout(|unit: &mut ObservedService, _: &mut TargetState| unit.service.deployments.push(rolling(31)), "restart the tasks")]
#[case::code_deploy(
    |unit: &mut ObservedService, _: &mut TargetState| unit.service.deployment_controller = DeploymentController::CodeDeploy,
    "notify: 3/3 tasks running - crash loop (exit 1) since 02:51 UTC"
)]
#[case::deleted(|unit: &mut ObservedService, _: &mut TargetState| "INACTIVE".clone_into(&mut unit.service.status), "nothing: the service is deleted")]
#[case::scaled_to_zero(|unit: &mut ObservedService, _: &mut TargetState| unit.service.desired_count = 0, "nothing: the desired count is 0")]
fn something_else_may_take_precedence_over_a_step(
    #[case] change: fn(&mut ObservedService, &mut TargetState),
    #[case] expected: &str,
) {
    let (mut unit, mut memory) = (unit(failing(StopCause::Exit)), after(&[]));
    change(&mut unit, &mut memory);
    assert_eq!(describe(&plan_for(&unit, &memory, "on")), expected);
}

fn rolling(minutes_ago: i64) -> Deployment {
    Deployment {
        id: "ecs-svc/1".to_owned(),
        status: "PRIMARY".to_owned(),
        task_definition: service().task_definition,
        rollout_state: "IN_PROGRESS".to_owned(),
        created_at: Some(NOW - minutes(minutes_ago)),
        running_count: 0,
    }
}

#[rstest]
#[case::healthy(Health::Healthy, 10, "close the incident")]
#[case::not_long_enough(
    Health::Healthy,
    9,
    "nothing: 3/3 tasks running, and no step is needed now"
)]
#[case::a_task_failed(
    Health::Recovering,
    20,
    "nothing: 3/3 tasks running, and no step is needed now"
)]
fn ten_healthy_minutes_close_the_incident(
    #[case] health: Health,
    #[case] for_minutes: i64,
    #[case] expected: &str,
) {
    let mut unit = unit(failing(StopCause::Exit));
    unit.health = health;
    let mut memory = after(&[30]);
    memory.health.incident.as_mut().unwrap().healthy_since = Some(NOW - minutes(for_minutes));
    assert_eq!(describe(&plan_for(&unit, &memory, "on")), expected);
}

/// A second decision on the same observation plans nothing.
#[test]
fn every_step_settles() {
    for symptom in [
        failing(StopCause::Exit),
        failing(StopCause::HealthCheck),
        unhealthy(),
    ] {
        let (unit, mut memory) = (unit(symptom), after(&[]));
        let plan = plan_for(&unit, &memory, "on");
        let step = plan.steps.first().unwrap();
        memory.record_intent(
            Heal::FUNCTION.name(),
            &step.action,
            step.message.as_ref(),
            NOW,
        );
        memory.record_done(&step.action, "accepted");
        let again = plan_for(&unit, &memory, "on");
        assert!(
            again.is_empty() && again.messages.is_empty(),
            "{}",
            describe(&again)
        );
        // A healing restart leaves no pending restart behind.
        assert_eq!(memory.releases.pending_restart, None);
    }
}

#[test]
fn the_minimum_task_count_is_one_without_a_scale_tag() {
    let tags = BTreeMap::from([("lamplighter:scale".to_owned(), "min=4 max=8".to_owned())]);
    let policy = Heal
        .parse_policy(&tags, &StackDefaults::default())
        .unwrap()
        .unwrap();
    assert_eq!(policy.min_tasks, 4);
    assert_eq!(
        Heal.parse_policy(&BTreeMap::new(), &StackDefaults::default())
            .unwrap()
            .unwrap()
            .min_tasks,
        1
    );
    assert!(matches!(
        plan_for(&unit(failing(StopCause::Exit)), &after(&[]), "on").steps[0].action,
        Action::Release(ReleaseAction::RestartTasks(_))
    ));
}
