//! The ledger: one DynamoDB table.
//!
//! | `pk` | `sk` | attributes |
//! |---|---|---|
//! | target ARN | `state` | `holder`, `lease_until` (ms), `fence`, `memory` (JSON), `watched`, `watchers`, `expires` |
//! | target ARN | time `#` event `#` operation `#` kind | one journal record: `day`, `record` (JSON), `expires` |
//!
//! `incidents.rs` stores the incidents in the same table.
//!
//! The index `by-day` (`day`, `sk`) lists the records of all targets in the order of their writes.
//! The index `watched` (`watched`, `pk`) is the watch list: the targets that a sweep must reconcile
//! again. `watched` is `yes` or absent, so that other targets are not in the index. `watchers`
//! names the operations.
//! `expires` (s) is the table's TTL attribute.

use std::cell::OnceCell;
use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use jiff::{SignedDuration, Timestamp};

use super::Config;
use super::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::ports::ledger::{Lease, Ledger, LedgerError, Record};

/// Retention of journal records, and of the state of targets that are no longer reconciled.
pub(super) const RETENTION: SignedDuration = SignedDuration::from_hours(90 * 24);

pub struct DynamoLedger {
    config: Config,
    table: String,
    client: OnceCell<Client>,
}

pub(super) type AttributeMap = HashMap<String, AttributeValue>;

impl DynamoLedger {
    #[must_use]
    pub fn new(config: Config, table: impl Into<String>) -> Self {
        Self {
            config,
            table: table.into(),
            client: OnceCell::new(),
        }
    }

    /// Creates a ledger with a prebuilt client, for tests of single calls.
    #[must_use]
    pub fn with_client(client: Client, table: impl Into<String>) -> Self {
        let ledger = Self::new(Config::builder().build(), table);
        let _ = ledger.client.set(client);
        ledger
    }

    pub(super) fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    pub(super) fn table_name(&self) -> &str {
        &self.table
    }

    /// Leases an item to a holder and returns the item with its new `fence`.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] while another holder's lease has not expired.
    pub(super) async fn lease_item(
        &self,
        key: AttributeMap,
        target: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<AttributeMap, LedgerError> {
        // The holder contains the time: an SDK retry after a lost response finds its own lease, but
        // another delivery of the same request does not.
        let holder = format!("{holder} since {now}");
        let answer = self
            .client()
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression("SET holder = :holder, lease_until = :until ADD fence :one")
            .condition_expression(
                "attribute_not_exists(holder) OR lease_until < :now OR holder = :holder",
            )
            .expression_attribute_values(":holder", AttributeValue::S(holder))
            .expression_attribute_values(":until", number_value(until.as_millisecond()))
            .expression_attribute_values(":now", number_value(now.as_millisecond()))
            .expression_attribute_values(":one", number_value(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(answer
            .map_err(|error| lease_error(target, &error))?
            .attributes
            .unwrap_or_default())
    }

    /// Writes a journal record and the target state in one transaction, if the fence is still ours.
    async fn commit_record(
        &self,
        lease: &Lease,
        record: &Record,
        frees: bool,
    ) -> Result<(), LedgerError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(build_record_item(record)));
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(build_state_key(&lease.target)))
            .update_expression(state_update_expression(lease, frees))
            .condition_expression("fence = :fence")
            .set_expression_attribute_values(Some(build_state_values(lease, record.at)));
        let (put, update) = (
            put.build().map_err(build_error)?,
            update.build().map_err(build_error)?,
        );
        let items = vec![
            TransactWriteItem::builder().put(put).build(),
            TransactWriteItem::builder().update(update).build(),
        ];
        let answer = self
            .client()
            .transact_write_items()
            .set_transact_items(Some(items))
            .send()
            .await;
        answer.map_err(|e| aws_error("TransactWriteItems", &lease.target.display_name(), &e))?;
        Ok(())
    }
}

const WATCHED_INDEX: &str = "watched";

/// Returns the update expression for a target's state and its place on the watch list.
///
/// `frees` also releases the lease.
fn state_update_expression(lease: &Lease, frees: bool) -> String {
    let watched = !lease.state.watched.is_empty();
    let set = if watched {
        ", watched = :watched, watchers = :watchers"
    } else {
        ""
    };
    let removed = [
        ("holder, lease_until", frees),
        ("watched, watchers", !watched),
    ];
    let removed: Vec<&str> = removed
        .into_iter()
        .filter(|(_, is)| *is)
        .map(|(names, _)| names)
        .collect();
    let remove = if removed.is_empty() {
        String::new()
    } else {
        format!(" REMOVE {}", removed.join(", "))
    };
    format!("SET memory = :memory, expires = :expires{set}{remove}")
}

impl Ledger for DynamoLedger {
    async fn acquire_lease(
        &self,
        target: &Arn,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Lease, LedgerError> {
        let item = self
            .lease_item(
                build_state_key(target),
                &target.display_name(),
                holder,
                now,
                until,
            )
            .await?;
        let memory = match string_attribute(&item, "memory") {
            Some(memory) => {
                serde_json::from_str(memory).map_err(|e| unreadable_state(target, &e))?
            }
            None => lamplighter::state::TargetState::default(),
        };
        Ok(Lease {
            target: target.clone(),
            fence: integer_attribute(&item, "fence")
                .unwrap_or(1)
                .unsigned_abs(),
            until,
            state: memory,
        })
    }

    async fn list_watched(&self, operation: &str) -> Result<Vec<Arn>, AwsError> {
        let mut pages = self
            .client()
            .query()
            .table_name(&self.table)
            .index_name(WATCHED_INDEX)
            .key_condition_expression("watched = :yes")
            .filter_expression("contains(watchers, :operation)")
            .expression_attribute_values(":yes", AttributeValue::S("yes".to_owned()))
            .expression_attribute_values(":operation", AttributeValue::S(operation.to_owned()))
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
        self.commit_record(lease, record, false).await
    }

    async fn write_outcome(
        &self,
        lease: &Lease,
        record: Option<&Record>,
    ) -> Result<(), LedgerError> {
        if let Some(record) = record {
            return self.commit_record(lease, record, true).await;
        }
        let answer = self
            .client()
            .update_item()
            .table_name(&self.table)
            .set_key(Some(build_state_key(&lease.target)))
            .update_expression(state_update_expression(lease, true))
            .condition_expression("fence = :fence")
            .set_expression_attribute_values(Some(build_state_values(lease, lease.until)))
            .send()
            .await;
        answer.map_err(|e| aws_error("UpdateItem", &lease.target.display_name(), &e))?;
        Ok(())
    }
}

/// Converts the error of a lease request: held by another holder, or a failed call.
fn lease_error(target: &str, error: &SdkError<UpdateItemError>) -> LedgerError {
    let held = match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item.as_ref(),
        _ => return aws_error("UpdateItem", target, error).into(),
    };
    let holder = held
        .and_then(|item| string_attribute(item, "holder"))
        .unwrap_or("another invocation")
        .to_owned();
    let until = held
        .and_then(|item| integer_attribute(item, "lease_until"))
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    LedgerError::Busy {
        holder,
        until: until.map_or("its lease ends".to_owned(), |t| t.to_string()),
    }
}

fn build_record_item(record: &Record) -> AttributeMap {
    let at = format!("{:.6}", record.at);
    let sk = format!(
        "{at}#{}#{}#{}",
        record.event_id,
        record.operation,
        record.kind.as_str()
    );
    AttributeMap::from([
        (
            "pk".to_owned(),
            AttributeValue::S(record.target.to_string()),
        ),
        ("sk".to_owned(), AttributeValue::S(sk)),
        (
            "day".to_owned(),
            AttributeValue::S(at.chars().take(10).collect()),
        ),
        (
            "record".to_owned(),
            AttributeValue::S(serde_json::json!(record).to_string()),
        ),
        (
            "expires".to_owned(),
            number_value((record.at + RETENTION).as_second()),
        ),
    ])
}

pub(super) fn build_state_key(target: &Arn) -> AttributeMap {
    AttributeMap::from([
        ("pk".to_owned(), AttributeValue::S(target.to_string())),
        ("sk".to_owned(), AttributeValue::S("state".to_owned())),
    ])
}

fn build_state_values(lease: &Lease, now: Timestamp) -> AttributeMap {
    let mut values = AttributeMap::from([
        (
            ":memory".to_owned(),
            AttributeValue::S(serde_json::json!(lease.state).to_string()),
        ),
        (
            ":fence".to_owned(),
            AttributeValue::N(lease.fence.to_string()),
        ),
        (
            ":expires".to_owned(),
            number_value((now + RETENTION).as_second()),
        ),
    ]);
    if !lease.state.watched.is_empty() {
        let watchers = lease.state.watched.iter().cloned().collect();
        values.insert(":watched".to_owned(), AttributeValue::S("yes".to_owned()));
        values.insert(":watchers".to_owned(), AttributeValue::Ss(watchers));
    }
    values
}

pub(super) fn number_value(n: i64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

pub(super) fn string_attribute<'a>(item: &'a AttributeMap, key: &str) -> Option<&'a str> {
    item.get(key)?.as_s().ok().map(String::as_str)
}

pub(super) fn integer_attribute(item: &AttributeMap, key: &str) -> Option<i64> {
    item.get(key)?.as_n().ok()?.parse().ok()
}

/// Returns the error for a state that this version can't parse and so must not overwrite.
fn unreadable_state(target: &Arn, error: &serde_json::Error) -> LedgerError {
    let message = format!("its item `state` can't be read: {error}");
    AwsError {
        call: "UpdateItem",
        target: target.display_name(),
        code: "UnreadableMemory".to_owned(),
        message,
        refused: true,
    }
    .into()
}

fn build_error(error: impl std::fmt::Display) -> LedgerError {
    let message = error.to_string();
    AwsError {
        call: "TransactWriteItems",
        target: String::new(),
        code: "RequestError".to_owned(),
        message,
        refused: true,
    }
    .into()
}
