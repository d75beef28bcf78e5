//! Messages of `request`.

use jiff::Timestamp;
use lamplighter::model::{Command, Request, RequestScope, pluralize};
use lamplighter::notify::{Message, PAUSE_OF_EVERYTHING, PAUSE_PREFIX};
use lamplighter::state::OpenRequests;

/// What follows the end of a pause.
const ACTS_AGAIN: &str = "Lamplighter acts again, and catches up at the next sweeps. It does not restart tasks whose secret was rotated \
     during the pause.";

/// Builds the message about a pause. A pause of several targets fires until it ends, with reminders.
pub fn paused(request: &Request) -> Message {
    let what = describe_scope(request);
    let until = request.until.map_or_else(
        || "until it is resumed".to_owned(),
        |until| format!("until {}", until.strftime("%F %H:%M UTC")),
    );
    let title = format!("{what} by {} {until}", request.caller_name());
    let message = match request.scope {
        RequestScope::Target(_) => Message::info(title),
        RequestScope::Application(_) | RequestScope::Everything => Message::warning(title),
    };
    message
        .action(
            "Lamplighter changes nothing here: no release, rollback, scaling, restart or backup. It still deletes temporary \
             databases, and answers deployments that wait for it.",
        )
        .why(format!("{} requested it: {}", request.by, request.reason))
        .next(describe_resume(request))
        .deduplicated_by(format!("request:{}", request.id))
        .fires(condition(request))
}

/// Builds the message about a silence of several targets.
pub fn silenced(request: &Request) -> Message {
    let until = request
        .until
        .map(|until| until.strftime(" until %F %H:%M UTC").to_string())
        .unwrap_or_default();
    silence_message(
        request,
        &format!("silenced by {}{until}", request.caller_name()),
    )
    .action("Lamplighter acts as always, and notifies nobody about it until then.")
    .next("Nothing to do. What is still wrong then is notified afterwards.")
}

/// Builds the message about the end of a silence of several targets by a request.
pub fn unsilenced(request: &Request) -> Message {
    let what = format!("notified again, by {}", request.caller_name());
    silence_message(request, &what)
        .action("What is still wrong is notified at the next sweeps.")
        .next("Nothing to do.")
}

fn silence_message(request: &Request, what: &str) -> Message {
    let targets = request.scope.describe_many().unwrap_or_default();
    Message::info(format!("{targets} {what}"))
        .why(format!("{} requested it: {}", request.by, request.reason))
        .deduplicated_by(format!("request:{}", request.id))
}

/// Builds the message about dead letters that are sent again.
pub fn redrive_message(request: &Request, count: u64) -> Message {
    let letters = pluralize(usize::try_from(count).unwrap_or_default(), "dead letter");
    Message::info(format!("about {letters} sent again by {}", request.caller_name()))
        .action("Lamplighter invokes the functions that failed with them once more, for at most 100 of them. The journal has the exact numbers.")
        .why(format!("{} requested it: {}", request.by, request.reason))
        .next("Nothing to do. What fails again, or belongs to no function of the stack, stays in the queue and is reported again.")
        .deduplicated_by(format!("request:{}", request.id))
}

/// Builds the message about the end of a pause by a request.
pub fn resumed(request: &Request, paused: Option<&Request>, now: Timestamp) -> Message {
    let since = paused.map_or(String::new(), |pause| {
        let minutes = now.duration_since(pause.at).as_mins();
        format!(", paused for {minutes} min")
    });
    let what = match request.scope.describe_many() {
        Some(many) => format!("{many} resumed"),
        None => "resumed".to_owned(),
    };
    Message::info(format!("{what} by {}{since}", request.caller_name()))
        .action(ACTS_AGAIN)
        .why(format!("{} requested it: {}", request.by, request.reason))
        .next("Nothing to do.")
        .clears(condition(request))
}

/// Builds the message about a pause whose time is up; `None` for a silence. `open`: the pauses that are still in effect.
pub fn pause_ended(ended: &Request, open: &[&Request]) -> Option<Message> {
    if ended.command != Command::Pause {
        return None;
    }
    let what = match ended.scope.describe_many() {
        Some(many) => format!("pause of {many} by {} ended", ended.caller_name()),
        None => format!("pause by {} ended", ended.caller_name()),
    };
    if let Some(other) = open.iter().find(|pause| pause.scope == ended.scope) {
        // The condition fires on, with the title of the pause that is left.
        let message = paused(other);
        return Some(message.deduplicated_by(format!("request:{}:ended", ended.id)));
    }
    let message = Message::info(format!("{what} - its time is up"))
        .action(ACTS_AGAIN)
        .why(format!(
            "{} paused it on {}: {}",
            ended.by,
            ended.at.strftime("%F %H:%M UTC"),
            ended.reason
        ))
        .next("Nothing to do.")
        .clears(condition(ended));
    Some(message)
}

/// Describes what a request will do.
pub fn describe_effect(request: &Request) -> String {
    match &request.command {
        Command::Pause => "nothing changes there until it is resumed, or until its time is up.",
        Command::Resume => "all its pauses end, and what was missed follows at the next sweeps.",
        Command::Silence => "no notifications about it until its time is up.",
        Command::Unsilence => "notifications about it are sent again.",
        Command::Acknowledge(_) => "the reminders of the incident stop, if it is open.",
        Command::Approve(_) | Command::Deploy(_) => {
            "the image is deployed within minutes, unless a freeze, a scan or a snapshot holds it. A notification follows."
        }
        Command::Reject(_) => {
            "the image is quarantined, and rolled back if it runs. A notification follows within minutes."
        }
        Command::RollBack(_) => "the service is rolled back within a minute. A notification follows.",
        Command::BackUp => "a snapshot is taken within minutes, as soon as the database is available.",
        Command::Drill => "the newest snapshot is restored within minutes. A notification follows.",
        Command::Redrive => "what a function accepts is deleted from the queue. What fails again returns to it within minutes.",
    }
    .to_owned()
}

/// Explains that no more requests of a kind can be open at once.
pub fn too_many_open(full: OpenRequests) -> String {
    let (open, remedy) = match full {
        OpenRequests::Pauses => ("pauses are in effect", "resume some of them"),
        OpenRequests::Silences => ("silences are in effect", "unsilence some of them"),
        OpenRequests::Rejections => (
            "requests to reject or to roll back are open",
            "wait until they are handled",
        ),
    };
    format!("too many {open}: {remedy}")
}

/// Explains a request to resume what is not paused.
pub fn not_paused(request: &Request) -> String {
    let what = request
        .scope
        .describe_many()
        .unwrap_or_else(|| "the target".to_owned());
    format!("{what} is not paused by a request")
}

fn describe_scope(request: &Request) -> String {
    match request.scope.describe_many() {
        Some(many) => format!("{many} paused"),
        None => "paused".to_owned(),
    }
}

/// Says how to end a pause.
fn describe_resume(request: &Request) -> String {
    let scope = match &request.scope {
        RequestScope::Target(target) => format!("\"target\": \"{target}\""),
        RequestScope::Application(app) => format!("\"application\": \"{app}\""),
        RequestScope::Everything => "\"everything\": true".to_owned(),
    };
    format!(
        "To end the pause, send this to the request API of the stack: {{\"command\": \"resume\", {scope}, \"reason\": \"…\"}}"
    )
}

/// Returns the condition that fires while a pause is in effect.
fn condition(request: &Request) -> String {
    match &request.scope {
        RequestScope::Target(_) => format!("{PAUSE_PREFIX}target"),
        RequestScope::Application(app) => format!("{PAUSE_PREFIX}application:{app}"),
        RequestScope::Everything => PAUSE_OF_EVERYTHING.to_owned(),
    }
}
