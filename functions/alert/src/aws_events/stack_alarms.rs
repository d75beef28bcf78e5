//! Translates the stack's own alarms: on dead-lettered events, and on sweeps that do not run.

use lamplighter::event::detail::alarm::AlarmChange;
use lamplighter::model::AlarmState;
use lamplighter::notify::Message;

use super::envelope::AwsEvent;
use super::translation::{TranslatedEvent, console_page_link};
use crate::conditions::STACK_ALARM_PREFIX;

/// A CloudWatch alarm that the stack creates on itself.
#[derive(Debug, Clone, Copy)]
pub enum StackAlarm<'a> {
    DeadLetters,
    /// The alarm on a sweep that does not run, with its operation.
    SweepSilent(&'a str),
    /// An alarm that publishes to the topic directly, without this function.
    DirectToTopic,
}

/// The texts about one alarm of the stack.
struct AlarmTexts {
    firing: Message,
    resolved: Message,
    console_service: &'static str,
    console_page: String,
}

/// Returns which alarm of the stack changed; `None` if it is not one of them.
pub fn classify_alarm<'a>(change: &'a AlarmChange, stack: &str) -> Option<StackAlarm<'a>> {
    match change.name.strip_prefix(stack)? {
        "-dead-letters" => Some(StackAlarm::DeadLetters),
        "-undelivered" | "-alert-fails" => Some(StackAlarm::DirectToTopic),
        name => name.strip_prefix("-silent-").map(StackAlarm::SweepSilent),
    }
}

/// Translates a state change of an alarm of the stack. Returns `None` in three cases: there is no
/// data, an alarm on a silent sweep leaves its initial state, or CloudWatch itself publishes the
/// alarm.
pub fn translate_stack_alarm(
    alarm: StackAlarm<'_>,
    change: &AlarmChange,
    event: &AwsEvent,
    stack: &str,
) -> Option<TranslatedEvent> {
    let texts = match alarm {
        StackAlarm::DeadLetters => dead_letter_texts(&queue_url(change, event), &event.region),
        StackAlarm::DirectToTopic => return None,
        StackAlarm::SweepSilent(_) if change.previous == Some(AlarmState::InsufficientData) => {
            return None;
        }
        StackAlarm::SweepSilent(operation) => {
            let rule = alarm_dimension(change, "RuleName");
            silent_sweep_texts(operation, rule, &event.region)
        }
    };
    let condition = format!("{STACK_ALARM_PREFIX}{}", change.name);
    let message = match change.state {
        AlarmState::Alarm => texts.firing.fires(condition),
        AlarmState::Ok => texts.resolved.clears(condition),
        AlarmState::InsufficientData => return None,
    };
    let target = event.first_resource();
    let link = console_page_link(event, &target, texts.console_service, &texts.console_page);
    Some(TranslatedEvent {
        message,
        target,
        name: stack.to_owned(),
        app: None,
        link: Some(link),
    })
}

/// Returns the texts about dead-lettered events; `queue` is the URL of the dead-letter queue.
fn dead_letter_texts(queue: &str, region: &str) -> AlarmTexts {
    let firing = Message::critical("events failed all retries - dead-letter queue is not empty")
        .action("The next sweep reconciles their targets, except after the rotation of a secret.")
        .why("A function failed on every attempt. Each message in the queue has the event and the error.")
        .next(format!(
            "Read the queue:\naws sqs receive-message --region {region} --visibility-timeout 0 \
             --max-number-of-messages 10 --attribute-names All --message-attribute-names All --queue-url {queue}\n\
             Repeat until you have read every event. Fix the causes, then send the events again with a request to redrive (docs/requests.md), or purge the queue."
        ));
    let resolved = Message::info("dead-letter queue is empty")
        .why("Its messages were removed, or expired after 14 days.")
        .next("Nothing to do.");
    AlarmTexts {
        firing,
        resolved,
        console_service: "sqs/v3",
        console_page: format!("home?region={region}#/queues/{}", encode_url(queue)),
    }
}

/// Returns the texts about a sweep whose EventBridge rule has started nothing.
fn silent_sweep_texts(operation: &str, rule: &str, region: &str) -> AlarmTexts {
    let firing = Message::critical(format!(
        "{operation} sweep is not running - its EventBridge rule started nothing"
    ))
    .why(format!(
        "The rule {rule} missed several intervals. {operation} now sees only what AWS sends as an event."
    ))
    .next(format!(
        "Check the State of the rule:\naws events describe-rule --region {region} --name {rule}\n\
         If it is DISABLED, enable it:\naws events enable-rule --region {region} --name {rule}\n\
         If the rule does not exist, follow the section Disaster of OPERATIONS.md."
    ));
    let resolved = Message::info(format!("{operation} sweep is running again"))
        .action("Lamplighter now reconciles what the missed sweeps left.")
        .why(format!("The rule {rule} started it."))
        .next("Nothing to do.");
    AlarmTexts {
        firing,
        resolved,
        console_service: "events",
        console_page: format!("home?region={region}#/eventbus/default/rules/{rule}"),
    }
}

/// Returns the value of a dimension of the alarm's metrics, or `?` if there is none.
fn alarm_dimension<'a>(change: &'a AlarmChange, dimension: &str) -> &'a str {
    change
        .metrics
        .iter()
        .find_map(|metric| metric.dimensions.get(dimension))
        .map_or("?", String::as_str)
}

fn queue_url(change: &AlarmChange, event: &AwsEvent) -> String {
    let domain = if event.partition() == "aws-cn" {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    let region = &event.region;
    let account = &event.account;
    let queue = alarm_dimension(change, "QueueName");
    format!("https://sqs.{region}.{domain}/{account}/{queue}")
}

/// Encodes a URL for use within a console URL.
fn encode_url(url: &str) -> String {
    url.replace(':', "%3A").replace('/', "%2F")
}
