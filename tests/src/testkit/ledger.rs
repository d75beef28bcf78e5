//! The ledger as somebody reads it with the AWS CLI.

use jiff::{SignedDuration, Timestamp};
use lamplighter::state::TargetState;
use serde_json::{Value, json};

use crate::testkit::stack::Stack;

/// Before everything that a test does.
const LONG_AGO: Timestamp = Timestamp::constant(1_767_225_600, 0); // 2026-01-01T00:00:00Z
/// Longer than a canary's step needs for a verdict.
const VERDICT_TAKES: SignedDuration = SignedDuration::from_mins(8);
const THREE_MINUTES: SignedDuration = SignedDuration::from_mins(3);
/// Longer than every grace period.
const GRACE_IS_OVER: SignedDuration = SignedDuration::from_mins(11);

/// All journal records of a stack, the oldest first.
#[must_use]
pub fn journal(stack: &Stack) -> Vec<Value> {
    let mut records: Vec<(String, Value)> = items(stack)
        .iter()
        .filter_map(|item| {
            let record = serde_json::from_str(item["record"]["S"].as_str()?).ok()?;
            Some((item["sk"]["S"].as_str()?.to_owned(), record))
        })
        .collect();
    records.sort_by(|a, b| a.0.cmp(&b.0));
    records.into_iter().map(|(_, record)| record).collect()
}

/// All items of the ledger's table, as DynamoDB answers them.
///
/// # Panics
/// Where the table can't be read.
#[must_use]
pub fn items(stack: &Stack) -> Vec<Value> {
    let table = stack.output("LedgerTable");
    let answer = stack
        .call("dynamodb", "Scan", json!({"TableName": table}))
        .unwrap_or_else(|e| panic!("Scan: {e}"));
    answer["Items"].as_array().cloned().unwrap_or_default()
}

/// Waits until every event has been worked on and nobody holds a target.
///
/// # Panics
/// Where somebody does for too long.
pub fn wait_until_idle(stack: &Stack) {
    let mut calm = 0;
    stack.until(
        "all that events began is over, and all targets are free",
        || {
            calm = if is_idle(stack) { calm + 1 } else { 0 };
            (calm > 1).then_some(())
        },
    );
}

/// Whether every event has been worked on, also what waits to be tried again, and nobody holds a target.
#[must_use]
pub fn is_idle(stack: &Stack) -> bool {
    let over = stack.control("busy", json!({}))["invocations"] == 0;
    over && items(stack).iter().all(|item| item.get("holder").is_none())
}

/// Makes all that a target remembers of attempts, of what is followed, of changes of the count, of being unwell and of
/// waiting older, as time would; while nobody holds it, so that no function writes over it.
///
/// # Panics
/// Where nothing comes to be remembered.
pub fn age_state(stack: &Stack, target: &str) {
    change_state(stack, target, older);
}

/// Makes the rollouts and restarts of a target three minutes older: AWS shows them by then.
///
/// # Panics
/// Where nothing comes to be remembered.
pub fn age_attempts(stack: &Stack, target: &str) {
    change_state(stack, target, |state| {
        let mut state: TargetState =
            serde_json::from_str(state).unwrap_or_else(|e| panic!("{e}: {state}"));
        for attempt in &mut state.releases.attempts {
            attempt.at -= THREE_MINUTES;
        }
        serde_json::to_string(&state).unwrap_or_default()
    });
}

/// Changes the state of a target, as JSON, while nobody holds it.
fn change_state(stack: &Stack, target: &str, change: impl Fn(&str) -> String) {
    stack.until(&format!("something is remembered of {target} and nobody holds it"), || {
        // Under load the function that is to remember something may only have been begun.
        let state = items(stack).into_iter().find(|item| item["pk"]["S"] == target && item["sk"]["S"] == "state")?;
        let before = state["memory"]["S"].as_str().unwrap_or_default();
        let request = json!({
            "TableName": stack.output("LedgerTable"),
            "Key": {"pk": {"S": target}, "sk": {"S": "state"}},
            "UpdateExpression": "SET memory = :memory",
            "ConditionExpression": "attribute_not_exists(holder) AND memory = :before",
            "ExpressionAttributeValues": {":memory": {"S": change(before)}, ":before": {"S": before}},
        });
        stack.call("dynamodb", "UpdateItem", request).ok()
    });
}

/// The state of a target after some time, as JSON.
///
/// # Panics
/// Where it is not the state of a target.
fn older(state: &str) -> String {
    let mut state: TargetState =
        serde_json::from_str(state).unwrap_or_else(|e| panic!("{e}: {state}"));
    for attempt in &mut state.releases.attempts {
        attempt.at = LONG_AGO;
    }
    if let Some(rollout) = &mut state.releases.active_rollout {
        rollout.at = LONG_AGO;
    }
    if let Some(rollback) = &mut state.releases.active_rollback {
        rollback.at = LONG_AGO;
    }
    if let Some(verdict) = &mut state.releases.pending_verdict {
        // Not so long that the step is over.
        verdict.since = verdict.since.map(|since| since - VERDICT_TAKES);
        verdict.step_since -= VERDICT_TAKES;
    }
    for (_, since) in state.waiting.values_mut() {
        *since -= GRACE_IS_OVER;
    }
    for scaling in &mut state.scaling.scalings {
        scaling.at = LONG_AGO;
    }
    if let Some(incident) = &mut state.health.incident {
        // The beginning of an incident is part of its key: it stays once people were notified.
        let key = incident.incident_key();
        if state.notified.keys().any(|sent| sent.starts_with(&key)) {
            incident.healthy_since = incident.healthy_since.map(|since| since - GRACE_IS_OVER);
        } else {
            incident.since -= GRACE_IS_OVER;
        }
        incident.unhealthy_since -= GRACE_IS_OVER;
        for step in &mut incident.steps {
            step.at -= GRACE_IS_OVER;
        }
    }
    json!(state).to_string()
}

/// Makes all that is known of incidents older, as time would; while nobody is at it.
///
/// # Panics
/// Where the ledger can't be written.
pub fn age_incidents(stack: &Stack, minutes: i64) {
    wait_until_idle(stack);
    for item in items(stack)
        .iter()
        .filter(|item| item["pk"]["S"] == "incidents")
    {
        for name in ["channels", "incident"] {
            let Some(before) = item[name]["S"].as_str() else {
                continue;
            };
            let mut document: Value = serde_json::from_str(before).unwrap_or_default();
            shift(&mut document, minutes);
            let request = json!({
                "TableName": stack.output("LedgerTable"),
                "Key": {"pk": item["pk"], "sk": item["sk"]},
                "UpdateExpression": "SET #name = :after",
                "ExpressionAttributeNames": {"#name": name},
                "ExpressionAttributeValues": {":after": {"S": document.to_string()}},
            });
            stack
                .call("dynamodb", "UpdateItem", request)
                .unwrap_or_else(|e| panic!("{e}"));
        }
    }
}

/// Every time in a document, so many minutes earlier.
fn shift(document: &mut Value, minutes: i64) {
    match document {
        Value::String(text) => {
            if let Ok(at) = text.parse::<Timestamp>() {
                *text = (at - SignedDuration::from_mins(minutes)).to_string();
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|value| shift(value, minutes)),
        Value::Object(all) => all.values_mut().for_each(|value| shift(value, minutes)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Ends the lease on a target, as time would.
///
/// # Panics
/// Where there is no lease to end.
pub fn expire_lease(stack: &Stack, target: &str) {
    let request = json!({
        "TableName": stack.output("LedgerTable"),
        "Key": {"pk": {"S": target}, "sk": {"S": "state"}},
        "UpdateExpression": "SET lease_until = :past",
        "ConditionExpression": "attribute_exists(holder)",
        "ExpressionAttributeValues": {":past": {"N": "0"}},
    });
    stack
        .call("dynamodb", "UpdateItem", request)
        .unwrap_or_else(|e| panic!("no lease on {target}: {e}"));
}
