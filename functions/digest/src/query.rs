//! Answers questions about the stack, which the command `lamplighter` asks. It only reads.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Tagged};
use lamplighter::notify::incident::{Incident, Line};
use lamplighter::policy::{self, PREFIX, StackDefaults};
use lamplighter::ports::ledger::JournalReader;
use lamplighter::status::{
    ActionsOfRun, ReleaseHistory, ReleaseRequest, StackStatus, TargetDetail,
};
use lamplighter::{AwsError, Error, MalformedEvent};
use serde::Deserialize;
use serde_json::Value;

use crate::inputs::{ReportInputs, Targets};
use crate::reads::Reads;
use crate::report::{assess_targets, list_other_incidents, list_wide_requests};

/// The version of this function, and of the stack.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How far back incidents are read that are resolved.
const INCIDENT_AGE: SignedDuration = SignedDuration::from_hours(24);
/// The longest period of one question about actions, so that its answer fits into the answer of a function.
const MAX_PERIOD: SignedDuration = SignedDuration::from_hours(24);
/// The longest time from the intent of a run, which has its plan, to its outcome.
const LONGEST_RUN: SignedDuration = SignedDuration::from_mins(2);
/// The number of lines of incidents about one target.
const MAX_MESSAGES: usize = 10;

/// A question about the stack.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Query {
    /// The status of all targets, as [`StackStatus`].
    Status {},
    /// The details of one target, by its name or ARN, as [`TargetDetail`].
    Target { name: String },
    /// The actions of up to 24 hours, oldest first, as a list of [`ActionsOfRun`].
    Actions {
        from: Timestamp,
        to: Timestamp,
        /// The name or ARN of a target; `None` for all.
        target: Option<String>,
    },
}

impl Query {
    /// Parses `{"query": {"status": {}}}`; `None` for an event that asks nothing.
    ///
    /// # Errors
    /// [`MalformedEvent`] if the question is unknown.
    pub fn parse(payload: &Value) -> Result<Option<Self>, MalformedEvent> {
        let Some(query) = payload.get("query") else {
            return Ok(None);
        };
        serde_json::from_value(query.clone())
            .map(Some)
            .map_err(|error| {
                MalformedEvent(format!(
                    "query is none that this version answers ({error}); for example: {{\"query\": {{\"status\": {{}}}}}}"
                ))
            })
    }

    /// Answers the question.
    ///
    /// # Errors
    /// [`Error`] if something can't be read, or if no target has the name.
    pub async fn answer<C: Reads, L: JournalReader>(
        &self,
        sources: (&C, &L),
        now: Timestamp,
        defaults: &StackDefaults,
    ) -> Result<Value, Error> {
        let answer = match self {
            Self::Status {} => {
                let targets = Targets::list(sources.0).await?;
                let inputs = read_inputs(sources, targets, now, defaults).await?;
                serde_json::to_value(describe_stack(&inputs, now, defaults))
            }
            Self::Target { name } => {
                let targets = Targets::list(sources.0).await?;
                let (target, alone) = targets.select(name).map_err(MalformedEvent)?;
                let inputs = read_inputs(sources, alone, now, defaults).await?;
                serde_json::to_value(describe_target(&target, &inputs, now, defaults)?)
            }
            Self::Actions { from, to, target } => {
                let (_, ledger) = sources;
                if to.duration_since(*from) > MAX_PERIOD {
                    let problem = "actions: ask about 24 hours at most".to_owned();
                    return Err(MalformedEvent(problem).into());
                }
                let earlier = from.checked_sub(LONGEST_RUN).unwrap_or(*from);
                let records = ledger.list_records(earlier, *to).await?;
                let records: Vec<_> = records
                    .into_iter()
                    .filter(|record| is_asked(&record.target, target.as_deref()))
                    .collect();
                let mut runs = ActionsOfRun::list(&records);
                runs.retain(|run| run.at >= *from);
                serde_json::to_value(runs)
            }
        };
        answer.map_err(|error| MalformedEvent(format!("the answer is no JSON: {error}")).into())
    }
}

/// Reports whether actions on a target are asked for; without a name, all are.
fn is_asked(target: &Arn, name: Option<&str>) -> bool {
    name.is_none_or(|name| target.as_str() == name || target.display_name() == name)
}

fn describe_stack(inputs: &ReportInputs, now: Timestamp, defaults: &StackDefaults) -> StackStatus {
    let targets = assess_targets(inputs, now, defaults);
    let requests = list_wide_requests(&inputs.requests, now);
    StackStatus {
        stack: defaults.stack.clone(),
        version: VERSION.to_owned(),
        mode: defaults.mode,
        at: now,
        requests: requests
            .map(|entry| format!("{}: {}", entry.name, entry.text))
            .collect(),
        other_incidents: list_other_incidents(inputs, &targets),
        targets,
    }
}

async fn read_inputs<C: Reads, L: JournalReader>(
    sources: (&C, &L),
    targets: Targets,
    now: Timestamp,
    defaults: &StackDefaults,
) -> Result<ReportInputs, AwsError> {
    ReportInputs::read_present(sources, targets, now - INCIDENT_AGE, now, defaults).await
}

/// Describes one target, which is the only one of the inputs.
///
/// # Errors
/// [`MalformedEvent`] if it is not among them.
fn describe_target(
    target: &Tagged,
    inputs: &ReportInputs,
    now: Timestamp,
    defaults: &StackDefaults,
) -> Result<TargetDetail, MalformedEvent> {
    let arn = &target.arn;
    let mut known = inputs
        .services
        .iter()
        .chain(&inputs.databases)
        .chain(&inputs.log_groups);
    let status = assess_targets(inputs, now, defaults).into_iter().next();
    let ((_, state), status) = known
        .next()
        .zip(status)
        .ok_or_else(|| MalformedEvent(format!("{} has no status", arn.display_name())))?;
    let tags = target.tags.iter();
    Ok(TargetDetail {
        stack: defaults.stack.clone(),
        version: VERSION.to_owned(),
        at: now,
        status,
        tags: tags
            .filter(|(key, _)| key.starts_with(PREFIX) || policy::find_meant_key(key).is_some())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        requests: state.requests.recorded.clone(),
        release_request: ReleaseRequest::of_state(&state.requests),
        releases: ReleaseHistory::of_state(state),
        messages: list_messages(arn, &inputs.incidents),
    })
}

/// Lists the newest lines of the incidents about a target, the newest first.
fn list_messages(target: &Arn, incidents: &[Incident]) -> Vec<Line> {
    let mut lines: Vec<&Line> = incidents
        .iter()
        .filter(|incident| incident.target == *target)
        .flat_map(|incident| &incident.lines)
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.at));
    lines.into_iter().take(MAX_MESSAGES).cloned().collect()
}
