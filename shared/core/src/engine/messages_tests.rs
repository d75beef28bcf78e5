//! Every message of the engine itself, as people read it. A change of a text is a change of its snapshot.

use jiff::Timestamp;

use super::messages as words;
use crate::AwsError;
use crate::engine::limits::LimitReached;
use crate::model::Arn;
use crate::notify::Message;
use crate::plan::{Action, Finding, ReleaseAction, RestartTasks, Step};
use crate::policy::TagError;

#[test]
fn every_message_of_the_engine() {
    let service = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
    let redeploy = RestartTasks {
        service,
        since: Timestamp::UNIX_EPOCH,
        shifts: false,
        heals: true,
    };
    let reason = "crashes again and again".to_owned();
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
    let messages = [
        words::bad_tag_message(&mistake),
        words::unknown_tag_message(&mistake),
        words::unreadable_target_message(&error("ThrottlingException", "Rate exceeded", true)),
        words::unmanaged_target_message("heal"),
        words::limit_reached_message(&step, &LimitReached::RolloutsPerHour(6)),
        words::limit_reached_message(&step, &LimitReached::ActionsPerRun(20)),
        words::findings_message(&[&unchecked]).unwrap_or_else(|| Message::info("none")),
        words::findings_message(&[&unchecked, &unlogged]).unwrap_or_else(|| Message::info("none")),
        words::observe_only_message(&step),
        words::action_failed_message(
            &step,
            &error(
                "AccessDeniedException",
                "not authorized to perform: ecs:UpdateService",
                true,
            ),
        ),
        words::action_failed_message(&step, &error("Timeout", "no answer came", false)),
    ];
    insta::assert_snapshot!(messages.map(|message| message.to_string()).join("\n\n"));
}
