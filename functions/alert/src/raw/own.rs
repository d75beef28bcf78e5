//! Alarms of the stack itself: on what was given up on, and on sweeps that do not run.

use lamplighter::event::detail::alarm::AlarmChange;
use lamplighter::model::AlarmState;
use lamplighter::notify::Message;

use crate::gather::OWN_ALARM;

use super::{Event, Told, link};

/// An alarm of the stack.
#[derive(Debug, Clone, Copy)]
pub enum Own<'a> {
    DeadLetters,
    /// Of the operation whose sweep it watches.
    Silent(&'a str),
    /// It goes to the topic by itself, past this function.
    Past,
}

/// Which alarm of the stack it is, if it is one.
pub fn of<'a>(change: &'a AlarmChange, stack: &str) -> Option<Own<'a>> {
    match change.name.strip_prefix(stack)? {
        "-dead-letters" => Some(Own::DeadLetters),
        "-untold" | "-alert-fails" => Some(Own::Past),
        name => name.strip_prefix("-silent-").map(Own::Silent),
    }
}

/// What the change says; `None` where it is no news: it has no data, an alarm on silence is new and no sweep has run yet, or
/// CloudWatch tells it itself.
pub fn changed(alarm: Own<'_>, change: &AlarmChange, event: &Event, stack: &str) -> Option<Told> {
    let (begins, ends, page) = match alarm {
        Own::DeadLetters => given_up(&queue_url(change, event), &event.region),
        Own::Past => return None,
        Own::Silent(_) if change.previous == Some(AlarmState::InsufficientData) => return None,
        Own::Silent(operation) => silent(operation, measured(change, "RuleName"), &event.region),
    };
    let condition = format!("{OWN_ALARM}{}", change.name);
    let message = match change.state {
        AlarmState::Alarm => begins.begins(condition),
        AlarmState::Ok => ends.ends(condition),
        AlarmState::InsufficientData => return None,
    };
    let arn = event.resource();
    let link = link(event, &arn, &page.0, &page.1);
    Some(Told {
        message,
        target: arn,
        name: stack.to_owned(),
        app: None,
        link: Some(link),
    })
}

/// How it begins, how it ends, and the service and the page of the console that shows it.
type Said = (Message, Message, (String, String));

/// Events that were given up on, by the URL of the queue that has them.
fn given_up(queue: &str, region: &str) -> Said {
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
            format!("home?region={region}#/queues/{}", escaped(queue)),
        ),
    )
}

/// A sweep whose rule has started nothing.
fn silent(operation: &str, rule: &str, region: &str) -> Said {
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

/// What an alarm measures, by a dimension.
fn measured<'a>(change: &'a AlarmChange, dimension: &str) -> &'a str {
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
        measured(change, "QueueName")
    )
}

/// As the console wants a URL in its own.
fn escaped(url: &str) -> String {
    url.replace(':', "%3A").replace('/', "%2F")
}
