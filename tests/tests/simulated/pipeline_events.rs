//! What pipelines hear of releases on the event bus, and releases that wait for another service.

use deploy::Deploy;
use e2e::testkit::releases::{MINUTE, VERIFIED, digest, minutes, push, release, runs};
use e2e::testkit::world::{Fault, World};
use jiff::SignedDuration;
use lamplighter::model::Arn;
use rollout::Rollout;
use rstest::rstest;
use serde_json::Value;

fn follow(world: &World, service: &Arn, value: &str) {
    let mut state = world.state_mut();
    let tags = state.tags.get_mut(service).unwrap();
    tags.insert("lamplighter:deploy".to_owned(), value.to_owned());
}

/// The kinds and tags of all events on the bus, in order.
fn heard(world: &World) -> Vec<String> {
    let state = world.state();
    let name = |event: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!(
            "{} {}",
            text(&event["detail-type"]),
            text(&event["detail"]["tag"])
        )
    };
    state.bus.iter().map(name).collect()
}

#[test]
fn a_pipeline_hears_how_its_release_goes() {
    let world = World::new();
    let web = world.web();
    world
        .state_mut()
        .commits
        .insert(digest(11), "3f9c1e0".to_owned());
    release(&world, &web, "RC_1.1.0", 11);
    assert_eq!(
        heard(&world),
        ["Release Started RC_1.1.0", "Release Verified RC_1.1.0"]
    );
    for event in &world.state().bus {
        let detail = &event["detail"];
        assert_eq!(event["source"], "lamplighter");
        assert_eq!(event["resources"][0], web.as_str());
        assert_eq!(detail["service"], "shop/web");
        assert_eq!(detail["commit"], "3f9c1e0");
        assert_eq!(detail["digest"], digest(11).as_str());
    }
    assert_eq!(world.state().bus[0]["detail"]["verdict"], Value::Null);
    assert_eq!(world.state().bus[1]["detail"]["verdict"], "healthy");
}

/// A hold is one event, however often the sweep finds it, and another hold is another.
#[test]
fn a_pipeline_hears_what_holds_its_release() {
    let world = World::new();
    let web = world.web();
    follow(&world, &web, "tag=RC_x.x.x repo=shop/web approve=yes");
    let tags = |world: &World, key: &str, value: &str| {
        let mut state = world.state_mut();
        state
            .tags
            .get_mut(&web)
            .unwrap()
            .insert(format!("lamplighter:{key}"), value.to_owned());
    };
    tags(&world, "freeze", "sat 02:00 - sat 05:00");
    push(&world, "RC_1.1.0", 11);
    minutes(&world, 60);
    assert_eq!(heard(&world), ["Release Held RC_1.1.0"]);
    minutes(&world, 120);
    assert_eq!(heard(&world).len(), 2, "{:?}", heard(&world));
    let reason = world.state().bus[1]["detail"]["reason"].clone();
    assert_eq!(reason, "RC_1.1.0 held - waiting for approval");
    tags(&world, "approve", "RC_1.1.0");
    minutes(&world, 6);
    assert_eq!(heard(&world)[2..], ["Release Started RC_1.1.0"]);
}

#[rstest]
#[case::by_its_probes(true, "Release Rolled Back RC_1.2.0")]
#[case::by_the_circuit_breaker(false, "Release Rejected RC_1.2.0")]
fn a_pipeline_hears_that_its_release_failed(#[case] probes: bool, #[case] last: &str) {
    let world = World::new();
    let web = world.web();
    follow(&world, &web, VERIFIED);
    release(&world, &web, "RC_1.1.0", 11);
    minutes(&world, 5);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 3);
    if probes {
        world.state_mut().unwell = Some(|_| true);
        world.state_mut().settle(&web);
    } else {
        world.state_mut().roll_back(&web);
    }
    minutes(&world, 8);
    let heard = heard(&world);
    assert_eq!(heard.last().map(String::as_str), Some(last), "{heard:?}");
    assert_eq!(
        world.state().bus.last().unwrap()["detail"]["verdict"],
        "unhealthy"
    );
    assert!(
        world.state().bus.last().unwrap()["detail"]["reason"]
            .as_str()
            .unwrap()
            .len()
            > 10
    );
}

/// A release without a result that a newer one replaces has ended, also if the answer about the newer one was lost.
#[rstest]
#[case::answered(None)]
#[case::lost(Some(Fault::AnswerLost))]
fn a_pipeline_hears_that_its_release_was_superseded(#[case] fault: Option<Fault>) {
    let world = World::new();
    let _ = world.web();
    push(&world, "RC_1.1.0", 11);
    minutes(&world, 3);
    if let Some(fault) = fault {
        world.inject_fault("UpdateService", fault);
    }
    push(&world, "RC_1.2.0", 12);
    // Before `rollout` sees that something newer runs.
    let _ = world.sweep(&Deploy);
    minutes(&world, 8);
    let mut heard = heard(&world);
    heard.sort();
    assert_eq!(
        heard,
        [
            "Release Started RC_1.1.0",
            "Release Started RC_1.2.0",
            "Release Superseded RC_1.1.0"
        ]
    );
}

#[rstest]
#[case::gone(true)]
#[case::listed_as_inactive(false)]
fn a_pipeline_hears_that_the_service_of_its_release_was_deleted(#[case] is_gone: bool) {
    let world = World::new();
    let web = world.web();
    push(&world, "RC_1.1.0", 11);
    if is_gone {
        world.state_mut().services.remove(&web);
    } else {
        let mut state = world.state_mut();
        let service = state.services.get_mut(&web).unwrap();
        "INACTIVE".clone_into(&mut service.status);
    }
    minutes(&world, 5);
    assert_eq!(
        heard(&world),
        ["Release Started RC_1.1.0", "Release Superseded RC_1.1.0"]
    );
}

/// An event that the bus does not take is put on it later, and a release does not wait for it.
#[rstest]
#[case::throttled(Fault::Throttled)]
#[case::unanswered(Fault::AnswerLost)]
#[case::killed(Fault::Killed)]
fn no_event_is_lost(#[case] fault: Fault) {
    let world = World::new();
    let web = world.web();
    world.inject_fault("PutEvents", fault);
    push(&world, "RC_1.1.0", 11);
    assert!(runs(&world, &web, "RC_1.1.0"));
    world.advance(MINUTE * 2);
    let _ = world.sweep(&Deploy);
    let started = heard(&world)
        .iter()
        .filter(|event| *event == "Release Started RC_1.1.0")
        .count();
    assert!(started >= 1, "{:?}", heard(&world));
    let ids: std::collections::BTreeSet<String> = world
        .state()
        .bus
        .iter()
        .map(|event| event["detail"]["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1, "a repetition has the same id");
}

/// `staging/web`, and `shop/web` after it.
fn stages(world: &World) -> (Arn, Arn) {
    let shop = world.web();
    follow(world, &shop, "tag=RC_x.x.x repo=shop/web after=staging/web");
    let staging = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/staging/web");
    let mut state = world.state_mut();
    let mut service = state.services[&shop].clone();
    service.arn = staging.clone();
    state.services.insert(staging.clone(), service);
    let mut tags = state.tags[&shop].clone();
    tags.insert(
        "lamplighter:deploy".to_owned(),
        "tag=RC_x.x.x repo=shop/web".to_owned(),
    );
    state.tags.insert(staging.clone(), tags);
    drop(state);
    (staging, shop)
}

/// Delivers what is on the bus to `deploy`.
fn deliver(world: &World) {
    let events = std::mem::take(&mut world.state_mut().bus);
    for event in events {
        let _ = world.invoke(&Deploy, event);
    }
}

#[test]
fn an_image_is_promoted_as_soon_as_it_is_verified() {
    let world = World::new();
    let (staging, shop) = stages(&world);
    push(&world, "RC_1.1.0", 11);
    assert!(runs(&world, &staging, "RC_1.1.0"));
    assert!(!runs(&world, &shop, "RC_1.1.0"));
    world.advance(MINUTE * 2);
    world.state_mut().settle(&staging);
    let _ = world.sweep(&Rollout);
    deliver(&world);
    assert!(runs(&world, &shop, "RC_1.1.0"), "{:?}", world.titles());
}

/// What staging rejects never comes to production, and what was verified before it does.
#[test]
fn only_what_is_verified_is_promoted() {
    let world = World::new();
    let (staging, shop) = stages(&world);
    push(&world, "RC_1.1.0", 11);
    world.advance(MINUTE * 2);
    world.state_mut().settle(&staging);
    let _ = world.sweep(&Rollout);
    push(&world, "RC_1.2.0", 12);
    world.advance(MINUTE * 3);
    world.state_mut().roll_back(&staging);
    minutes(&world, 10);
    assert!(runs(&world, &shop, "RC_1.1.0"), "{:?}", world.titles());
    world.state_mut().settle(&shop);
    world.advance(SignedDuration::from_hours(2));
    minutes(&world, 10);
    assert!(runs(&world, &shop, "RC_1.1.0"), "{:?}", world.titles());
    assert!(
        heard(&world).contains(&"Release Held RC_1.2.0".to_owned()),
        "{:?}",
        heard(&world)
    );
}

/// A misspelt service is answered once.
#[test]
fn an_earlier_service_without_releases_is_reported() {
    let world = World::new();
    let web = world.web();
    follow(&world, &web, "tag=RC_x.x.x repo=shop/web after=stagin/web");
    push(&world, "RC_1.1.0", 11);
    minutes(&world, 60);
    assert_eq!(
        world.titles(),
        ["RC_1.1.0 held - nothing is verified in stagin/web"]
    );
}

/// A release that a newer one replaces ends, for those who wait for it.
#[test]
fn a_superseded_release_ends_for_its_pipeline() {
    let world = World::new();
    let _web = world.web();
    push(&world, "RC_1.1.0", 11);
    world.advance(MINUTE);
    push(&world, "RC_1.2.0", 12);
    assert_eq!(
        heard(&world),
        [
            "Release Started RC_1.1.0",
            "Release Superseded RC_1.1.0",
            "Release Started RC_1.2.0"
        ]
    );
}

/// A template that replaces a promoted release is put right by that release, whatever staging thinks of it today.
#[test]
fn a_promoted_release_comes_back_after_a_template() {
    let world = World::new();
    let (staging, shop) = stages(&world);
    for (tag, content) in [("RC_1.1.0", 11), ("RC_1.2.0", 12)] {
        push(&world, tag, content);
        world.advance(MINUTE * 2);
        world.state_mut().settle(&staging);
        let _ = world.sweep(&Rollout);
        deliver(&world);
        world.advance(MINUTE * 2);
        world.state_mut().settle(&shop);
        minutes(&world, 6);
    }
    assert!(runs(&world, &shop, "RC_1.2.0"), "{:?}", world.titles());
    {
        let mut state = world.state_mut();
        let releases = &mut state.held.get_mut(&staging).unwrap().memory.releases;
        releases
            .verified
            .retain(|verified| verified.tag != "RC_1.2.0");
        releases
            .quarantined
            .insert(digest(12), "rejected".to_owned());
    }
    let template = world.state().definitions[0].arn().to_owned();
    world.state_mut().deploy(&shop, &template);
    world.state_mut().settle(&shop);
    minutes(&world, 6);
    assert!(runs(&world, &shop, "RC_1.2.0"), "{:?}", world.titles());
}

/// What staging ran when it was tagged counts as verified there.
#[test]
fn what_staging_was_adopted_with_is_promoted() {
    let world = World::new();
    let (staging, shop) = stages(&world);
    {
        let mut state = world.state_mut();
        let revision = state.register(
            "staging-web",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:RC_1.4.0",
        );
        state.deploy(&staging, &revision);
        state.settle(&staging);
        let task = lamplighter::model::Task {
            task_definition: revision,
            status: "RUNNING".to_owned(),
            containers: vec![lamplighter::model::TaskContainer {
                name: "web".to_owned(),
                image_digest: Some(digest(14)),
                ..lamplighter::model::TaskContainer::default()
            }],
            ..lamplighter::model::Task::default()
        };
        state.tasks.insert(staging.clone(), vec![task]);
    }
    world.push("shop/web", "RC_1.4.0", 14);
    minutes(&world, 12);
    assert!(runs(&world, &shop, "RC_1.4.0"), "{:?}", world.titles());
}
