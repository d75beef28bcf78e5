//! Decides what becomes of a request. Pure: all input is in the arguments.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Command, Request, RequestScope, pluralize};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, RequestAction};
use lamplighter::policy;

use crate::messages;
use crate::observed::Observed;

/// Returns the plan for one target: the request of the event, and what has ended meanwhile.
#[must_use]
pub fn decide(context: TargetContext<'_, ()>, observed: &Observed, now: Timestamp) -> Plan {
    let mut plan = match &context.event.detail {
        Detail::Request(request) => decide_request(context, observed, request, now),
        _ => plan_sweep(context, observed),
    };
    let open: Vec<&Request> = list_open(context, observed).collect();
    let ended = observed.ended.iter();
    plan.messages
        .extend(ended.filter_map(|ended| messages::pause_ended(ended, &open)));
    plan
}

fn list_open<'a>(
    context: TargetContext<'a, ()>,
    observed: &'a Observed,
) -> impl Iterator<Item = &'a Request> {
    let pauses = context.state.requests.pauses.iter();
    pauses.filter(|pause| !observed.ended.contains(pause))
}

/// Returns the plan of a sweep: the notification of each pause is repeated once a day, so that it keeps firing.
fn plan_sweep(context: TargetContext<'_, ()>, observed: &Observed) -> Plan {
    let mut plan = Plan::nothing("the requests are recorded");
    plan.messages = list_open(context, observed).map(messages::paused).collect();
    plan
}

fn decide_request(
    context: TargetContext<'_, ()>,
    observed: &Observed,
    request: &Request,
    now: Timestamp,
) -> Plan {
    let requests = &context.state.requests;
    let scope = match &request.scope {
        RequestScope::Target(_) => RequestScope::Target(context.target.arn.to_string()),
        many @ (RequestScope::Application(_) | RequestScope::Everything) => many.clone(),
    };
    let request = Request {
        scope,
        ..request.clone()
    };
    if let Some(known) = requests.find_recorded(&request.id) {
        let is_same = known.command == request.command && known.scope == request.scope;
        return if is_same {
            Plan::nothing(format!("the request {} was recorded before", request.id))
        } else {
            Plan::refuse(format!(
                "the id {} was used before for {}; choose another one",
                request.id, known.command
            ))
        };
    }
    let paused = requests
        .pauses
        .iter()
        .find(|pause| pause.scope == request.scope);
    if let Some(full) = requests.find_full_list(&request.command) {
        return Plan::refuse(messages::too_many_open(full));
    }
    if request.command == Command::Resume && paused.is_none() {
        return Plan::refuse(messages::not_paused(&request));
    }
    let silence = requests.find_silence_of(&request.scope);
    if request.command == Command::Unsilence && silence.is_none() {
        return Plan::refuse(
            "no request silences it; a tag lamplighter:silence does so until it is removed",
        );
    }
    if request.command == Command::Redrive {
        return plan_redrive(observed, request, paused);
    }
    let message = build_message(&request, paused, now);
    let reason = describe_effect(context, observed, &request);
    Plan::single_step(
        Action::Request(RequestAction::Record(request)),
        reason,
        message,
    )
}

/// Returns the plan that sends dead letters again, unless there are none, or the functions would do nothing with them.
fn plan_redrive(observed: &Observed, request: Request, paused: Option<&Request>) -> Plan {
    if let Some(pause) = paused {
        return Plan::refuse(format!(
            "{}. The functions would drop the events: resume first",
            pause.describe_pause()
        ));
    }
    if observed.observes {
        return Plan::refuse(
            "the stack parameter Mode is observe: the functions would only observe, and the events would be gone",
        );
    }
    if observed.dead_letters == 0 {
        return Plan::refuse(
            "the dead-letter queue is empty, as far as SQS knows; it counts a minute late",
        );
    }
    let message = messages::redrive_message(&request, observed.dead_letters);
    let reason = format!(
        "about {} are sent again, at most 100: {}",
        pluralize(
            usize::try_from(observed.dead_letters).unwrap_or_default(),
            "dead letter"
        ),
        messages::describe_effect(&request)
    );
    Plan::single_step(
        Action::Request(RequestAction::Redrive(request)),
        reason,
        message,
    )
}

/// Describes what a request will do, and what stands in its way.
fn describe_effect(
    context: TargetContext<'_, ()>,
    observed: &Observed,
    request: &Request,
) -> String {
    let mut parts = vec![format!("recorded: {}", messages::describe_effect(request))];
    if let Some(replaced) = context.state.requests.find_replaced(request) {
        parts.push(format!(
            "It replaces the request of {} to {}.",
            replaced.caller_name(),
            replaced.command
        ));
    }
    if request.command.needed_tag().is_some() {
        if observed.observes {
            parts.push("Nothing changes while the stack parameter Mode is observe.".to_owned());
        }
        let own = list_open(context, observed).next();
        let pause = observed.pause.as_ref().or(own);
        parts.extend(pause.map(|pause| {
            format!(
                "Nothing changes while it is paused by {}: {}.",
                pause.caller_name(),
                pause.reason
            )
        }));
        let mode = context.target.tags.get(policy::MANAGED);
        parts.extend(mode.filter(|mode| *mode != "true").map(|mode| {
            format!(
                "Nothing changes while its tag {} is {mode}.",
                policy::MANAGED
            )
        }));
    }
    parts.join(" ")
}

/// Reports whether a request is about several targets. `alert` hears of the silence with each of them.
fn is_for_many(request: &Request) -> bool {
    request.scope.describe_many().is_some()
}

/// Builds the notification of a request; `None` where the function that acts on it notifies people.
fn build_message(request: &Request, paused: Option<&Request>, now: Timestamp) -> Option<Message> {
    match &request.command {
        Command::Pause => Some(messages::paused(request)),
        Command::Resume => Some(messages::resumed(request, paused, now)),
        Command::Silence if is_for_many(request) => Some(messages::silenced(request)),
        Command::Unsilence if is_for_many(request) => Some(messages::unsilenced(request)),
        Command::Silence => request.until.map(Message::silence),
        Command::Unsilence => Some(Message::silence(now)),
        Command::Acknowledge(incident) => {
            Some(Message::acknowledgement(incident, request.caller_name()))
        }
        Command::Approve(_)
        | Command::Reject(_)
        | Command::Deploy(_)
        | Command::RollBack(_)
        | Command::BackUp
        | Command::Drill
        | Command::Redrive => None,
    }
}
