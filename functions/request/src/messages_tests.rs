//! Every message of `request`, as people read it. A change of a text is a change of its snapshot.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Command, Request, RequestScope};

use crate::messages;

const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z

fn pause(scope: RequestScope, hours: Option<i64>) -> Request {
    Request {
        id: "call-1".to_owned(),
        at: NOW,
        by: "arn:aws:sts::123456789012:assumed-role/Operators/alice".to_owned(),
        reason: "database migration".to_owned(),
        until: hours.map(|hours| NOW + SignedDuration::from_hours(hours)),
        scope,
        command: Command::Pause,
    }
}

#[test]
fn every_message() {
    let target = "arn:aws:ecs:eu-west-1:123456789012:service/shop/web".to_owned();
    let target = pause(RequestScope::Target(target), Some(2));
    let application = pause(RequestScope::Application("shop".to_owned()), None);
    let everything = pause(RequestScope::Everything, Some(2));
    let resume = Request {
        command: Command::Resume,
        reason: "the migration is done".to_owned(),
        ..everything.clone()
    };
    let later = NOW + SignedDuration::from_mins(95);
    let messages = [
        messages::paused(&target),
        messages::paused(&application),
        messages::paused(&everything),
        messages::redrive_message(&everything, 3),
        messages::resumed(&resume, Some(&everything), later),
        messages::pause_ended(&target, &[]).unwrap(),
        messages::pause_ended(&everything, &[&application]).unwrap(),
    ];
    insta::assert_snapshot!(messages.map(|message| message.to_string()).join("\n\n"));
}
