//! Leases, states and journal records of targets.

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use jiff::Timestamp;

use super::attributes::{
    AttributeMap, build_key, expiry_value, fence_attribute, string_attribute, string_value,
};
use super::table::{DynamoLedger, build_error};
use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::ports::ledger::{Lease, Ledger, LedgerError, Record};
use lamplighter::state::TargetState;

const WATCHED_INDEX: &str = "watched";
/// A write succeeds only while the fence is still that of our lease.
const FENCE_CONDITION: &str = "fence = :fence";

impl Ledger for DynamoLedger {
    async fn acquire_lease(
        &self,
        target: &Arn,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Lease, LedgerError> {
        let key = build_state_key(target);
        let name = target.display_name();
        let item = self.lease_item(key, &name, holder, now, until).await?;
        Ok(Lease {
            target: target.clone(),
            fence: fence_attribute(&item),
            until,
            state: parse_state(target, &item)?,
        })
    }

    async fn list_watched(&self, operation: &str) -> Result<Vec<Arn>, AwsError> {
        let mut pages = self
            .client()
            .query()
            .table_name(self.table_name())
            .index_name(WATCHED_INDEX)
            .key_condition_expression("watched = :yes")
            .filter_expression("contains(watchers, :operation)")
            .expression_attribute_values(":yes", string_value("yes"))
            .expression_attribute_values(":operation", string_value(operation))
            .into_paginator()
            .items()
            .send();
        let mut targets = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| aws_error("Query", WATCHED_INDEX, &e))?;
            targets.extend(string_attribute(&item, "pk").map(Arn::new));
        }
        Ok(targets)
    }

    async fn write_intent(&self, lease: &Lease, record: &Record) -> Result<(), LedgerError> {
        self.commit_record(lease, record, LeaseAfter::Held).await
    }

    async fn write_outcome(
        &self,
        lease: &Lease,
        record: Option<&Record>,
    ) -> Result<(), LedgerError> {
        if let Some(record) = record {
            return self
                .commit_record(lease, record, LeaseAfter::Released)
                .await;
        }
        let answer = self
            .client()
            .update_item()
            .table_name(self.table_name())
            .set_key(Some(build_state_key(&lease.target)))
            .update_expression(state_update_expression(lease, LeaseAfter::Released))
            .condition_expression(FENCE_CONDITION)
            .set_expression_attribute_values(Some(build_state_values(lease, lease.until)))
            .send()
            .await;
        answer.map_err(|e| aws_error("UpdateItem", &lease.target.display_name(), &e))?;
        Ok(())
    }
}

/// What becomes of the lease with a write of the state.
#[derive(Clone, Copy)]
enum LeaseAfter {
    Held,
    Released,
}

impl DynamoLedger {
    /// Writes a journal record and the target state in one transaction, if the fence is still ours.
    async fn commit_record(
        &self,
        lease: &Lease,
        record: &Record,
        lease_after: LeaseAfter,
    ) -> Result<(), LedgerError> {
        let put = Put::builder()
            .table_name(self.table_name())
            .set_item(Some(build_record_item(record)))
            .build()
            .map_err(|e| build_error("", &e))?;
        let update = Update::builder()
            .table_name(self.table_name())
            .set_key(Some(build_state_key(&lease.target)))
            .update_expression(state_update_expression(lease, lease_after))
            .condition_expression(FENCE_CONDITION)
            .set_expression_attribute_values(Some(build_state_values(lease, record.at)))
            .build()
            .map_err(|e| build_error("", &e))?;
        let answer = self
            .client()
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put).build())
            .transact_items(TransactWriteItem::builder().update(update).build())
            .send()
            .await;
        answer.map_err(|e| aws_error("TransactWriteItems", &lease.target.display_name(), &e))?;
        Ok(())
    }
}

/// Returns the update expression for a target's state, its place on the watch list and its lease.
fn state_update_expression(lease: &Lease, lease_after: LeaseAfter) -> String {
    let is_watched = !lease.state.watched.is_empty();
    let mut set = "memory = :memory, expires = :expires".to_owned();
    let mut removed = Vec::new();
    match lease_after {
        LeaseAfter::Held => {}
        LeaseAfter::Released => removed.push("holder, lease_until"),
    }
    if is_watched {
        set.push_str(", watched = :watched, watchers = :watchers");
    } else {
        removed.push("watched, watchers");
    }
    if removed.is_empty() {
        return format!("SET {set}");
    }
    format!("SET {set} REMOVE {}", removed.join(", "))
}

fn build_record_item(record: &Record) -> AttributeMap {
    let at = format!("{:.6}", record.at);
    let day: String = at.chars().take(10).collect();
    let sk = format!(
        "{at}#{}#{}#{}",
        record.event_id,
        record.operation,
        record.kind.as_str()
    );
    let mut item = build_key(record.target.as_str(), &sk);
    let document = serde_json::json!(record).to_string();
    item.insert("day".to_owned(), string_value(day));
    item.insert("record".to_owned(), string_value(document));
    item.insert("expires".to_owned(), expiry_value(record.at));
    item
}

/// Builds the key of the item with the state of a target.
pub fn build_state_key(target: &Arn) -> AttributeMap {
    build_key(target.as_str(), "state")
}

fn build_state_values(lease: &Lease, now: Timestamp) -> AttributeMap {
    let state = serde_json::json!(lease.state).to_string();
    let fence = AttributeValue::N(lease.fence.to_string());
    let mut values = AttributeMap::from([
        (":memory".to_owned(), string_value(state)),
        (":fence".to_owned(), fence),
        (":expires".to_owned(), expiry_value(now)),
    ]);
    if !lease.state.watched.is_empty() {
        let watchers = lease.state.watched.iter().cloned().collect();
        values.insert(":watched".to_owned(), string_value("yes"));
        values.insert(":watchers".to_owned(), AttributeValue::Ss(watchers));
    }
    values
}

/// Parses the state of a target; a target without one has an empty state.
///
/// # Errors
/// [`LedgerError`] for a state that this version can't parse and so must not overwrite.
fn parse_state(target: &Arn, item: &AttributeMap) -> Result<TargetState, LedgerError> {
    let Some(document) = string_attribute(item, "memory") else {
        return Ok(TargetState::default());
    };
    let parsed = serde_json::from_str(document).map_err(|error| AwsError {
        call: "UpdateItem",
        target: target.display_name(),
        code: "UnreadableState".to_owned(),
        message: format!("this version can't read the item `state`: {error}"),
        refused: true,
    });
    Ok(parsed?)
}
