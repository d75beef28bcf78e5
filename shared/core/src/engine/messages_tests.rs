//! Every message of the engine itself, as people read it. A change of a text is a change of its snapshot.

use jiff::Timestamp;

use super::messages;
use crate::engine::limits::LimitReached;
use crate::model::Arn;
use crate::notify::Message;
use crate::plan::{Action, Finding, ReleaseAction, RestartTasks, Step};
use crate::policy::TagError;
use crate::{AwsError, Function};

#[test]
fn every_message_of_the_engine() {
    let texts: Vec<String> = tag_messages()
        .into_iter()
        .chain(limit_messages())
        .chain(findings_messages())
        .chain(action_messages())
        .map(|message| message.to_string())
        .collect();
    insta::assert_snapshot!(texts.join("\n\n"));
}

fn tag_messages() -> Vec<Message> {
    let mistake = TagError {
        tag: "lamplighter:heal".to_owned(),
        value: "of".to_owned(),
        problem: "is not one of on, notify, off".to_owned(),
        example: "on steps=3".to_owned(),
    };
    let silence = TagError {
        tag: "lamplighter:silence".to_owned(),
        value: "until=tomorrow".to_owned(),
        problem: "until=tomorrow is not a time such as 2026-12-01T08:00Z".to_owned(),
        example: "until=2026-12-01T08:00Z".to_owned(),
    };
    vec![
        messages::invalid_tag_message(&mistake),
        messages::invalid_silence_message(&silence),
        messages::unknown_tag_message(&mistake),
        messages::unreadable_target_message(&error("ThrottlingException", "Rate exceeded", true)),
        messages::unmanaged_target_message(Function::Heal.tag()),
        messages::unmanaged_target_message(Function::Drill.tag()),
    ]
}

fn limit_messages() -> Vec<Message> {
    [
        LimitReached::RolloutsPerHour(6),
        LimitReached::ActionsPerRun(20),
        LimitReached::ScalingsPerHour(60),
    ]
    .map(|limit| messages::limit_reached_message(&step(), &limit))
    .into_iter()
    .chain([messages::rollout_postponed_message(
        &step(),
        &LimitReached::RolloutsPerHour(6),
        "2026-11-21T04:12:00Z".parse().unwrap(),
    )])
    .collect()
}

fn findings_messages() -> Vec<Message> {
    let unchecked = finding("no-health-check", "no health check");
    let unlogged = finding("no-logs", "no logs");
    [
        messages::findings_message(&[&unchecked]),
        messages::findings_message(&[&unchecked, &unlogged]),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn action_messages() -> Vec<Message> {
    let denied = error(
        "AccessDeniedException",
        "not authorized to perform: ecs:UpdateService",
        true,
    );
    let timeout = error("Timeout", "no answer came", false);
    vec![
        messages::observe_only_message(&step()),
        messages::action_failed_message(&step(), &denied),
        messages::action_failed_message(&step(), &timeout),
    ]
}

fn step() -> Step {
    Step {
        action: Action::Release(ReleaseAction::RestartTasks(RestartTasks {
            service: Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web"),
            since: Timestamp::UNIX_EPOCH,
            shifts: false,
            heals: true,
        })),
        reason: "It is in a crash loop.".to_owned(),
        message: None,
    }
}

fn error(code: &str, message: &str, refused: bool) -> AwsError {
    AwsError {
        call: "UpdateService",
        target: "shop/web".to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        refused,
    }
}

fn finding(key: &str, title: &str) -> Finding {
    Finding {
        key: key.to_owned(),
        message: Message::warning(title)
            .why("Its tasks are not checked.")
            .next("Give it a health check."),
    }
}
