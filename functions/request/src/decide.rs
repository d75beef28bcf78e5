//! Decides what becomes of a request. Pure: all input is in the arguments.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Command, Request, RequestScope};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, RequestAction};

use crate::messages;
use crate::observed::Observed;

/// Returns the plan for one target: the request of the event, and what has ended meanwhile.
#[must_use]
pub fn decide(context: TargetContext<'_, ()>, observed: &Observed, now: Timestamp) -> Plan {
    let mut plan = match &context.event.detail {
        Detail::Request(request) => decide_request(context, request, now),
        _ => plan_sweep(context, observed),
    };
    let ended = observed.ended.iter().filter_map(messages::pause_ended);
    plan.messages.extend(ended);
    plan
}

/// Returns the plan of a sweep: the notification of each pause is repeated once a day, so that it keeps firing.
fn plan_sweep(context: TargetContext<'_, ()>, observed: &Observed) -> Plan {
    let pauses = &context.state.requests.pauses;
    let open = pauses
        .iter()
        .filter(|pause| !observed.ended.contains(pause));
    let mut plan = Plan::nothing("the requests are recorded");
    plan.messages = open.map(messages::paused).collect();
    plan
}

fn decide_request(context: TargetContext<'_, ()>, request: &Request, now: Timestamp) -> Plan {
    let requests = &context.state.requests;
    if requests.is_recorded(&request.id) {
        return Plan::nothing(format!("the request {} was recorded before", request.id));
    }
    let scope = match &request.scope {
        RequestScope::Target(_) => RequestScope::Target(context.target.arn.to_string()),
        many @ (RequestScope::Application(_) | RequestScope::Everything) => many.clone(),
    };
    let request = Request {
        scope,
        ..request.clone()
    };
    let paused = requests
        .pauses
        .iter()
        .find(|pause| pause.scope == request.scope);
    if request.command == Command::Resume && paused.is_none() {
        return Plan::nothing(messages::not_paused(&request));
    }
    if request.command == Command::Unsilence && requests.silence.is_none() {
        return Plan::nothing(
            "no request silences it; a tag lamplighter:silence does so until it is removed",
        );
    }
    let message = build_message(&request, paused, now);
    let reason = format!(
        "{} requested by {}: {}",
        request.command, request.by, request.reason
    );
    Plan::single_step(
        Action::Request(RequestAction::Record(request)),
        reason,
        message,
    )
}

/// Builds the notification of a request; `None` where the function that acts on it notifies people.
fn build_message(request: &Request, paused: Option<&Request>, now: Timestamp) -> Option<Message> {
    match &request.command {
        Command::Pause => Some(messages::paused(request)),
        Command::Resume => Some(messages::resumed(request, paused, now)),
        Command::Silence => request.until.map(Message::silence),
        Command::Unsilence => Some(Message::silence(now)),
        Command::Acknowledge(incident) => Some(Message::acknowledgement(incident)),
        Command::Approve(_)
        | Command::Reject(_)
        | Command::Deploy(_)
        | Command::RollBack(_)
        | Command::BackUp
        | Command::Drill => None,
    }
}
