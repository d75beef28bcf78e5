//! Messages about services that work through a queue, and those that are stopped while nothing is to do.

use lamplighter::model::{QueueProblem, Service};
use lamplighter::notify::Message;
use lamplighter::policy::SCALE;
use lamplighter::state::{NoGain, TargetState};

use crate::decision::Decision;
use crate::reasons::describe_tasks;
use crate::texts::{capitalize_first, desired_count_command};

/// The key of the warning that a queue doesn't exist.
const NO_QUEUE: &str = "no-queue";
/// The key of the warning that the tasks finish nothing.
const STUCK: &str = "queue-stuck";
/// The key of the warning that added tasks finish no more.
const NO_GAIN: &str = "queue-no-gain";

/// Announces that a service runs nothing any more.
pub fn stop_message(reason: &str) -> Message {
    Message::info("stopped - nothing to do")
        .action("Lamplighter starts it again with the first message of its queue, or at the end of the window.")
        .why(format!("{}.", capitalize_first(reason)))
        .next("Nothing to do.")
}

/// Announces that a service runs again that Lamplighter had stopped.
pub fn start_message(to: u32, reason: &str) -> Message {
    Message::info(format!("started again with {}", describe_tasks(to)))
        .why(format!("{}.", capitalize_first(reason)))
        .next("Nothing to do.")
}

/// Warns that a service stays stopped, because nothing scales it any more.
pub fn report_left_stopped(state: &TargetState, service: &Service) -> Option<Message> {
    let is_stopped = state.scaling.stopped_since.is_some() && service.desired_count == 0;
    is_stopped.then(|| {
        Message::warning("0 tasks desired - no longer scaled")
            .action("Lamplighter had stopped the service while nothing was to do, and doesn't start it without the tag.")
            .why(format!("The tag {SCALE} was removed."))
            .next(format!(
                "If it should run: {}",
                desired_count_command(&service.arn, 1)
            ))
            .deduplicated_by("left-stopped")
    })
}

/// A condition of a queue: the message while it holds, and what is said when it no longer does.
struct Condition {
    key: &'static str,
    message: Option<Message>,
    end: String,
}

/// Reports a queue that can't be read, whose messages nobody finishes, or for which more tasks don't help; and the ends.
pub fn report_queue(decision: &Decision<'_>) -> Vec<Message> {
    let queue = decision.demand.queue.as_ref();
    // What can't be counted ends nothing.
    let is_readable = queue.is_none_or(|queue| queue.backlog.is_some());
    list_conditions(decision)
        .into_iter()
        .filter_map(|condition| match condition.message {
            Some(message) => Some(message.fires_until_resolved(condition.key)),
            None if is_readable && decision.state.was_notified(condition.key) => Some(
                Message::info(condition.end)
                    .why(describe_present(decision))
                    .next("Nothing to do.")
                    .resolves(condition.key),
            ),
            None => None,
        })
        .collect()
}

fn list_conditions(decision: &Decision<'_>) -> [Condition; 3] {
    let queue = decision.demand.queue.as_ref();
    let name = find_name(decision);
    let waiting = queue
        .and_then(|queue| queue.backlog)
        .map_or(0, |backlog| backlog.waiting);
    let unreadable = queue.and_then(|queue| match queue.problem.as_ref()? {
        QueueProblem::Missing => Some(no_queue(name, decision)),
        QueueProblem::Refused(answer) => Some(refusal_message(name, answer, decision)),
    });
    let is_stuck = queue.filter(|queue| queue.performance.is_stuck);
    let in_vain = queue.and_then(|queue| queue.performance.no_gain);
    [
        Condition {
            key: NO_QUEUE,
            message: unreadable,
            end: describe_end(decision, "found"),
        },
        Condition {
            key: STUCK,
            message: is_stuck.map(|queue| stuck_message(name, waiting, queue.oldest, decision)),
            end: describe_end(decision, "messages are finished again"),
        },
        Condition {
            key: NO_GAIN,
            message: in_vain.map(|in_vain| no_gain(name, in_vain, waiting)),
            end: describe_end(decision, "messages no longer pile up"),
        },
    ]
}

fn find_name<'a>(decision: &Decision<'a>) -> &'a str {
    let queue = decision.scale.queue.as_ref();
    queue.map_or("", |queue| queue.name.as_str())
}

fn describe_end(decision: &Decision<'_>, what: &str) -> String {
    match find_name(decision) {
        "" => "queue no longer watched".to_owned(),
        name => format!("queue {name}: {what}"),
    }
}

fn describe_present(decision: &Decision<'_>) -> String {
    let queue = decision.demand.queue.as_ref();
    match queue.and_then(|queue| queue.backlog) {
        Some(backlog) => format!("{} messages wait.", backlog.waiting),
        None => format!("The tag {SCALE} names no queue any more."),
    }
}

fn no_gain(name: &str, in_vain: NoGain, waiting: u64) -> Message {
    Message::warning(format!(
        "more tasks finish no more messages of queue {name} - {waiting} wait"
    ))
    .action(format!(
        "Lamplighter goes back to {} and adds none until this changes.",
        describe_tasks(in_vain.tasks)
    ))
    .why(format!(
        "All tasks together finish {:.0} messages a minute, as before tasks were added.",
        in_vain.finished
    ))
    .next("Look for what the tasks share: the message groups of a FIFO queue, a lock, a database, the rate limit of an API.")
}

fn no_queue(name: &str, decision: &Decision<'_>) -> Message {
    Message::warning(format!(
        "{} kept - no queue {name}",
        describe_tasks(decision.desired_count())
    ))
    .action("Lamplighter keeps the number of tasks.")
    .why(format!(
        "SQS has no queue of this name in the account and region of the service. The tag says queue={name}."
    ))
    .next(format!("Correct queue= in the tag {SCALE}, or create the queue."))
}

fn refusal_message(name: &str, answer: &str, decision: &Decision<'_>) -> Message {
    Message::warning(format!(
        "{} kept - queue {name} can't be read",
        describe_tasks(decision.desired_count())
    ))
    .action("Lamplighter keeps the number of tasks.")
    .why(format!("SQS refuses to count its messages: {answer}."))
    .next("Allow the role of the function Scale sqs:GetQueueAttributes: the queue's policy or a policy of the organisation denies it.")
}

fn stuck_message(
    name: &str,
    waiting: u64,
    oldest: Option<f64>,
    decision: &Decision<'_>,
) -> Message {
    let oldest = oldest.map_or(String::new(), |seconds| {
        format!(", the oldest for {:.0} min", seconds / 60.0)
    });
    Message::warning(format!(
        "{waiting} messages wait in queue {name}, and none is finished"
    ))
    .action(format!(
        "Lamplighter adds no task: {} finished nothing for five minutes, so that more would not help.",
        describe_tasks(decision.running_count())
    ))
    .why(format!("Messages wait{oldest}, and none was deleted."))
    .next("Look at the logs of the tasks: they may fail on a message, on a dependency, or on the right to delete messages.")
}
