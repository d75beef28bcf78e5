//! The ledger in one DynamoDB table.
//!
//! | `pk` | `sk` | what |
//! |---|---|---|
//! | target ARN | `state` | `holder`, `lease_until` (ms), `fence`, `memory` (JSON), `watched`, `watchers`, `expires` |
//! | target ARN | time `#` event `#` operation `#` kind | one journal record: `day`, `record` (JSON), `expires` |
//!
//! `incidents.rs` keeps what people are told in the same table.
//!
//! The index `by-day` (`day`, `sk`) lists the records of all targets in the order they were written. The
//! index `watched` (`watched`, `pk`) lists the targets that a sweep must come back to: the attribute is `yes`
//! or absent, so that calm targets are not in it, and `watchers` names the operations.
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
use super::failure::failure;
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::ports::ledger::{Lease, Ledger, LedgerError, Record};

/// How long records, and the memory of targets that nobody looks at any more, are kept.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

pub struct DynamoLedger {
    config: Config,
    table: String,
    client: OnceCell<Client>,
}

pub(super) type Item = HashMap<String, AttributeValue>;

impl DynamoLedger {
    #[must_use]
    pub fn new(config: Config, table: impl Into<String>) -> Self {
        Self {
            config,
            table: table.into(),
            client: OnceCell::new(),
        }
    }

    /// With a client made elsewhere, for tests of one call at a time.
    #[must_use]
    pub fn with_client(client: Client, table: impl Into<String>) -> Self {
        let ledger = Self::new(Config::builder().build(), table);
        let _ = ledger.client.set(client);
        ledger
    }

    pub(super) fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// Takes an item for a holder unless somebody else has it. Answers the item with its new `fence`.
    pub(super) async fn lease(
        &self,
        key: Item,
        target: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Item, LedgerError> {
        // With the time in it, the SDK's retry of a call whose answer was lost finds its own lease, and
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
            .expression_attribute_values(":until", number(until.as_millisecond()))
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(answer
            .map_err(|error| refused(target, &error))?
            .attributes
            .unwrap_or_default())
    }

    /// Writes a record and the state in one transaction, under our fence.
    async fn write(&self, lease: &Lease, record: &Record, frees: bool) -> Result<(), LedgerError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(record_item(record)));
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(state_key(&lease.target)))
            .update_expression(expression(lease, frees))
            .condition_expression("fence = :fence")
            .set_expression_attribute_values(Some(state_values(lease, record.at)));
        let (put, update) = (put.build().map_err(built)?, update.build().map_err(built)?);
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
        answer.map_err(|e| failure("TransactWriteItems", &lease.target.name(), &e))?;
        Ok(())
    }
}

const WATCHED: &str = "watched";

/// What is written to a target's state: the memory, and whether a sweep must come back.
fn expression(lease: &Lease, frees: bool) -> String {
    let watched = !lease.memory.watched.is_empty();
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
    async fn acquire(
        &self,
        target: &Arn,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Lease, LedgerError> {
        let item = self
            .lease(state_key(target), &target.name(), holder, now, until)
            .await?;
        let memory = match text(&item, "memory") {
            Some(memory) => serde_json::from_str(memory).map_err(|e| unreadable(target, &e))?,
            None => lamplighter::state::Memory::default(),
        };
        Ok(Lease {
            target: target.clone(),
            fence: integer(&item, "fence").unwrap_or(1).unsigned_abs(),
            until,
            memory,
        })
    }

    async fn watched(&self, operation: &str) -> Result<Vec<Arn>, AwsError> {
        let mut pages = self
            .client()
            .query()
            .table_name(&self.table)
            .index_name(WATCHED)
            .key_condition_expression("watched = :yes")
            .filter_expression("contains(watchers, :operation)")
            .expression_attribute_values(":yes", AttributeValue::S("yes".to_owned()))
            .expression_attribute_values(":operation", AttributeValue::S(operation.to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut targets = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| failure("Query", WATCHED, &e))?;
            targets.extend(text(&item, "pk").map(Arn::new));
        }
        Ok(targets)
    }

    async fn intend(&self, lease: &Lease, record: &Record) -> Result<(), LedgerError> {
        self.write(lease, record, false).await
    }

    async fn conclude(&self, lease: &Lease, record: Option<&Record>) -> Result<(), LedgerError> {
        if let Some(record) = record {
            return self.write(lease, record, true).await;
        }
        let answer = self
            .client()
            .update_item()
            .table_name(&self.table)
            .set_key(Some(state_key(&lease.target)))
            .update_expression(expression(lease, true))
            .condition_expression("fence = :fence")
            .set_expression_attribute_values(Some(state_values(lease, lease.until)))
            .send()
            .await;
        answer.map_err(|e| failure("UpdateItem", &lease.target.name(), &e))?;
        Ok(())
    }
}

/// A lease that was not taken: somebody else has it, or nobody knows.
fn refused(target: &str, error: &SdkError<UpdateItemError>) -> LedgerError {
    let held = match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item.as_ref(),
        _ => return failure("UpdateItem", target, error).into(),
    };
    let holder = held
        .and_then(|item| text(item, "holder"))
        .unwrap_or("another invocation")
        .to_owned();
    let until = held
        .and_then(|item| integer(item, "lease_until"))
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    LedgerError::Busy {
        holder,
        until: until.map_or("its lease ends".to_owned(), |t| t.to_string()),
    }
}

fn record_item(record: &Record) -> Item {
    let at = format!("{:.6}", record.at);
    let sk = format!(
        "{at}#{}#{}#{}",
        record.event_id,
        record.operation,
        record.kind.as_str()
    );
    Item::from([
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
        ("expires".to_owned(), number((record.at + KEPT).as_second())),
    ])
}

pub(super) fn state_key(target: &Arn) -> Item {
    Item::from([
        ("pk".to_owned(), AttributeValue::S(target.to_string())),
        ("sk".to_owned(), AttributeValue::S("state".to_owned())),
    ])
}

fn state_values(lease: &Lease, now: Timestamp) -> Item {
    let mut values = Item::from([
        (
            ":memory".to_owned(),
            AttributeValue::S(serde_json::json!(lease.memory).to_string()),
        ),
        (
            ":fence".to_owned(),
            AttributeValue::N(lease.fence.to_string()),
        ),
        (":expires".to_owned(), number((now + KEPT).as_second())),
    ]);
    if !lease.memory.watched.is_empty() {
        let watchers = lease.memory.watched.iter().cloned().collect();
        values.insert(":watched".to_owned(), AttributeValue::S("yes".to_owned()));
        values.insert(":watchers".to_owned(), AttributeValue::Ss(watchers));
    }
    values
}

pub(super) fn number(n: i64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

pub(super) fn text<'a>(item: &'a Item, key: &str) -> Option<&'a str> {
    item.get(key)?.as_s().ok().map(String::as_str)
}

pub(super) fn integer(item: &Item, key: &str) -> Option<i64> {
    item.get(key)?.as_n().ok()?.parse().ok()
}

/// A memory this version can't read must not be overwritten with an empty one.
fn unreadable(target: &Arn, error: &serde_json::Error) -> LedgerError {
    let message = format!("its item `state` can't be read: {error}");
    AwsError {
        call: "UpdateItem",
        target: target.name(),
        code: "UnreadableMemory".to_owned(),
        message,
        refused: true,
    }
    .into()
}

fn built(error: impl std::fmt::Display) -> LedgerError {
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
