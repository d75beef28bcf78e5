//! The real `deploy`, in a simulated world: what holds whatever happens in between.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use deploy::Deploy;
use e2e::world::{Fault, World, sweep};
use jiff::SignedDuration;
use lamplighter::ledger::Kind;
use lamplighter::memory::Attempt;
use lamplighter::model::{Arn, Digest};
use lamplighter::notice::Severity;
use lamplighter::policy::{Mode, StackDefaults};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

const FOLLOWS: &str = "tag=RC_x.x.x repo=shop/web";

fn titles(world: &World) -> Vec<String> {
    world.state().notices.iter().map(|notice| notice.message.title.clone()).collect()
}

fn count(world: &World, call: &str) -> usize {
    world.state().calls.iter().filter(|made| made.starts_with(call)).count()
}

fn web(world: &World) -> Arn {
    world.service("web", "shop/web", "RC_1.0.0", FOLLOWS)
}

#[test]
fn from_push_to_update_takes_six_calls() {
    let world = World::new();
    let arn = web(&world);
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(world.image_of(&arn).ends_with(&format!("/shop/web:RC_1.1.0@sha256:{:064x}", 11)));
    let state = world.state();
    let names: Vec<&str> = state.calls.iter().filter_map(|call| call.split(' ').next()).collect();
    assert_eq!(
        names,
        [
            "GetResources",
            "Acquire",
            "DescribeServices",
            "DescribeTaskDefinition",
            "BatchGetImage",
            "Intend",
            // The second description is answered from memory on AWS: revisions never change.
            "DescribeTaskDefinition",
            "RegisterTaskDefinition",
            "UpdateService",
            "SendMessageBatch",
            "Conclude",
        ]
    );
}

#[test]
fn two_services_on_one_repository_both_roll_out_and_an_untagged_one_is_not_touched() {
    let world = World::new();
    let services = [web(&world), world.service("worker", "shop/web", "RC_1.0.0", "tag=RC_x.x.x")];
    let untagged = world.service("other", "shop/web", "RC_1.0.0", FOLLOWS);
    world.state_mut().tags.remove(&untagged);
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(services.iter().all(|arn| world.image_of(arn).contains("RC_1.1.0@")));
    assert!(world.image_of(&untagged).ends_with("RC_1.0.0"));
}

#[rstest]
#[case::registering("RegisterTaskDefinition")]
#[case::updating("UpdateService")]
#[case::telling("SendMessageBatch")]
#[case::journalling("Intend")]
#[case::concluding("Conclude")]
fn a_function_killed_anywhere_is_made_up_for(
    #[case] call: &'static str,
    #[values(Fault::Killed, Fault::AnswerLost, Fault::Throttled)] fault: Fault,
) {
    let world = World::new();
    let arn = web(&world);
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.fault(call, fault);
    let _ = world.invoke(&Deploy, push);
    // The lease of a killed function ends by itself.
    world.pass(SignedDuration::from_secs(61));
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&arn).contains("RC_1.1.0@"));
    let registered = world.state().definitions.len();
    let answer_of_registration_lost = call == "RegisterTaskDefinition" && fault == Fault::AnswerLost;
    assert_eq!(registered, 2, "a revision was registered twice (answer lost: {answer_of_registration_lost})");
    let told = titles(&world).iter().filter(|title| title.starts_with("rolling out RC_1.1.0")).count();
    // At least once; twice only where it is not known whether the first one arrived.
    assert!((1..=2).contains(&told), "{:?}", titles(&world));
    assert_eq!(
        world.sweep(&Deploy).unwrap().unwrap()["targets"][0]["reason"],
        "already rolling out RC_1.1.0 (sha256:00000000)"
    );
}

#[test]
fn a_busy_target_is_refused_and_the_event_comes_again() {
    let world = World::new();
    let arn = web(&world);
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.fault("DescribeServices", Fault::Killed);
    assert!(world.invoke(&Deploy, push.clone()).is_none());
    let error = world.invoke(&Deploy, push.clone()).unwrap().unwrap_err();
    assert_eq!(error.kind(), "TargetBusy");
    assert_eq!(error.to_string(), "shop/web is held by request-1 until 2026-11-21T03:01:00Z; this event is retried");
    world.pass(SignedDuration::from_secs(61));
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(world.image_of(&arn).contains("RC_1.1.0@"));
}

#[test]
fn what_went_back_does_not_come_again_until_it_is_approved() {
    let world = World::new();
    let arn = web(&world);
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push.clone()).unwrap().unwrap();
    world.state_mut().roll_back(&arn);
    world.pass(SignedDuration::from_mins(5));
    for _ in 0..3 {
        world.sweep(&Deploy).unwrap().unwrap();
        world.invoke(&Deploy, push.clone()).unwrap().unwrap();
    }
    assert_eq!(count(&world, "UpdateService"), 1);
    assert_eq!(titles(&world)[1..], ["RC_1.1.0 (sha256:00000000) went back to RC_1.0.0; not rolled out again"]);
    let digest = format!("sha256:{:064x}", 11);
    world.state_mut().tags.get_mut(&arn).unwrap().insert("lamplighter:approve".into(), digest);
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&arn).contains("RC_1.1.0@"));
    // The approval is spent: going back again is for good.
    world.state_mut().roll_back(&arn);
    for _ in 0..20 {
        world.pass(SignedDuration::from_mins(5));
        world.sweep(&Deploy).unwrap().unwrap();
    }
    assert_eq!(count(&world, "UpdateService"), 2);
}

#[test]
fn observe_changes_nothing_and_tells_once() {
    let world = World::new();
    let arn = web(&world);
    let push = world.push("shop/web", "RC_1.1.0", 11);
    let observe = || StackDefaults { mode: Mode::Observe, ..StackDefaults::default() };
    for _ in 0..3 {
        world.invoke_with(&Deploy, push.clone(), observe()).unwrap().unwrap();
        world.pass(SignedDuration::from_mins(5));
        world.invoke_with(&Deploy, sweep(), observe()).unwrap().unwrap();
    }
    assert!(world.image_of(&arn).ends_with("RC_1.0.0"));
    assert_eq!(count(&world, "RegisterTaskDefinition") + count(&world, "UpdateService"), 0);
    assert_eq!(titles(&world), ["would roll out"]);
}

#[test]
fn paused_and_off_do_not_even_look() {
    let world = World::new();
    let arn = web(&world);
    let push = world.push("shop/web", "RC_1.1.0", 11);
    let off = StackDefaults { mode: Mode::Off, ..StackDefaults::default() };
    world.invoke_with(&Deploy, push.clone(), off).unwrap().unwrap();
    assert!(world.state().calls.is_empty());
    world.state_mut().tags.get_mut(&arn).unwrap().insert("lamplighter:managed".into(), "paused".into());
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert_eq!(count(&world, "DescribeServices"), 0);
}

#[rstest]
#[case::bad_value("lamplighter:deploy", "tga=latest", "tag lamplighter:deploy can't be read; nothing is done")]
#[case::bad_managed("lamplighter:managed", "yes", "tag lamplighter:managed can't be read; nothing is done")]
#[case::bad_freeze("lamplighter:freeze", "friday", "tag lamplighter:freeze can't be read; nothing is done")]
fn a_bad_tag_is_told_once_and_touches_nothing(#[case] key: &str, #[case] value: &str, #[case] title: &str) {
    let world = World::new();
    let (bad, good) = (web(&world), world.service("worker", "shop/web", "RC_1.0.0", FOLLOWS));
    world.state_mut().tags.get_mut(&bad).unwrap().insert(key.into(), value.into());
    let push = world.push("shop/web", "RC_1.1.0", 11);
    for _ in 0..3 {
        world.invoke(&Deploy, push.clone()).unwrap().unwrap();
        world.sweep(&Deploy).unwrap().unwrap();
    }
    assert!(world.image_of(&bad).ends_with("RC_1.0.0") && world.image_of(&good).contains("RC_1.1.0@"));
    let about_bad =
        world.state().notices.iter().filter(|n| n.target == bad).map(|n| n.message.title.clone()).collect::<Vec<_>>();
    assert_eq!(about_bad, [title]);
}

#[test]
fn a_misspelt_key_is_told_when_it_is_set() {
    let world = World::new();
    let arn = web(&world);
    let tags = json!({"lamplighter:managed": "true", "lamplighter:depoly": "tag=latest"});
    world.state_mut().tags.get_mut(&arn).unwrap().remove("lamplighter:deploy");
    let event = json!({
        "detail-type": "Tag Change on Resource", "source": "aws.tag", "id": "t1", "resources": [arn.as_str()],
        "detail": {"changed-tag-keys": ["lamplighter:depoly"], "service": "ecs", "resource-type": "service", "tags": tags}
    });
    world.invoke(&Deploy, event).unwrap().unwrap();
    let state = world.state();
    assert_eq!(state.notices.len(), 1);
    assert!(state.notices[0].message.why.ends_with("did you mean lamplighter:deploy?"), "{:?}", state.notices);
}

#[test]
fn a_late_event_of_an_older_image_does_not_bring_it_back() {
    let world = World::new();
    let arn = web(&world);
    let older = world.push("shop/web", "RC_1.2.0", 12);
    world.invoke(&Deploy, older.clone()).unwrap().unwrap();
    let newer = world.push("shop/web", "RC_1.3.0", 13);
    world.invoke(&Deploy, newer).unwrap().unwrap();
    // Both were bad: a person went back to the first image by hand.
    let first = world.state().definitions[0].arn().to_owned();
    world.state_mut().deploy(&arn, &first);
    world.pass(SignedDuration::from_mins(5));
    world.invoke(&Deploy, older).unwrap().unwrap();
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&arn).ends_with("RC_1.0.0"));
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
    let arn = web(&world);
    world.push("shop/web", "RC_1.0.0", 10);
    world.sweep(&Deploy).unwrap().unwrap();
    world.state_mut().settle(&arn);
    for definition in &mut world.state_mut().definitions {
        definition.document["containerDefinitions"][0]["secrets"] =
            json!([{"name": "S", "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db"}]);
    }
    world.pass(SignedDuration::from_mins(10));
    let event = rotation(&world);
    world.fault("UpdateService", fault);
    let _ = world.invoke(&Deploy, event.clone());
    world.pass(SignedDuration::from_mins(5));
    for _ in 0..3 {
        world.sweep(&Deploy).unwrap().unwrap();
        world.invoke(&Deploy, event.clone()).unwrap().unwrap();
    }
    world.state_mut().services.get_mut(&arn).unwrap().deployments[0].rollout_state = "COMPLETED".into();
    world.sweep(&Deploy).unwrap().unwrap();
    assert_eq!(world.state().held[&arn].memory.owed, None);
    let restarts =
        world.state().services[&arn].deployments.iter().filter(|d| d.created_at > Some(e2e::world::BEGINNING)).count();
    assert_eq!(restarts, 1);
    let told = titles(&world).iter().filter(|title| title.starts_with("restarting tasks")).count();
    assert_eq!(told, 1, "{:?}", titles(&world));
}

#[test]
fn an_owed_restart_outlives_a_failed_rollout_and_is_not_told_where_somebody_else_did_it() {
    let world = World::new();
    let arn = web(&world);
    world.push("shop/web", "RC_1.0.0", 10);
    world.sweep(&Deploy).unwrap().unwrap();
    world.state_mut().settle(&arn);
    for definition in &mut world.state_mut().definitions {
        definition.document["containerDefinitions"][0]["secrets"] =
            json!([{"name": "S", "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db"}]);
    }
    world.pass(SignedDuration::from_mins(10));
    let none = StackDefaults { actions_per_run: 0, ..StackDefaults::default() };
    world.invoke_with(&Deploy, rotation(&world), none).unwrap().unwrap();
    assert!(world.state().held[&arn].memory.owed.is_some());
    // A rollout is tried and refused, then held for good.
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.fault("RegisterTaskDefinition", Fault::Throttled);
    assert!(world.invoke(&Deploy, push).unwrap().is_err());
    assert!(world.state().held[&arn].memory.owed.is_some());
    // A person rolls another image out by hand.
    world.pass(SignedDuration::from_mins(1));
    let first = world.state().definitions[0].arn().to_owned();
    world.state_mut().deploy(&arn, &first);
    world.state_mut().settle(&arn);
    world.state_mut().tags.get_mut(&arn).unwrap().insert("lamplighter:deploy".into(), "tag=none repo=shop/web".into());
    world.sweep(&Deploy).unwrap().unwrap();
    assert_eq!(world.state().held[&arn].memory.owed, None);
    assert!(!titles(&world).iter().any(|title| title.starts_with("restarting")), "{:?}", titles(&world));
}

#[test]
fn what_was_muted_is_told_when_the_silence_ends() {
    let world = World::new();
    let arn = web(&world);
    let tag = |key: &str, value: &str| {
        world.state_mut().tags.get_mut(&arn).unwrap().insert(format!("lamplighter:{key}"), value.to_owned());
    };
    tag("freeze", "friday");
    tag("silence", "until=2026-11-21T04:00Z");
    world.sweep(&Deploy).unwrap().unwrap();
    assert_eq!(titles(&world), [""; 0]);
    assert_eq!(world.state().journal[0].told, ["(silenced) tag lamplighter:freeze can't be read; nothing is done"]);
    world.pass(SignedDuration::from_hours(1));
    world.sweep(&Deploy).unwrap().unwrap();
    assert_eq!(titles(&world), ["tag lamplighter:freeze can't be read; nothing is done"]);
    tag("silence", "for a while");
    world.sweep(&Deploy).unwrap().unwrap();
    assert_eq!(titles(&world)[1..], ["tag lamplighter:silence can't be read; nothing is done"]);
}

#[test]
fn what_was_to_be_told_survives_a_killed_function() {
    let world = World::new();
    let arn = web(&world);
    world.state_mut().tags.get_mut(&arn).unwrap().insert("lamplighter:aap".into(), "shop".into());
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.fault("UpdateService", Fault::Killed);
    assert!(world.invoke(&Deploy, push).is_none());
    world.pass(SignedDuration::from_mins(5));
    world.sweep(&Deploy).unwrap().unwrap();
    assert_eq!(titles(&world)[0], "tag lamplighter:aap is ignored");
    assert!(titles(&world)[1].starts_with("rolling out RC_1.1.0"), "{:?}", titles(&world));
}

#[test]
fn one_service_that_cannot_be_read_does_not_stop_the_others() {
    let world = World::new();
    let good = world.service("good", "shop/web", "RC_1.0.0", "tag=RC_x.x.x");
    let external = world.service("external", "shop/web", "RC_1.0.0", "tag=RC_x.x.x");
    world.state_mut().services.get_mut(&external).unwrap().task_definition = String::new();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(world.image_of(&good).contains("RC_1.1.0@"));
    assert!(titles(&world).contains(&"can't roll out anything".to_owned()), "{:?}", titles(&world));
}

#[test]
fn a_target_that_cannot_be_looked_at_is_told_once() {
    let world = World::new();
    web(&world);
    for _ in 0..3 {
        world.fault("DescribeServices", Fault::Throttled);
        assert!(world.sweep(&Deploy).unwrap().is_err());
    }
    assert_eq!(titles(&world), ["can't be looked after: DescribeServices failed"]);
}

#[test]
fn a_runaway_is_stopped_and_told_as_critical() {
    let world = World::new();
    let arn = world.service("web", "shop/web", "latest", "tag=latest repo=shop/web");
    for content in 1..=9 {
        let push = world.push("shop/web", "latest", content);
        world.invoke(&Deploy, push).unwrap().unwrap();
        world.pass(SignedDuration::from_mins(3));
    }
    assert_eq!(count(&world, "UpdateService"), 6);
    let critical = world.state().notices.iter().filter(|n| n.message.severity == Severity::Critical).count();
    assert_eq!(critical, 1);
    world.pass(SignedDuration::from_hours(1));
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&arn).ends_with(&format!("{:064x}", 9)), "the newest push is made up for");
}

#[test]
fn actions_of_one_run_are_bounded_and_the_rest_follows() {
    let world = World::new();
    let services: Vec<Arn> =
        (0..5).map(|n| world.service(&format!("web{n}"), "shop/web", "RC_1.0.0", FOLLOWS)).collect();
    let push = world.push("shop/web", "RC_1.1.0", 11);
    let three = || StackDefaults { actions_per_run: 3, ..StackDefaults::default() };
    world.invoke_with(&Deploy, push, three()).unwrap().unwrap();
    assert_eq!(titles(&world).iter().filter(|title| title.starts_with("limit reached")).count(), 1);
    let updated = |world: &World| services.iter().filter(|arn| world.image_of(arn).contains("RC_1.1.0@")).count();
    assert_eq!(updated(&world), 3);
    world.invoke_with(&Deploy, sweep(), three()).unwrap().unwrap();
    assert_eq!(updated(&world), 5);
}

#[test]
fn where_the_intent_cannot_be_written_nothing_is_done() {
    let world = World::new();
    let arn = web(&world);
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.fault("Intend", Fault::Throttled);
    let error = world.invoke(&Deploy, push).unwrap().unwrap_err();
    assert_eq!(error.kind(), "AwsError");
    assert!(world.image_of(&arn).ends_with("RC_1.0.0"));
    assert_eq!(count(&world, "RegisterTaskDefinition"), 0);
}

#[test]
fn a_failed_action_is_journalled_told_and_returned() {
    let world = World::new();
    web(&world);
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.fault("UpdateService", Fault::Throttled);
    let error = world.invoke(&Deploy, push).unwrap().unwrap_err();
    assert_eq!(error.to_string(), "UpdateService shop/web: ThrottlingException: Rate exceeded");
    assert_eq!(titles(&world), ["could not roll out"]);
    let kinds: Vec<Kind> = world.state().journal.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [Kind::Intent, Kind::Outcome]);
}

#[test]
fn a_batch_answers_what_failed() {
    let world = World::new();
    web(&world);
    let push = world.push("shop/web", "RC_1.1.0", 11);
    let records: Vec<Value> = [("m1", push.to_string()), ("m2", "{".to_owned()), ("m3", sweep().to_string())]
        .map(|(id, body)| json!({"eventSource": "aws:sqs", "messageId": id, "body": body}))
        .into();
    let answer = world.invoke(&Deploy, json!({"Records": records})).unwrap().unwrap();
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "m2"}]}));
}

/// Things that happen to one service, in any order.
#[derive(Debug, Clone)]
enum Happening {
    Push { minor: u64 },
    Duplicate { of: usize },
    Sweep,
    Settle,
    Fault(&'static str, Fault),
    Wait,
}

fn happening() -> impl Strategy<Value = Happening> {
    let calls =
        prop::sample::select(vec!["RegisterTaskDefinition", "UpdateService", "Intend", "Conclude", "GetResources"]);
    let faults = prop::sample::select(vec![Fault::Throttled, Fault::AnswerLost, Fault::Killed]);
    prop_oneof![
        3 => (1_u64..20).prop_map(|minor| Happening::Push { minor }),
        2 => (0_usize..8).prop_map(|of| Happening::Duplicate { of }),
        2 => Just(Happening::Sweep),
        1 => Just(Happening::Settle),
        1 => (calls, faults).prop_map(|(call, fault)| Happening::Fault(call, fault)),
        2 => Just(Happening::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Lost, repeated and reordered events, throttled calls, lost answers and killed functions: in the end
    /// the service runs the newest image, never went backwards, and nothing is left to do.
    #[test]
    fn whatever_happens_it_ends_with_the_newest(history in prop::collection::vec(happening(), 1..30)) {
        let world = World::new();
        let arn = web(&world);
        let mut pushes: Vec<Value> = Vec::new();
        let mut newest = 0;
        let mut reached = 0;
        for happening in history {
            match happening {
                Happening::Push { minor } => {
                    pushes.push(world.push("shop/web", &format!("RC_1.{minor}.0"), minor));
                    newest = newest.max(minor);
                    let _ = world.invoke(&Deploy, pushes[pushes.len() - 1].clone());
                }
                Happening::Duplicate { of } if !pushes.is_empty() => {
                    let _ = world.invoke(&Deploy, pushes[of % pushes.len()].clone());
                }
                Happening::Sweep => drop(world.sweep(&Deploy)),
                Happening::Settle => world.state_mut().settle(&arn),
                Happening::Fault(call, fault) => world.fault(call, fault),
                Happening::Wait | Happening::Duplicate { .. } => world.pass(SignedDuration::from_mins(20)),
            }
            let runs = minor_of(&world.image_of(&arn));
            prop_assert!(runs >= reached, "went from {reached} back to {runs}");
            reached = runs;
        }
        world.state_mut().faults.clear();
        world.pass(SignedDuration::from_hours(2));
        prop_assert!(world.sweep(&Deploy).unwrap().is_ok());
        prop_assert_eq!(minor_of(&world.image_of(&arn)), newest);
        let calls = world.state().calls.len();
        world.sweep(&Deploy).unwrap().unwrap();
        prop_assert!(!world.state().calls[calls..].iter().any(|call| call.starts_with("UpdateService")), "it did not settle");
        prop_assert!(world.state().held.values().all(|held| held.lease.is_none() && held.memory.pending.is_empty()));
    }
}

fn minor_of(image: &str) -> u64 {
    let tag = image.split("RC_1.").nth(1).unwrap_or("0");
    tag.split('.').next().and_then(|minor| minor.parse().ok()).unwrap_or(0)
}

#[test]
fn a_quarantine_that_another_operation_wrote_is_respected() {
    let world = World::new();
    let arn = web(&world);
    let push = world.push("shop/web", "RC_1.1.0", 11);
    world.push("shop/web", "RC_1.0.5", 5);
    let mut held = e2e::world::Held::default();
    held.memory.quarantined.insert(Digest::new(format!("sha256:{:064x}", 11)), "5xx".into());
    world.state_mut().held.insert(arn.clone(), held);
    world.invoke(&Deploy, push).unwrap().unwrap();
    assert!(world.image_of(&arn).ends_with("RC_1.0.0"));
    world.sweep(&Deploy).unwrap().unwrap();
    assert!(world.image_of(&arn).contains("RC_1.0.5@"), "the newest that is not quarantined is rolled out");
    let attempts: Vec<Attempt> = world.state().held[&arn].memory.attempts.clone();
    assert!(attempts.iter().all(|attempt| attempt.finished));
}
