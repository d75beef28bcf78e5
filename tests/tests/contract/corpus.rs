//! Recorded event payloads, as input of every operation.
//!
//! They are not part of this project: `EVENT_CORPUS` names their folder, with one folder for each kind and one file
//! for each payload. Without it, these tests are skipped with a message.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use deploy::Deploy;
use e2e::testkit::world::World;
use enroll::Enroll;
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::AlarmChange;
use lamplighter::event::detail::ecr::ImageAction;
use lamplighter::event::payload::{Payload, build_batch_response, parse_queue_records};
use lamplighter::model::{AlarmState, Arn};
use rollout::Rollout;
use scale::Scale;
use serde_json::Value;
use verify::Verify;

/// Payloads by kind; `None` where the variable is not set.
fn corpus() -> Option<BTreeMap<String, Vec<(PathBuf, Value)>>> {
    let Some(folder) = std::env::var_os("EVENT_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: set EVENT_CORPUS to a folder of event payloads");
        return None;
    };
    let mut kinds: BTreeMap<String, Vec<(PathBuf, Value)>> = BTreeMap::new();
    for kind in fs::read_dir(&folder)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
    {
        for file in fs::read_dir(kind.path()).unwrap().flatten() {
            let payload = serde_json::from_str(&fs::read_to_string(file.path()).unwrap()).unwrap();
            kinds
                .entry(kind.file_name().into_string().unwrap())
                .or_default()
                .push((file.path(), payload));
        }
    }
    Some(kinds)
}

fn changes(world: &World) -> usize {
    let changing = [
        "RegisterTaskDefinition",
        "UpdateService",
        "PutMetricAlarm",
        "DeleteAlarms",
    ];
    world
        .state()
        .calls
        .iter()
        .filter(|call| changing.iter().any(|name| call.starts_with(name)))
        .count()
}

/// What an image action leads to, said without the code under test.
fn is_push_of_an_image(detail: &Value) -> bool {
    let text = |key: &str| detail[key].as_str().unwrap_or_default();
    let artifact = text("artifact-media-type");
    text("action-type") == "PUSH"
        && text("result") == "SUCCESS"
        && !text("image-tag").is_empty()
        && (artifact.is_empty() || artifact.contains("image"))
}

#[test]
fn no_payload_panics_and_only_handled_kinds_act() {
    let Some(corpus) = corpus() else { return };
    let mut seen = 0;
    for (kind, payloads) in corpus {
        for (path, payload) in payloads {
            let world = World::new();
            let arn = world.service("web", "shop/web", "latest", "tag=latest repo=shop/web");
            let settled = world.push("shop/web", "latest", 1);
            world.invoke(&Deploy, settled).unwrap().unwrap();
            let before = (world.image_of(&arn), changes(&world));
            // Nothing in the corpus is about this service, so whatever comes back, nothing may change.
            let hangs = || panic!("{kind}: {} hangs", path.display());
            let _ = world.invoke(&Deploy, payload.clone()).unwrap_or_else(hangs);
            let _ = world.invoke(&Scale, payload.clone()).unwrap_or_else(hangs);
            let _ = world
                .invoke(&Rollout, payload.clone())
                .unwrap_or_else(hangs);
            let _ = world.invoke(&Verify, payload.clone()).unwrap_or_else(hangs);
            // A sweep enrols what is managed; nothing else in the corpus is about it.
            if !["scheduled-event", "eventbridge-scheduler"].contains(&kind.as_str()) {
                let _ = world.invoke(&Enroll, payload).unwrap_or_else(hangs);
            }
            assert_eq!(
                (world.image_of(&arn), changes(&world)),
                before,
                "{kind}: {}",
                path.display()
            );
            seen += 1;
        }
    }
    assert!(seen >= 225, "only {seen} payloads");
}

/// Where the corpus keeps alarms, and what is in the kind besides.
const ALARMS: [&str; 5] = [
    "cloudwatch-alarm-state-change",
    "cloudwatch-alarm-lambda-action",
    "cloudwatch-alarm-sns-message",
    "sns-lambda-cloudwatch-alarm",
    "cloudwatch-alarm-contributor-state-change",
];

/// The alarm in a payload of any form, as the event that it is.
fn alarm_in(payload: &Value) -> Option<AlarmChange> {
    let delivered = Payload::parse(payload.clone()).ok()?;
    let event = match delivered {
        Payload::Direct(event) => *event,
        Payload::Topic(mut events) => events.pop()?,
        Payload::Queue(_) => return None,
    };
    match event.detail {
        Detail::AlarmChange(change) => Some(change),
        _ => None,
    }
}

#[test]
fn every_alarm_leads_to_its_service_or_to_a_reasoned_nothing() {
    let Some(corpus) = corpus() else { return };
    let (mut alarms, mut reached) = (0, 0);
    for (path, payload) in ALARMS.iter().flat_map(|kind| &corpus[*kind]) {
        let change = alarm_in(payload).unwrap_or_else(|| panic!("{} is no alarm", path.display()));
        let world = World::new();
        // Whatever an ECS metric names exists here, in the alarm's partition, region and account.
        let named = change.metrics.iter().find_map(|metric| {
            let dimension = |name: &str| metric.dimensions.get(name).cloned();
            Some((dimension("ClusterName")?, dimension("ServiceName")?))
        });
        let service = named.map(|(cluster, name)| {
            let alarm = Arn::new(change.arn.clone());
            let (partition, region, account) =
                (alarm.partition(), alarm.region(), alarm.account_id());
            world.busy(&Arn::new(format!(
                "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{name}"
            )))
        });
        let answer = world.invoke(&Scale, payload.clone()).unwrap();
        let answer = answer.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let updated = world.count("UpdateService");
        let expected = usize::from(change.state == AlarmState::Alarm && service.is_some());
        assert_eq!(updated, expected, "{}: {answer}", path.display());
        let said = answer.to_string();
        assert!(
            updated == 1 || said.contains("reason") || said.contains("events"),
            "{}: {said}",
            path.display()
        );
        alarms += 1;
        reached += updated;
    }
    assert!(alarms >= 30, "only {alarms} alarms");
    eprintln!("{alarms} alarms, {reached} of a service in ALARM");
}

#[test]
fn every_push_of_an_image_reaches_the_service_that_follows_it() {
    let Some(corpus) = corpus() else { return };
    let mut rolled_out = 0;
    for (path, payload) in &corpus["ecr-image-action"] {
        let detail = &payload["detail"];
        let action: ImageAction = serde_json::from_value(detail.clone()).unwrap();
        let world = World::new();
        let tag = if action.image_tag.is_empty() {
            "latest"
        } else {
            &action.image_tag
        };
        let follows = format!("tag={tag} repo={}", action.repository_name);
        let arn = world.service("web", &action.repository_name, "before", &follows);
        world.push(&action.repository_name, tag, 7);
        world.invoke(&Deploy, payload.clone()).unwrap().unwrap();
        let pushed = is_push_of_an_image(detail);
        assert_eq!(
            world.image_of(&arn).contains("@sha256:"),
            pushed,
            "{}",
            path.display()
        );
        rolled_out += usize::from(pushed);
    }
    assert!(rolled_out >= 10, "only {rolled_out} pushes");
}

#[test]
fn every_deployment_event_leads_to_the_rollout_that_it_names_or_to_a_reasoned_nothing() {
    let Some(corpus) = corpus() else { return };
    let (mut all, mut reached) = (0, 0);
    for (path, payload) in ["ecs-deployment-state-change", "ecs-service-action"]
        .iter()
        .flat_map(|kind| &corpus[*kind])
    {
        let named = payload["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(Arn::new);
        let service = named
            .into_iter()
            .find(|arn| arn.ecs_cluster_and_name().is_some());
        // Whatever is named exists here and is followed; so is another one, which stays out of it.
        let world = World::new();
        for arn in service.iter().chain([&world.web()]) {
            world.followed(arn);
        }
        let answer = world.invoke(&Rollout, payload.clone()).unwrap();
        let answer = answer.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let targets = answer["targets"].as_array().unwrap();
        let expected = service.as_ref().map(Arn::display_name);
        assert_eq!(
            (targets.len(), targets[0]["target"].as_str()),
            (1, expected.as_deref()),
            "{}",
            path.display()
        );
        assert!(
            targets[0]["reason"].is_string(),
            "{}: {answer}",
            path.display()
        );
        all += 1;
        reached += usize::from(service.is_some());
    }
    assert!(all >= 19 && reached >= 15, "{reached} of {all}");
}

#[test]
fn every_hook_call_is_answered_with_a_valid_status() {
    let Some(corpus) = corpus() else { return };
    for (path, payload) in &corpus["ecs-native-lifecycle-hook"] {
        let parsed =
            Payload::parse(payload.clone()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let Payload::Direct(event) = parsed else {
            panic!("{}", path.display())
        };
        let Detail::Hook(call) = event.detail else {
            panic!("{} is no call of a hook", path.display())
        };
        assert!(
            call.service.ecs_cluster_and_name().is_some() && !call.target_revision.is_empty(),
            "{}: {call:?}",
            path.display()
        );
        let world = World::new();
        world.followed(&call.service);
        let answer = world.invoke(&Verify, payload.clone()).unwrap().unwrap();
        assert_eq!(
            answer["hookStatus"],
            "SUCCEEDED",
            "{}: ECS knows no such deployment here",
            path.display()
        );
    }
}

#[test]
fn every_word_of_code_deploy_leads_to_the_deployment_that_it_names() {
    let Some(corpus) = corpus() else { return };
    let mut all = 0;
    for (path, payload) in [
        "codedeploy-deployment-state-change",
        "codedeploy-lifecycle-hook",
    ]
    .iter()
    .flat_map(|k| &corpus[*k])
    {
        let world = World::new();
        let web = world.service("web", "shop/web", "latest", "tag=latest repo=shop/web");
        world.by_code_deploy(&web);
        world.followed(&web);
        let named = payload["detail"]["deploymentId"]
            .as_str()
            .or_else(|| payload["DeploymentId"].as_str())
            .unwrap();
        world.renames_code_deployment(&web, named);
        let is_hook = payload.get("detail").is_none();
        let answer = if is_hook {
            world.invoke(&Verify, payload.clone())
        } else {
            world.invoke(&Rollout, payload.clone())
        };
        let answer = answer
            .unwrap()
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(
            answer["targets"][0]["target"],
            "shop/web",
            "{}: {answer}",
            path.display()
        );
        all += 1;
    }
    assert!(all >= 7, "only {all}");
}

#[test]
fn every_rotation_with_a_time_restarts_the_readers_of_its_secret() {
    let Some(corpus) = corpus() else { return };
    for (path, payload) in &corpus["secretsmanager-rotation-succeeded"] {
        let detail = &payload["detail"];
        let secret = [
            &detail["additionalEventData"]["SecretId"],
            &detail["serviceEventDetails"]["secretId"],
            &detail["responseElements"]["arn"],
        ];
        let secret = secret.iter().find_map(|s| s.as_str()).unwrap();
        let world = World::new();
        let arn = world.service("web", "shop/web", "latest", "tag=latest repo=shop/web");
        world.state_mut().read_secret("shop-web", secret);
        // The service has been running since before the rotation.
        let long_ago = "2020-01-01T00:00:00Z".parse().unwrap();
        world
            .state_mut()
            .services
            .get_mut(&arn)
            .unwrap()
            .deployments[0]
            .created_at = Some(long_ago);
        world.invoke(&Deploy, payload.clone()).unwrap().unwrap();
        let restarted = world.state().services[&arn].has_rollout_in_progress();
        assert_eq!(restarted, payload["time"].is_string(), "{}", path.display());
    }
}

#[test]
fn payloads_that_are_no_events_are_malformed() {
    let Some(corpus) = corpus() else { return };
    let no_events = [
        "secretsmanager-rotation-lambda",
        "sqs-receive-message-eventbridge",
    ];
    for kind in no_events {
        for (path, payload) in &corpus[kind] {
            let world = World::new();
            let result = world.invoke(&Deploy, payload.clone()).unwrap();
            assert_eq!(
                result.unwrap_err().kind(),
                "MalformedEvent",
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn sweeps_are_sweeps_in_every_form() {
    let Some(corpus) = corpus() else { return };
    for kind in ["scheduled-event", "eventbridge-scheduler"] {
        for (path, payload) in &corpus[kind] {
            let world = World::new();
            let arn: Arn = world.service("web", "shop/web", "latest", "tag=latest repo=shop/web");
            world.push("shop/web", "latest", 7);
            world.invoke(&Deploy, payload.clone()).unwrap().unwrap();
            assert!(
                world.image_of(&arn).contains("@sha256:"),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn every_recorded_sqs_batch_is_parsed_message_by_message() {
    let Some(corpus) = corpus() else { return };
    let mut messages = 0;
    for (path, payload) in ["sqs-lambda-eventbridge", "sqs-lambda-other"]
        .iter()
        .flat_map(|kind| &corpus[*kind])
    {
        let count = payload["Records"].as_array().unwrap().len();
        let records = parse_queue_records(payload.clone())
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(records.len(), count, "{}", path.display());
        assert!(
            records
                .iter()
                .all(|record| record.body.is_ok() && !record.message_id.is_empty()),
            "{}",
            path.display()
        );
        let response = build_batch_response(records.into_iter().map(|record| record.message_id));
        assert_eq!(
            response["batchItemFailures"].as_array().unwrap().len(),
            count
        );
        messages += count;
    }
    assert!(messages > 0);
}
