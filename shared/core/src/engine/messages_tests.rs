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
    let service = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
    let redeploy = RestartTasks {
        service,
        since: Timestamp::UNIX_EPOCH,
        shifts: false,
        heals: true,
    };
    let reason = "It is in a crash loop.".to_owned();
    let step = Step {
        action: Action::Release(ReleaseAction::RestartTasks(redeploy)),
        reason,
        message: None,
    };
    let mistake = TagError {
        tag: "lamplighter:heal".to_owned(),
        value: "of".to_owned(),
        problem: "is not one of on, notify, off".to_owned(),
        example: "on steps=3".to_owned(),
    };
    let error = |code: &str, message: &str, refused: bool| AwsError {
        call: "UpdateService",
        target: "shop/web".to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        refused,
    };
    let finding = |key: &str, title: &str| Finding {
        key: key.to_owned(),
        message: Message::warning(title)
            .why("Its tasks are not checked.")
            .next("Give it a health check."),
    };
    let (unchecked, unlogged) = (
        finding("no-health-check", "no health check"),
        finding("no-logs", "no logs"),
    );
    let texts = [
        messages::invalid_tag_message(&mistake),
        messages::invalid_silence_message(&TagError {
            tag: "lamplighter:silence".to_owned(),
            value: "until=tomorrow".to_owned(),
            problem: "until=tomorrow is not a time such as 2026-12-01T08:00Z".to_owned(),
            example: "until=2026-12-01T08:00Z".to_owned(),
        }),
        messages::unknown_tag_message(&mistake),
        messages::unreadable_target_message(&error("ThrottlingException", "Rate exceeded", true)),
        messages::unmanaged_target_message(Function::Heal.tag()),
        messages::unmanaged_target_message(Function::Drill.tag()),
        messages::limit_reached_message(&step, &LimitReached::RolloutsPerHour(6)),
        messages::limit_reached_message(&step, &LimitReached::ActionsPerRun(20)),
        messages::limit_reached_message(&step, &LimitReached::ScalingsPerHour(60)),
        messages::findings_message(&[&unchecked]).unwrap_or_else(|| Message::info("none")),
        messages::findings_message(&[&unchecked, &unlogged])
            .unwrap_or_else(|| Message::info("none")),
        messages::observe_only_message(&step),
        messages::action_failed_message(
            &step,
            &error(
                "AccessDeniedException",
                "not authorized to perform: ecs:UpdateService",
                true,
            ),
        ),
        messages::action_failed_message(&step, &error("Timeout", "no answer came", false)),
    ];
    insta::assert_snapshot!(texts.map(|message| message.to_string()).join("\n\n"));
}
