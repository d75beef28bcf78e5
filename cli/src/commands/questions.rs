//! Commands that show what the stack knows.

use jiff::SignedDuration;
use lamplighter::status::{ActionsOfRun, StackStatus, TargetDetail, TargetStatus};
use serde_json::{Value, json};

use crate::arguments::{Output, StatusArguments, TimelineArguments};
use crate::client::{Client, read_clock};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::print;
use crate::render;

/// The clock of this machine may be behind that of AWS by this.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// The period of one question: the function answers no longer ones.
const PERIOD: SignedDuration = SignedDuration::from_hours(24);

type Shown = Result<Exit, CommandError>;

/// Asks for the status of all targets.
///
/// # Errors
/// [`CommandError`] if the stack can't be asked.
pub async fn ask_status(client: &Client) -> Result<StackStatus, CommandError> {
    client.query(&json!({"status": {}})).await
}

/// Asks for what is known of one target.
///
/// # Errors
/// [`CommandError`] if the stack can't be asked, or if no target has the name.
pub async fn ask_target(client: &Client, name: &str) -> Result<TargetDetail, CommandError> {
    client.query(&json!({"target": {"name": name}})).await
}

/// Shows the targets that the arguments choose, the worst first.
///
/// # Errors
/// [`CommandError`] if the stack can't be asked.
pub async fn show_status(client: &Client, chosen: &StatusArguments, output: Output) -> Shown {
    let mut status = ask_status(client).await?;
    if let Some(name) = &chosen.target {
        let targets = &mut status.targets;
        targets.retain(|target| target.name == *name || target.target.as_str() == name);
        if targets.is_empty() {
            // The stack knows which names are close.
            ask_target(client, name).await?;
        }
    }
    status.targets.retain(|target| is_chosen(target, chosen));
    print(output, &status, || render::render_status(&status))?;
    Ok(Exit::Done)
}

fn is_chosen(target: &TargetStatus, chosen: &StatusArguments) -> bool {
    let is_of_app = chosen.app.is_none() || target.app == chosen.app;
    let is_held = !chosen.held || !target.reported_holds().is_empty();
    let is_urgent = !chosen.attention || target.condition.needs_attention();
    is_of_app && is_held && is_urgent
}

/// Explains one target.
///
/// # Errors
/// [`CommandError`] if the stack can't be asked, or if no target has the name.
pub async fn explain(client: &Client, name: &str, output: Output) -> Shown {
    let detail = ask_target(client, name).await?;
    print(output, &detail, || render::render_explanation(&detail))?;
    Ok(Exit::Done)
}

/// Lists what was done within a period, the oldest first.
///
/// # Errors
/// [`CommandError`] if the stack can't be asked.
pub async fn show_timeline(client: &Client, asked: &TimelineArguments, output: Output) -> Shown {
    if let Some(name) = &asked.target {
        ask_target(client, name).await?;
    }
    let now = read_clock();
    let end = now + CLOCK_SKEW;
    let mut from = now - asked.since;
    let mut runs: Vec<ActionsOfRun> = Vec::new();
    while from < end {
        let to = (from + PERIOD).min(end);
        let actions = json!({"from": from, "to": to, "target": asked.target});
        let part: Vec<ActionsOfRun> = client.query(&json!({ "actions": actions })).await?;
        runs.extend(part.into_iter().filter(|run| run.at < to || to == end));
        from = to;
    }
    print(output, &runs, || render::render_timeline(&runs))?;
    Ok(Exit::Done)
}

/// Lists the open incidents.
///
/// # Errors
/// [`CommandError`] if the stack can't be asked.
pub async fn list_incidents(client: &Client, output: Output) -> Shown {
    let status = ask_status(client).await?;
    let incidents = render::list_incidents(&status);
    let listed = incidents
        .iter()
        .map(|(name, incident)| json!({"target": name, "incident": incident}));
    print(output, &listed.collect::<Vec<Value>>(), || {
        render::render_incidents(&incidents, status.at)
    })?;
    Ok(Exit::Done)
}

/// Lists the open findings of each target.
///
/// # Errors
/// [`CommandError`] if the stack can't be asked.
pub async fn list_findings(client: &Client, output: Output) -> Shown {
    let status = ask_status(client).await?;
    let with_findings = status
        .targets
        .iter()
        .filter(|target| !target.findings.is_empty());
    let listed =
        with_findings.map(|target| json!({"target": target.name, "findings": target.findings}));
    print(output, &listed.collect::<Vec<Value>>(), || {
        render::render_findings(&status)
    })?;
    Ok(Exit::Done)
}

/// Lists the releases of a service.
///
/// # Errors
/// [`CommandError`] if the stack can't be asked, or if no target has the name.
pub async fn list_releases(client: &Client, name: &str, output: Output) -> Shown {
    let detail = ask_target(client, name).await?;
    print(output, &detail.releases, || {
        render::render_releases(&detail)
    })?;
    Ok(Exit::Done)
}

/// Prints the restore plan of a database or cache.
///
/// # Errors
/// [`CommandError`] if the stack can't be asked, or if no database has the name.
pub async fn plan_restore(client: &Client, name: &str, output: Output) -> Shown {
    let answer = client.ask(&json!({ "restore": name })).await?;
    let text = answer.get("text").and_then(Value::as_str);
    let text = text.ok_or_else(|| CommandError::Unreadable(answer.to_string()))?;
    print(output, &answer, || format!("{text}\n"))?;
    Ok(Exit::Done)
}
