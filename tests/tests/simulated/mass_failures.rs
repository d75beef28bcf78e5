//! `heal` in the simulated world, where many services or instances fail at once.

use e2e::testkit::healing::HealWorld;
use e2e::testkit::world::tasks::Conduct;
use heal::Heal;
use lamplighter::model::{Arn, ContainerInstance, Task, TaskContainer};
use serde_json::{Value, json};

#[test]
fn a_hundred_services_that_fail_in_one_minute_are_one_incident() {
    let mut heal_world = HealWorld::new();
    let services: Vec<Arn> = (0..100)
        .map(|n| heal_world.service(&format!("s{n:03}"), 2, "on"))
        .collect();
    heal_world.minutes(10);
    for service in &services {
        heal_world.set(service, Conduct::Crashes);
    }
    heal_world.minutes(20);
    assert_eq!(
        (
            heal_world.world.count("UpdateService"),
            heal_world.world.count("StopTask")
        ),
        (0, 0)
    );
    let titles = heal_world.world.titles();
    assert_eq!(titles.len(), 1, "{titles:?}");
    assert!(
        titles[0].contains(" of 100 services unhealthy since ")
            && titles[0].ends_with(" - mass failure"),
        "{titles:?}"
    );
    for service in &services {
        heal_world.set(service, Conduct::Runs);
    }
    heal_world.minutes(30);
    let titles = heal_world.world.titles();
    assert!(
        titles.len() == 2 && titles[1].ends_with(" - mass failure resolved"),
        "{titles:?}"
    );
    assert_eq!(heal_world.world.count("UpdateService"), 0);
}

#[test]
fn a_zone_outage_restarts_nothing() {
    let mut heal_world = HealWorld::new();
    for n in 0..20 {
        heal_world.service(&format!("s{n}"), 6, "on");
    }
    heal_world.minutes(10);
    heal_world.fleet.darken(Some("eu-west-1a"));
    heal_world.minutes(60);
    assert_eq!(
        (
            heal_world.world.count("UpdateService"),
            heal_world.world.count("StopTask")
        ),
        (0, 0)
    );
    assert_eq!(
        heal_world.world.titles().len(),
        0,
        "{:?}",
        heal_world.world.titles()
    );
}

#[test]
fn an_instance_with_a_disconnected_agent_is_drained_if_its_tasks_fail() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    let arn = Arn::new(
        "arn:aws:ecs:eu-west-1:123456789012:container-instance/shop/0123456789abcdef0123456789abcdef",
    );
    let instance = ContainerInstance {
        arn: arn.clone(),
        ec2: "i-0123456789abcdef0".to_owned(),
        status: "ACTIVE".to_owned(),
        agent_connected: false,
        tags: [("lamplighter:managed".to_owned(), "true".to_owned())].into(),
    };
    heal_world
        .world
        .state_mut()
        .instances
        .insert(arn.clone(), instance);
    heal_world
        .world
        .state_mut()
        .groups
        .insert("i-0123456789abcdef0".to_owned(), "shop-hosts".to_owned());
    heal_world.minutes(60);
    assert_eq!(heal_world.world.state().instances[&arn].status, "ACTIVE");
    let now = heal_world.world.state().now;
    let failed = Task {
        task: "arn:aws:ecs:eu-west-1:123456789012:task/shop/f".to_owned(),
        status: "STOPPED".to_owned(),
        stop_code: "EssentialContainerExited".to_owned(),
        reason: "Essential container in task exited".to_owned(),
        stopped_at: Some(now),
        instance: Some(arn.to_string()),
        containers: vec![TaskContainer {
            name: "web".to_owned(),
            exit_code: Some(1),
            ..TaskContainer::default()
        }],
        ..Task::default()
    };
    heal_world
        .world
        .state_mut()
        .tasks
        .get_mut(&web)
        .unwrap()
        .push(failed);
    heal_world.minutes(15);
    assert_eq!(heal_world.world.state().instances[&arn].status, "DRAINING");
    assert_eq!(
        (
            heal_world.world.count("UpdateContainerInstancesState"),
            heal_world.world.count("SetInstanceHealth")
        ),
        (1, 1)
    );
    let name = "0123456789abcdef0123456789abcdef";
    assert_eq!(
        heal_world.told(name),
        ["1 task failing on i-0123456789abcdef0 - ECS agent lost"]
    );
    heal_world.minutes(30);
    assert_eq!(heal_world.told(name).len(), 1);
}

/// One disconnected instance is a fault of the host, many are a fault of something else.
#[test]
fn many_disconnected_instances_are_left_alone() {
    let mut heal_world = HealWorld::new();
    heal_world.service("web", 2, "on");
    for n in 0..5 {
        let arn = Arn::new(format!(
            "arn:aws:ecs:eu-west-1:123456789012:container-instance/shop/{n:032x}"
        ));
        let tags = [("lamplighter:managed".to_owned(), "true".to_owned())].into();
        let (ec2, status) = (format!("i-{n}"), "ACTIVE".to_owned());
        let host = ContainerInstance {
            arn: arn.clone(),
            ec2,
            status,
            tags,
            ..ContainerInstance::default()
        };
        heal_world
            .world
            .state_mut()
            .instances
            .insert(arn.clone(), host);
        let unhealthy = Task {
            task: format!("arn:aws:ecs:eu-west-1:123456789012:task/shop/h{n}"),
            status: "RUNNING".to_owned(),
            health: "UNHEALTHY".to_owned(),
            instance: Some(arn.to_string()),
            ..Task::default()
        };
        heal_world
            .world
            .state_mut()
            .tasks
            .entry(Arn::new("other"))
            .or_default()
            .push(unhealthy);
    }
    heal_world.minutes(60);
    let file = e2e::testkit::setup::root().join("events/heal/instance-silent.json");
    let event: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let all: Vec<Arn> = heal_world.world.state().instances.keys().cloned().collect();
    for arn in all {
        let mut event = event.clone();
        event["detail"]["containerInstanceArn"] = json!(arn);
        heal_world.world.invoke(&Heal, event).unwrap().unwrap();
    }
    assert_eq!(heal_world.world.count("UpdateContainerInstancesState"), 0);
    let state = heal_world
        .world
        .state()
        .instances
        .keys()
        .skip(1)
        .cloned()
        .collect::<Vec<_>>();
    for arn in state {
        heal_world.world.state_mut().instances.remove(&arn);
    }
    heal_world.minutes(30);
    assert_eq!(heal_world.world.count("UpdateContainerInstancesState"), 1);
}
