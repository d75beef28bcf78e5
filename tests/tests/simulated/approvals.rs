//! The real `deploy` and `rollout`, in a simulated world: what waits for a person, and what waits for nobody.

use deploy::Deploy;
use e2e::testkit::releases::{MINUTE, VERIFIED, digest, minutes, push, release, runs};
use e2e::testkit::world::World;
use lamplighter::policy::{LifecycleHook, StackDefaults};
use rollout::Rollout;
use serde_json::json;

/// Two target groups, and a week to approve in.
#[test]
fn waiting_for_approval_has_no_deadline_and_an_approval_counts_once() {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.0.0", "tag=RC_x.x.x repo=shop/web");
    release(&world, &web, "RC_1.1.0", 11);
    {
        let mut state = world.state_mut();
        let service = state.services.get_mut(&web).unwrap();
        "CANARY".clone_into(&mut service.strategy);
        service.shifting.is_possible = true;
        let tag = "tag=RC_x.x.x repo=shop/web strategy=canary approve=yes";
        state
            .tags
            .get_mut(&web)
            .unwrap()
            .insert("lamplighter:deploy".into(), tag.into());
        state.paused.insert(web.clone());
    }
    let hook = Some(LifecycleHook {
        function: "verify".into(),
        role: "role".into(),
    });
    let event = world.push("shop/web", "RC_1.2.0", 12);
    world
        .invoke_with(
            &Deploy,
            event,
            StackDefaults {
                hook,
                ..StackDefaults::default()
            },
        )
        .unwrap()
        .unwrap();
    minutes(&world, 60);
    assert!(
        runs(&world, &web, "RC_1.2.0"),
        "it waits, and is not taken back"
    );
    let waits = "RC_1.2.0 held at 0 % of traffic - waiting for approval";
    assert_eq!(
        world
            .titles()
            .iter()
            .filter(|title| *title == waits)
            .count(),
        1
    );
    world
        .state_mut()
        .tags
        .get_mut(&web)
        .unwrap()
        .insert("lamplighter:approve".into(), digest(12).as_str().into());
    minutes(&world, 2);
    assert_eq!(world.count("ContinueServiceDeployment"), 1);
    // It fails after all; the approval does not bring it once more.
    world.state_mut().roll_back(&web);
    minutes(&world, 30);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    assert_eq!(
        world.state().held[&web].memory.releases.quarantined.len(),
        1
    );
}

/// A canary of the old revision would wait for approval too, and nobody is to be asked about that.
#[test]
fn a_rollback_needs_no_approval() {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.0.0", VERIFIED);
    release(&world, &web, "RC_1.1.0", 11);
    minutes(&world, 3);
    "CANARY".clone_into(&mut world.state_mut().services.get_mut(&web).unwrap().strategy);
    world.state_mut().unwell = Some(|_| true);
    release(&world, &web, "RC_1.2.0", 12);
    minutes(&world, 2);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    world.state_mut().paused.insert(web.clone());
    minutes(&world, 1);
    assert_eq!(world.count("ContinueServiceDeployment"), 1);
    minutes(&world, 2);
    world.state_mut().settle(&web);
    minutes(&world, 3);
    assert_eq!(
        world.state().held[&web].memory.releases.active_rollback,
        None
    );
    assert_eq!(
        world.sweep(&Rollout).unwrap().unwrap()["targets"][0]["reason"],
        "no rollout is active",
        "it is over"
    );
}

/// A rotated secret restarts the tasks by a deployment that pauses as every one does.
#[test]
fn a_restart_needs_no_approval() {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.0.0", "tag=RC_x.x.x repo=shop/web");
    let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf";
    world.state_mut().read_secret("shop-web", secret);
    release(&world, &web, "RC_1.1.0", 11);
    "CANARY".clone_into(&mut world.state_mut().services.get_mut(&web).unwrap().strategy);
    world.advance(MINUTE * 30);
    let event = json!({
        "detail-type": "AWS Service Event via CloudTrail", "source": "aws.secretsmanager", "id": "r1",
        "time": world.state().now.to_string(), "detail": {"eventSource": "secretsmanager.amazonaws.com",
        "eventName": "RotationSucceeded", "additionalEventData": {"SecretId": secret}},
    });
    world.state_mut().paused.insert(web.clone());
    world.invoke(&Deploy, event).unwrap().unwrap();
    assert!(
        world.state().services[&web].has_rollout_in_progress(),
        "{:?}",
        world.state().journal.last()
    );
    minutes(&world, 1);
    assert_eq!(world.count("ContinueServiceDeployment"), 1);
    world.state_mut().settle(&web);
    minutes(&world, 4);
    assert_eq!(
        world.state().held[&web].memory.releases.active_rollback,
        None
    );
}

/// Nobody has to use the tag.
#[test]
fn an_approval_in_the_console_restarts_the_deadline() {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.0.0", "tag=RC_x.x.x repo=shop/web");
    release(&world, &web, "RC_1.1.0", 11);
    "CANARY".clone_into(&mut world.state_mut().services.get_mut(&web).unwrap().strategy);
    world.state_mut().paused.insert(web.clone());
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 120);
    let waits = "RC_1.2.0 held at 0 % of traffic - waiting for approval";
    assert_eq!(
        world
            .titles()
            .iter()
            .filter(|title| *title == waits)
            .count(),
        1
    );
    world.state_mut().paused.clear();
    minutes(&world, 10);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
    world.state_mut().settle(&web);
    minutes(&world, 2);
    assert!(
        world.titles().last().unwrap().contains("verified: "),
        "{:?}",
        world.titles()
    );
}

#[test]
fn an_approval_allows_a_retry_and_success_lifts_the_quarantine() {
    let world = World::new();
    let web = world.web();
    push(&world, "RC_1.1.0", 11);
    minutes(&world, 3);
    world.state_mut().roll_back(&web);
    minutes(&world, 2);
    assert_eq!(
        world.state().held[&web].memory.releases.quarantined.len(),
        1
    );
    world
        .state_mut()
        .tags
        .get_mut(&web)
        .unwrap()
        .insert("lamplighter:approve".into(), digest(11).as_str().into());
    release(&world, &web, "RC_1.1.0", 11);
    assert!(
        runs(&world, &web, "RC_1.1.0"),
        "{:?} {:?}",
        world.titles(),
        world.state().journal.last()
    );
    assert_eq!(
        world.state().held[&web].memory.releases.quarantined.len(),
        0
    );
}
