//! Translates the stack's own alarms: on dead-lettered events, and on sweeps that do not run.

use lamplighter::event::detail::alarm::AlarmChange;
use lamplighter::model::AlarmState;
use lamplighter::notify::Message;

use crate::grouping::STACK_ALARM;

use super::{Event, TranslatedEvent, console_page_link};

/// A CloudWatch alarm that the stack creates on itself.
#[derive(Debug, Clone, Copy)]
pub enum StackAlarm<'a> {
    DeadLetters,
    /// The alarm on a sweep that does not run, with its operation.
    SweepSilent(&'a str),
    /// An alarm that publishes to the topic directly, without this function.
    DirectToTopic,
}

/// Returns which alarm of the stack changed; `None` if it is not one of them.
pub fn classify_alarm<'a>(change: &'a AlarmChange, stack: &str) -> Option<StackAlarm<'a>> {
    match change.name.strip_prefix(stack)? {
        "-dead-letters" => Some(StackAlarm::DeadLetters),
        "-untold" | "-alert-fails" => Some(StackAlarm::DirectToTopic),
        name => name.strip_prefix("-silent-").map(StackAlarm::SweepSilent),
    }
}

/// Translates a state change of an alarm of the stack. Returns `None` in three cases: there is no
/// data, an alarm on a silent sweep leaves its initial state, or CloudWatch itself publishes the
/// alarm.
pub fn translate_stack_alarm(
    alarm: StackAlarm<'_>,
    change: &AlarmChange,
    event: &Event,
    stack: &str,
) -> Option<TranslatedEvent> {
    let (begins, ends, page) = match alarm {
        StackAlarm::DeadLetters => dead_letter_messages(&queue_url(change, event), &event.region),
        StackAlarm::DirectToTopic => return None,
        StackAlarm::SweepSilent(_) if change.previous == Some(AlarmState::InsufficientData) => {
            return None;
        }
        StackAlarm::SweepSilent(operation) => silent_sweep_messages(
            operation,
            alarm_dimension(change, "RuleName"),
            &event.region,
        ),
    };
    let condition = format!("{STACK_ALARM}{}", change.name);
    let message = match change.state {
        AlarmState::Alarm => begins.fires(condition),
        AlarmState::Ok => ends.clears(condition),
        AlarmState::InsufficientData => return None,
    };
    let arn = event.first_resource();
    let link = console_page_link(event, &arn, &page.0, &page.1);
    Some(TranslatedEvent {
        message,
        target: arn,
        name: stack.to_owned(),
        app: None,
        link: Some(link),
    })
}

/// The message when an alarm fires, the message when it resolves, and the console's service and
/// page.
type AlarmMessages = (Message, Message, (String, String));

/// Returns the messages about dead-lettered events; `queue` is the URL of the dead-letter queue.
fn dead_letter_messages(queue: &str, region: &str) -> AlarmMessages {
    let begins = Message::critical("an event was given up on")
        .why("A function failed with it every time. The dead-letter queue has the event and the reason.")
        .next(format!(
            "What it was about, the next sweep looks at again; only of a secret's rotation there is no sweep: invoke Deploy with \
             its event. Purge the queue when all is well. To read it: aws sqs receive-message --region {region} \
             --visibility-timeout 0 --attribute-names All --message-attribute-names All --queue-url {queue}"
        ));
    let ends = Message::info("the dead-letter queue is empty")
        .why("Its messages were taken out of it, or are older than 14 days.")
        .next("Nothing to do.");
    (
        begins,
        ends,
        (
            "sqs/v3".to_owned(),
            format!("home?region={region}#/queues/{}", encode_url(queue)),
        ),
    )
}

/// Returns the messages about a sweep whose EventBridge rule has started nothing.
fn silent_sweep_messages(operation: &str, rule: &str, region: &str) -> AlarmMessages {
    let begins = Message::critical(format!("the sweep of {operation} does not run"))
        .why(format!("The rule {rule} has started nothing for several of its turns. What no event tells, {operation} does not see."))
        .next(format!(
            "Look whether somebody turned it off: aws events describe-rule --region {region} --name {rule} says its State. If it is \
             DISABLED: aws events enable-rule --region {region} --name {rule}. If there is no such rule, OPERATIONS.md says how it comes back."
        ));
    let ends = Message::info(format!("the sweep of {operation} runs again"))
        .why(format!("The rule {rule} has started it."))
        .next("Nothing to do. What happened meanwhile is looked at now.");
    (
        begins,
        ends,
        (
            "events".to_owned(),
            format!("home?region={region}#/eventbus/default/rules/{rule}"),
        ),
    )
}

/// Returns the value of a dimension of the alarm's metrics, or `?` if there is none.
fn alarm_dimension<'a>(change: &'a AlarmChange, dimension: &str) -> &'a str {
    change
        .metrics
        .iter()
        .find_map(|metric| metric.dimensions.get(dimension))
        .map_or("?", String::as_str)
}

fn queue_url(change: &AlarmChange, event: &Event) -> String {
    let Event {
        region, account, ..
    } = event;
    let host = if event.partition() == "aws-cn" {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!(
        "https://sqs.{region}.{host}/{account}/{}",
        alarm_dimension(change, "QueueName")
    )
}

/// Encodes a URL for use within a console URL.
fn encode_url(url: &str) -> String {
    url.replace(':', "%3A").replace('/', "%2F")
}
