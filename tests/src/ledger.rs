//! The ledger as somebody reads it with the AWS CLI.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::stack::Stack;

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
    let answer = stack.call("dynamodb", "Scan", json!({"TableName": table})).unwrap_or_else(|e| panic!("Scan: {e}"));
    answer["Items"].as_array().cloned().unwrap_or_default()
}

/// Waits until nobody holds a target.
///
/// # Panics
/// Where somebody does for too long.
pub fn free(stack: &Stack) {
    let mut calm = 0;
    stack.until("all targets are free", || {
        let held = items(stack).iter().any(|item| item.get("holder").is_some());
        calm = if held { 0 } else { calm + 1 };
        (calm > 4).then_some(())
    });
}

/// Makes all that a target remembers of attempts, of what is followed, and of changes of the count old, as time would.
///
/// # Panics
/// Where nothing is remembered.
pub fn let_time_pass(stack: &Stack, target: &str) {
    let state = items(stack).into_iter().find(|item| item["pk"]["S"] == target && item["sk"]["S"] == "state");
    let state = state.unwrap_or_else(|| panic!("nothing is remembered of {target}"));
    let mut memory: Value = serde_json::from_str(state["memory"]["S"].as_str().unwrap_or_default()).unwrap_or_default();
    for attempt in memory["attempts"].as_array_mut().into_iter().flatten() {
        attempt["at"] = json!("2026-01-01T00:00:00Z");
    }
    if memory["following"].is_object() {
        memory["following"]["at"] = json!("2026-01-01T00:00:00Z");
    }
    for key in ["since", "step_since"] {
        // Not so long that the step is over.
        let before = memory["judging"][key].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        if let Some(at) = before {
            memory["judging"][key] = json!(at - SignedDuration::from_mins(8));
        }
    }
    for scaling in memory["scalings"].as_array_mut().into_iter().flatten() {
        scaling["at"] = json!("2026-01-01T00:00:00Z");
    }
    let request = json!({
        "TableName": stack.output("LedgerTable"),
        "Key": {"pk": {"S": target}, "sk": {"S": "state"}},
        "UpdateExpression": "SET memory = :memory",
        "ExpressionAttributeValues": {":memory": {"S": memory.to_string()}},
    });
    stack.call("dynamodb", "UpdateItem", request).unwrap_or_else(|e| panic!("{e}"));
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
    stack.call("dynamodb", "UpdateItem", request).unwrap_or_else(|e| panic!("no lease on {target}: {e}"));
}
