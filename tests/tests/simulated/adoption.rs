//! Services that are tagged while they run: what runs the right image stays as it is, few are rolled out at once, and what
//! ran before can be rolled back to.

use deploy::Deploy;
use e2e::testkit::releases::{MINUTE, digest, minutes};
use e2e::testkit::world::{World, sweep};
use jiff::SignedDuration;
use lamplighter::model::{Arn, Digest, Platform, PlatformImage, Task, TaskContainer};
use lamplighter::policy::StackDefaults;
use rollout::Rollout;
use rstest::rstest;
use serde_json::json;

const LATEST: &str = "tag=latest repo=shop/web verify=https://shop.example.com/health";

/// Two tasks of the running revision, with the images that they run.
fn run_tasks(world: &World, service: &Arn, images: [u64; 2]) {
    let mut state = world.state_mut();
    let definition = state.services[service].task_definition.clone();
    let tasks = images.map(|image| Task {
        task: format!("arn:aws:ecs:eu-west-1:123456789012:task/shop/{image:032x}"),
        task_definition: definition.clone(),
        status: "RUNNING".to_owned(),
        containers: vec![TaskContainer {
            name: "web".to_owned(),
            image_digest: Some(digest(image)),
            ..TaskContainer::default()
        }],
        ..Task::default()
    });
    state.tasks.insert(service.clone(), tasks.into());
}

/// So many services on `latest`, whose tasks run this image.
fn fleet(world: &World, services: usize, runs: u64) -> Vec<Arn> {
    let name = |n| format!("web{n}");
    let fleet: Vec<Arn> = (0..services)
        .map(|n| world.service(&name(n), "shop/web", "latest", LATEST))
        .collect();
    for service in &fleet {
        run_tasks(world, service, [runs, runs]);
    }
    fleet
}

fn set_running_count(world: &World, service: &Arn, tasks: i32) {
    let mut state = world.state_mut();
    state.services.get_mut(service).unwrap().running_count = tasks;
}

fn tag_change(arn: &Arn) -> serde_json::Value {
    json!({
        "version": "0", "id": "tagged", "detail-type": "Tag Change on Resource", "source": "aws.tag",
        "account": "123456789012", "region": "eu-west-1", "resources": [arn.as_str()],
        "detail": {"changed-tag-keys": ["lamplighter:deploy"], "service": "ecs", "resource-type": "service",
                   "tags": {"lamplighter:deploy": LATEST}},
    })
}

fn in_progress(world: &World, fleet: &[Arn]) -> usize {
    let state = world.state();
    fleet
        .iter()
        .filter(|arn| state.services[*arn].has_rollout_in_progress())
        .count()
}

/// A6: what runs the image of the tag already is not deployed again, however it is found.
#[rstest]
#[case::by_the_index(7)]
#[case::by_its_image_for_the_platform(8)]
fn a_service_that_runs_the_right_image_is_left_alone(#[case] runs: u64) {
    let world = World::new();
    let fleet = fleet(&world, 80, runs);
    world.push("shop/web", "latest", 7);
    if let Some((_, platforms, _)) = world
        .state_mut()
        .images
        .get_mut(&("shop/web".to_owned(), "latest".to_owned()))
    {
        *platforms = Some(vec![PlatformImage {
            platform: Platform {
                os: "linux".to_owned(),
                architecture: "amd64".to_owned(),
            },
            digest: digest(8),
        }]);
    }
    for service in &fleet {
        let _ = world.invoke(&Deploy, tag_change(service));
    }
    let adoption = world.state().calls.len();
    for _ in 0..3 {
        world.advance(MINUTE * 5);
        let _ = world.sweep(&Deploy);
    }
    assert_eq!(world.count("UpdateService"), 0, "{:?}", world.titles());
    assert_eq!(world.count("RegisterTaskDefinition"), 0);
    assert_eq!(world.count("ListTasks"), 80, "each is read once");
    assert!(world.titles().is_empty());
    assert_eq!(adoption, 80 * 9, "calls, three of them of the ledger");
    let before = world.state().calls.len();
    world.advance(MINUTE * 5);
    let _ = world.sweep(&Deploy);
    // One listing and the pauses, then lease, service, revision, image and the end of the lease.
    let settled = world.state().calls.len() - before;
    assert_eq!(
        settled,
        2 + 80 * 5,
        "calls of a sweep over settled services"
    );
}

/// Tasks that run different images, or are being replaced, prove nothing.
#[test]
fn a_service_whose_tasks_differ_is_deployed() {
    let world = World::new();
    let web = world.service("web", "shop/web", "latest", LATEST);
    run_tasks(&world, &web, [6, 7]);
    world.push("shop/web", "latest", 7);
    let _ = world.sweep(&Deploy);
    assert!(world.image_of(&web).ends_with(&digest(7).to_string()));
}

/// The first release of a service on a moving tag can be rolled back, although no revision named what ran before.
#[rstest]
#[case::known_since_it_was_tagged(true)]
#[case::known_when_the_image_is_pushed(false)]
fn what_ran_before_adoption_is_the_first_rollback_target(#[case] swept: bool) {
    let world = World::new();
    let web = fleet(&world, 1, 7).remove(0);
    world.push("shop/web", "latest", 7);
    if swept {
        let _ = world.sweep(&Deploy);
    }
    world.advance(SignedDuration::from_mins(30));
    world.state_mut().unwell = Some(|_| true);
    let push = world.push("shop/web", "latest", 8);
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(world.image_of(&web).ends_with(&digest(8).to_string()));
    world.advance(MINUTE);
    world.state_mut().settle(&web);
    minutes(&world, 10);
    assert!(
        world.image_of(&web).ends_with(&digest(7).to_string()),
        "{:?}",
        world.titles()
    );
    let titles = world.titles();
    assert!(
        titles
            .iter()
            .any(|title| title.contains("rolling back to latest (sha256:00000000)")),
        "{titles:?}"
    );
}

/// A6: of many services that need a first rollout, few get it at the same time, and all get it in the end.
#[rstest]
#[case::as_the_stack_says_by_default(None, 5)]
#[case::as_a_parameter_says(Some(2), 2)]
fn few_services_are_adopted_at_once(#[case] parameter: Option<u32>, #[case] most: usize) {
    let world = World::new();
    let fleet = fleet(&world, 12, 6);
    world.push("shop/web", "latest", 7);
    let defaults = || StackDefaults {
        adoptions_at_once: parameter.unwrap_or(StackDefaults::default().adoptions_at_once),
        ..StackDefaults::default()
    };
    for service in &fleet {
        let _ = world.invoke_with(&Deploy, tag_change(service), defaults());
    }
    assert_eq!(in_progress(&world, &fleet), most);
    for _ in 0..40 {
        world.advance(MINUTE * 5);
        for service in &fleet {
            world.state_mut().finish_rollout(service);
        }
        let _ = world.sweep(&Rollout);
        let _ = world.invoke_with(&Deploy, sweep(), defaults());
        assert!(in_progress(&world, &fleet) <= most);
    }
    let adopted = |arn: &&Arn| world.image_of(arn).ends_with(&digest(7).to_string());
    assert_eq!(fleet.iter().filter(adopted).count(), 12);
}

/// Pushes never wait for adoptions.
#[test]
fn a_push_does_not_wait_for_adoptions() {
    let world = World::new();
    let fleet = fleet(&world, 12, 6);
    world.push("shop/web", "latest", 7);
    let _ = world.sweep(&Deploy);
    assert_eq!(in_progress(&world, &fleet), 5);
    let push = world.push("shop/web", "latest", 8);
    let _ = world.invoke(&Deploy, push);
    let released = |arn: &&Arn| world.image_of(arn).ends_with(&digest(8).to_string());
    assert_eq!(fleet.iter().filter(released).count(), 12);
}

/// F1: a web server and its migrations, of one image, change together.
#[test]
fn containers_of_one_image_change_together() {
    let world = World::new();
    let web = world.web();
    {
        let mut state = world.state_mut();
        let document = &mut state.definitions[0].document;
        let mut migrations = document["containerDefinitions"][0].clone();
        migrations["name"] = json!("migrate");
        let containers = document["containerDefinitions"].as_array_mut().unwrap();
        containers.insert(0, migrations);
    }
    let push = world.push("shop/web", "RC_1.1.0", 11);
    let _ = world.invoke(&Deploy, push);
    let state = world.state();
    let running = state.definitions.last().unwrap();
    assert_eq!(state.services[&web].task_definition, running.arn());
    let pinned = |digest: Digest| format!("RC_1.1.0@{digest}");
    assert!(
        running
            .containers()
            .all(|container| container.image.ends_with(&pinned(digest(11))))
    );
}

/// A service that tracks versions but runs `latest`, which its pipeline moves too: what it runs is pinned before.
#[test]
fn a_revision_with_a_moving_tag_is_no_rollback_target() {
    let world = World::new();
    let tag = "tag=RC_x.x.x repo=shop/web verify=https://shop.example.com/health";
    let web = world.service("web", "shop/web", "latest", tag);
    run_tasks(&world, &web, [7, 7]);
    world.advance(SignedDuration::from_mins(30));
    world.state_mut().unwell = Some(|_| true);
    world.push("shop/web", "latest", 8);
    let push = world.push("shop/web", "RC_1.0.0", 8);
    world.invoke(&Deploy, push).unwrap().unwrap();
    world.advance(MINUTE);
    world.state_mut().settle(&web);
    minutes(&world, 10);
    assert!(
        world.image_of(&web).ends_with(&digest(7).to_string()),
        "{:?}",
        world.titles()
    );
}

/// Tasks that are being replaced show nothing: the first rollout waits for them, but not for ever.
#[test]
fn the_first_rollout_waits_for_stable_tasks() {
    let world = World::new();
    let web = fleet(&world, 1, 7).remove(0);
    world.push("shop/web", "latest", 7);
    set_running_count(&world, &web, 1);
    minutes(&world, 20);
    assert_eq!(world.count("UpdateService"), 0, "{:?}", world.titles());
    set_running_count(&world, &web, 2);
    minutes(&world, 6);
    assert_eq!(world.count("UpdateService"), 0, "it runs the right image");
    let stuck = world.service("stuck", "shop/web", "latest", LATEST);
    set_running_count(&world, &stuck, 0);
    minutes(&world, 45);
    assert!(
        world.image_of(&stuck).ends_with(&digest(7).to_string()),
        "{:?}",
        world.titles()
    );
}

/// A new deployment of the same revision may run another image.
#[test]
fn a_forced_deployment_is_read_again() {
    let world = World::new();
    let web = fleet(&world, 1, 6).remove(0);
    world.push("shop/web", "latest", 6);
    let _ = world.sweep(&Deploy);
    let revision = world.state().services[&web].task_definition.clone();
    world.push("shop/web", "latest", 7);
    world.state_mut().deploy(&web, &revision);
    world.state_mut().settle(&web);
    run_tasks(&world, &web, [7, 7]);
    let before = world.count("UpdateService");
    world.advance(MINUTE * 5);
    let _ = world.sweep(&Deploy);
    assert_eq!(world.count("UpdateService"), before, "{:?}", world.titles());
}

/// Services without tasks keep no slot from others.
#[test]
fn services_without_tasks_keep_no_slots() {
    let world = World::new();
    let fleet = fleet(&world, 8, 6);
    for service in &fleet[..5] {
        let mut state = world.state_mut();
        let service = state.services.get_mut(service).unwrap();
        (service.desired_count, service.running_count) = (0, 0);
    }
    world.push("shop/web", "latest", 7);
    minutes(&world, 12);
    let adopted = |arn: &&Arn| world.image_of(arn).ends_with(&digest(7).to_string());
    assert_eq!(
        fleet.iter().filter(adopted).count(),
        8,
        "{:?}",
        world.titles()
    );
}

/// A slot that is not free does not make a release take its snapshot again.
#[test]
fn waiting_for_a_slot_keeps_what_was_waited_for() {
    let world = World::new();
    let web = fleet(&world, 1, 6).remove(0);
    let slots = Arn::new("").adoptions();
    {
        let mut state = world.state_mut();
        let now = state.now;
        let taken = &mut state
            .held
            .entry(slots)
            .or_default()
            .memory
            .releases
            .adoption_slots;
        for n in 0..5 {
            let other = format!("arn:aws:ecs:eu-west-1:123456789012:service/shop/other{n}");
            taken.insert(Arn::new(other), now);
        }
        let waiting = &mut state.held.entry(web.clone()).or_default().memory.waiting;
        waiting.insert("deploy".to_owned(), ("snapshots before it".to_owned(), now));
    }
    world.push("shop/web", "latest", 7);
    let _ = world.sweep(&Deploy);
    assert_eq!(world.count("UpdateService"), 0);
    assert!(
        world.state().held[&web]
            .memory
            .waiting
            .contains_key("deploy")
    );
}
