//! Commands that send a request.

use lamplighter::plan::HoldKind;
use lamplighter::status::{OpenIncident, StackStatus, TargetDetail, TargetStatus};
use serde_json::{Map, Value, json};

use super::questions::{ask_status, ask_target};
use crate::arguments::{
    AckArguments, ApproveArguments, Command, Output, PauseArguments, RollbackArguments, Scope, Why,
};
use crate::client::{Client, Recorded, read_clock};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::print;

type Fields = Map<String, Value>;

/// Sends the request of a command.
///
/// # Errors
/// [`CommandError`] if it was not recorded.
pub async fn send(client: &Client, command: &Command) -> Result<Recorded, CommandError> {
    let (fields, why) = build_request(command)?;
    client.request(fields, why).await
}

/// Prints what follows from a request.
///
/// # Errors
/// [`CommandError`] if it can't be written.
pub fn print_result(recorded: &Recorded, output: Output) -> Result<(), CommandError> {
    print(output, &recorded.answer, || {
        format!("{}\n", recorded.result())
    })
}

/// Returns the body of a request without its reason, and why it is sent.
fn build_request(command: &Command) -> Result<(Fields, &Why), CommandError> {
    Ok(match command {
        Command::Deploy(deploy) => (
            about_image("deploy", &deploy.target.target, &deploy.image),
            &deploy.why,
        ),
        Command::Reject(reject) => (
            about_image("reject", &reject.target.target, &reject.image),
            &reject.why,
        ),
        Command::Rollback(rollback) => (build_rollback(rollback), &rollback.why),
        Command::Pause(pause) => (build_pause("pause", pause), &pause.why),
        Command::Silence(silence) => (build_pause("silence", silence), &silence.why),
        Command::Resume(many) => (build_many("resume", &many.scope), &many.why),
        Command::Unsilence(many) => (build_many("unsilence", &many.scope), &many.why),
        Command::Backup(target) => (about("back-up", &target.target.target), &target.why),
        Command::Drill(target) => (about("drill", &target.target.target), &target.why),
        Command::Redrive(why) => {
            let mut body = fields(&[("command", "redrive")]);
            body.insert("everything".to_owned(), json!(true));
            (body, why)
        }
        Command::Status(_)
        | Command::Explain(_)
        | Command::Timeline(_)
        | Command::Incidents
        | Command::Findings
        | Command::Releases(_)
        | Command::RestorePlan(_)
        | Command::Doctor
        | Command::Approve(_)
        | Command::Ack(_)
        | Command::Lint(_)
        | Command::Init(_)
        | Command::Preview(_)
        | Command::Completions { .. } => {
            return Err(CommandError::Arguments(
                "the command sends no request".to_owned(),
            ));
        }
    })
}

fn about(command: &str, target: &str) -> Fields {
    fields(&[("command", command), ("target", target)])
}

fn about_image(command: &str, target: &str, image: &str) -> Fields {
    fields(&[("command", command), ("target", target), ("image", image)])
}

fn build_rollback(rollback: &RollbackArguments) -> Fields {
    let mut body = about("roll-back", &rollback.target.target);
    let to = rollback.to.iter();
    body.extend(to.map(|to| ("to".to_owned(), json!(to))));
    body
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect()
}

fn build_many(name: &str, scope: &Scope) -> Fields {
    let mut body = fields(&[("command", name)]);
    let (key, value) = match scope {
        Scope {
            target: Some(target),
            ..
        } => ("target", json!(target)),
        Scope { app: Some(app), .. } => ("application", json!(app)),
        Scope { .. } => ("everything", json!(true)),
    };
    body.insert(key.to_owned(), value);
    body
}

fn build_pause(name: &str, pause: &PauseArguments) -> Fields {
    let mut body = build_many(name, &pause.scope);
    let end = pause.duration.map(|duration| read_clock() + duration);
    let end = end.or(pause.until);
    body.extend(end.map(|end| ("until".to_owned(), json!(end))));
    body
}

/// Approves an image: the named one, or the one that waits.
///
/// # Errors
/// [`CommandError`] if no image waits, or if the request was not recorded.
pub async fn approve(
    client: &Client,
    approve: &ApproveArguments,
    output: Output,
) -> Result<Exit, CommandError> {
    let target = &approve.target.target;
    let image = match &approve.image {
        Some(image) => image.clone(),
        None => find_waiting_image(&ask_target(client, target).await?)?,
    };
    let body = about_image("approve", target, &image);
    let recorded = client.request(body, &approve.why).await?;
    print_result(&recorded, output)?;
    Ok(Exit::Done)
}

/// Returns the digest of the image that waits for an approval. A tag could be moved to another image meanwhile.
fn find_waiting_image(detail: &TargetDetail) -> Result<String, CommandError> {
    let mut holds = detail.status.holds.iter();
    let waiting = holds.find(|active| active.hold.kind == HoldKind::Approval);
    let image = waiting.and_then(|active| active.hold.image.as_ref());
    let image = image.ok_or_else(|| {
        CommandError::Refused(format!(
            "no image of {0} waits for an approval: name one, or see lamplighter explain {0}",
            detail.status.name
        ))
    })?;
    anstream::eprintln!("approving {} ({})", image.tag, image.digest);
    Ok(image.digest.to_string())
}

/// Acknowledges an incident by its identifier, or all open ones of a target.
///
/// # Errors
/// [`CommandError`] if there is no such incident, or if a request was not recorded.
pub async fn acknowledge(
    client: &Client,
    ack: &AckArguments,
    output: Output,
) -> Result<Exit, CommandError> {
    let status = ask_status(client).await?;
    let named = &ack.incident;
    let of_targets = status.targets.iter().flat_map(|target| {
        let incidents = target.incidents.iter();
        incidents.map(move |incident| (target, incident))
    });
    let open: Vec<(&TargetStatus, &OpenIncident)> = of_targets
        .filter(|(target, incident)| target.name == *named || incident.id == *named)
        .collect();
    if open.is_empty() {
        return Err(CommandError::Refused(describe_unknown(named, &status)));
    }
    let mut recorded = Vec::new();
    for (target, incident) in open {
        let body = fields(&[
            ("command", "acknowledge"),
            ("target", target.target.as_str()),
            ("incident", &incident.id),
        ]);
        // Each is a request of its own.
        let id = ack.why.id.as_ref();
        let why = Why {
            id: id.map(|id| format!("{id}-{}", incident.id)),
            ..ack.why.clone()
        };
        recorded.push(client.request(body, &why).await?);
    }
    let answers: Vec<&Value> = recorded.iter().map(|one| &one.answer).collect();
    print(output, &answers, || {
        let results = recorded.iter().map(|one| format!("{}\n", one.result()));
        results.collect()
    })?;
    Ok(Exit::Done)
}

/// Says why an incident can't be acknowledged by a request.
fn describe_unknown(named: &str, status: &StackStatus) -> String {
    let mut others = status.other_incidents.iter();
    if others.any(|other| other.name == named || other.incident.id == named) {
        return format!(
            "{named} is of no target of the stack: acknowledge it by the link in its message"
        );
    }
    format!(
        "no open incident {named}, and none of a target of that name; see lamplighter incidents"
    )
}
