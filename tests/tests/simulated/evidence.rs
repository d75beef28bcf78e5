//! The real `rollout`, in a simulated world: what a message says about why a release failed.

use e2e::testkit::releases::{minutes, push, release, runs};
use e2e::testkit::world::{Fault, World};
use lamplighter::model::{Arn, LogStream, Task, TaskContainer};
use rstest::rstest;
use serde_json::json;

#[test]
fn a_service_without_room_to_roll_is_told_as_such() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    {
        let mut state = world.state_mut();
        let service = state.services.get_mut(&web).unwrap();
        (
            service.desired_count,
            service.minimum_healthy_percent,
            service.maximum_percent,
        ) = (1, Some(50), Some(150));
    }
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 17);
    let why = world.state().notices.last().unwrap().message.why.clone();
    assert!(
        why.contains("Of 1 task, at least 1 must keep running and at most 1 may run"),
        "{why}"
    );
}

/// What ECS remembers of a task that ended with an exit code.
fn crashed(world: &World, web: &Arn, code: i32) -> Task {
    Task {
        task: "arn:aws:ecs:eu-west-1:123456789012:task/shop/0f".to_owned(),
        task_definition: world.state().services[web].task_definition.clone(),
        status: "STOPPED".to_owned(),
        reason: "Essential container in task exited".to_owned(),
        stopped_at: Some(world.state().now),
        containers: vec![TaskContainer {
            name: "web".to_owned(),
            exit_code: Some(code),
            ..TaskContainer::default()
        }],
        ..Task::default()
    }
}

#[test]
fn a_message_says_how_tasks_stopped_and_what_they_wrote_last() {
    let world = World::new();
    let web = world.web();
    let logs = json!({"logDriver": "awslogs", "options": {
        "awslogs-group": "/shop/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs"}});
    world.state_mut().definitions[0].document["containerDefinitions"][0]["logConfiguration"] = logs;
    release(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    let stream = LogStream {
        group: "/shop/web".to_owned(),
        name: "ecs/web/0f".to_owned(),
    };
    let lines = [
        "listening on 8080",
        "ERROR: no table orders",
        "ERROR: password=hunter2 refused",
        "bye",
    ];
    {
        let tasks = vec![
            crashed(&world, &web, 1),
            crashed(&world, &web, 1),
            crashed(&world, &web, 0),
        ];
        let mut state = world.state_mut();
        state.tasks.insert(web.clone(), tasks);
        state
            .written
            .insert(stream, lines.map(str::to_owned).to_vec());
    }
    minutes(&world, 17);
    assert!(runs(&world, &web, "RC_1.1.0"));
    let why = world.state().notices.last().unwrap().message.why.clone();
    assert_eq!(
        why,
        "The rollout did not complete. 2 tasks stopped: container web exited with code 1.\n\
         Last log lines of container web:\n  ERROR: no table orders\n  ERROR: password=[hidden] refused"
    );
}

#[rstest]
#[case::tasks("ListTasks")]
#[case::lines("GetLogEvents")]
fn that_nothing_more_can_be_read_keeps_nothing_where_it_is(#[case] call: &'static str) {
    let world = World::new();
    let web = world.web();
    let logs = json!({"logDriver": "awslogs", "options": {
        "awslogs-group": "/shop/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs"}});
    world.state_mut().definitions[0].document["containerDefinitions"][0]["logConfiguration"] = logs;
    release(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    let task = crashed(&world, &web, 1);
    world.state_mut().tasks.insert(web.clone(), vec![task]);
    minutes(&world, 14);
    world.inject_fault(call, Fault::Throttled);
    minutes(&world, 2);
    assert!(runs(&world, &web, "RC_1.1.0"));
    let why = world.state().notices.last().unwrap().message.why.clone();
    assert!(
        why.contains("More evidence could not be read: ") && why.contains(call),
        "{why}"
    );
}
