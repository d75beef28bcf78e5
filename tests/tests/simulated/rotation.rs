//! Rotated secrets in the simulated world: tasks are started anew once, and for sure.

use deploy::Deploy;
use e2e::testkit::world::{Fault, World};
use jiff::SignedDuration;
use lamplighter::model::Arn;
use lamplighter::policy::StackDefaults;
use rstest::rstest;
use serde_json::{Value, json};

/// A settled service that reads a secret and was last started ten minutes ago.
fn reader(world: &World) -> Arn {
    let arn = world.web();
    world.push("shop/web", "RC_1.0.0", 10);
    world.sweep(&Deploy).unwrap().unwrap();
    world.state_mut().settle(&arn);
    for definition in &mut world.state_mut().definitions {
        definition.document["containerDefinitions"][0]["secrets"] = json!([{"name": "S", "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db"}]);
    }
    world.advance(SignedDuration::from_mins(10));
    arn
}

fn rotation(world: &World) -> Value {
    let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf";
    json!({
        "detail-type": "AWS Service Event via CloudTrail", "source": "aws.secretsmanager", "id": "r1",
        "time": world.state().now.to_string(), "detail": {
            "eventSource": "secretsmanager.amazonaws.com", "eventName": "RotationSucceeded",
            "additionalEventData": {"SecretId": secret}
        }
    })
}

#[rstest]
#[case::lost_answer(Fault::AnswerLost)]
#[case::throttled(Fault::Throttled)]
#[case::killed(Fault::Killed)]
fn a_restart_that_failed_is_made_up_for_by_the_sweep(#[case] fault: Fault) {
    let world = World::new();
    let arn = reader(&world);
    let event = rotation(&world);
    world.inject_fault("UpdateService", fault);
    let _ = world.invoke(&Deploy, event.clone());
    world.advance(SignedDuration::from_mins(5));
    for _ in 0..3 {
        world.sweep(&Deploy).unwrap().unwrap();
        world.invoke(&Deploy, event.clone()).unwrap().unwrap();
    }
    world
        .state_mut()
        .services
        .get_mut(&arn)
        .unwrap()
        .deployments[0]
        .rollout_state = "COMPLETED".into();
    world.sweep(&Deploy).unwrap().unwrap();
    assert_eq!(
        world.state().held[&arn].memory.releases.pending_restart,
        None
    );
    let restarts = world.state().services[&arn]
        .deployments
        .iter()
        .filter(|d| d.created_at > Some(e2e::testkit::world::BEGINNING))
        .count();
    assert_eq!(restarts, 1);
    let told = world
        .titles()
        .iter()
        .filter(|title| title.starts_with("restarting "))
        .count();
    assert_eq!(told, 1, "{:?}", world.titles());
}

#[test]
fn an_owed_restart_outlives_a_failed_rollout_and_is_not_told_where_somebody_else_did_it() {
    let world = World::new();
    let arn = reader(&world);
    let none = StackDefaults {
        actions_per_run: 0,
        ..StackDefaults::default()
    };
    world
        .invoke_with(&Deploy, rotation(&world), none)
        .unwrap()
        .unwrap();
    assert!(
        world.state().held[&arn]
            .memory
            .releases
            .pending_restart
            .is_some()
    );
    // A rollout is tried and refused, then held for good.
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.inject_fault("RegisterTaskDefinition", Fault::Throttled);
    assert!(world.invoke(&Deploy, push).unwrap().is_err());
    assert!(
        world.state().held[&arn]
            .memory
            .releases
            .pending_restart
            .is_some()
    );
    // A person rolls another image out by hand.
    world.advance(SignedDuration::from_mins(1));
    let first = world.state().definitions[0].arn().to_owned();
    world.state_mut().deploy(&arn, &first);
    world.state_mut().settle(&arn);
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .insert("lamplighter:deploy".into(), "tag=none repo=shop/web".into());
    world.sweep(&Deploy).unwrap().unwrap();
    assert_eq!(
        world.state().held[&arn].memory.releases.pending_restart,
        None
    );
    assert!(
        !world
            .titles()
            .iter()
            .any(|title| title.starts_with("restarting")),
        "{:?}",
        world.titles()
    );
}

fn new_version(world: &World) -> Value {
    let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf";
    json!({
        "detail-type": "Secret Label Updated", "source": "aws.secretsmanager", "id": "v1", "resources": [secret],
        "time": world.state().now.to_string(),
        "detail": {"name": "shop/db", "labelUpdated": "AWSCURRENT", "versionId": "a1b2c3d4"}
    })
}

fn parameter_change(world: &World) -> Value {
    json!({
        "detail-type": "Parameter Store Change", "source": "aws.ssm", "id": "p1",
        "resources": ["arn:aws:ssm:eu-west-1:123456789012:parameter/shop/url"],
        "time": world.state().now.to_string(),
        "detail": {"operation": "Update", "name": "/shop/url", "type": "SecureString"}
    })
}

/// F4: every new value restarts the tasks, once, if the tag says so. A rotation moves the label too.
#[rstest]
#[case::only_rotations("", 0, 0, 1)]
#[case::secrets_and_parameters("restart=secrets", 1, 2, 2)]
#[case::never("restart=no", 0, 0, 0)]
fn a_new_value_restarts_its_readers(
    #[case] option: &str,
    #[case] after_version: usize,
    #[case] after_parameter: usize,
    #[case] after_rotation: usize,
) {
    let world = World::new();
    let arn = reader(&world);
    {
        let mut state = world.state_mut();
        let tag = format!("tag=RC_x.x.x repo=shop/web {option}");
        state
            .tags
            .get_mut(&arn)
            .unwrap()
            .insert("lamplighter:deploy".to_owned(), tag);
        for definition in &mut state.definitions {
            definition.document["containerDefinitions"][0]["secrets"] = json!([
                {"name": "S", "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db"},
                {"name": "U", "valueFrom": "/shop/url"},
            ]);
        }
    }
    let before = world.count("UpdateService");
    let restarts = |event: Value| {
        world.invoke(&Deploy, event.clone()).unwrap().unwrap();
        world.invoke(&Deploy, event).unwrap().unwrap();
        world.state_mut().settle(&arn);
        world.count("UpdateService") - before
    };
    assert_eq!(restarts(parameter_change(&world)), after_version);
    world.advance(SignedDuration::from_mins(10));
    assert_eq!(restarts(new_version(&world)), after_parameter);
    world.advance(SignedDuration::from_secs(20));
    assert_eq!(restarts(rotation(&world)), after_rotation);
}
