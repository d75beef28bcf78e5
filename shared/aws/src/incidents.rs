//! Incidents and the dispatcher's state in the ledger's DynamoDB table.
//!
//! | `pk` | `sk` | attributes |
//! |---|---|---|
//! | `incidents` | `desk` | `holder`, `lease_until` (ms), `fence`, `channels`, `silences` (JSON) |
//! | `incidents` | `new#` time `#` hash | `notice` (JSON), `expires` |
//! | `incidents` | `open#` identifier | `incident` (JSON), `expires` |
//! | `incidents` | `since#` time `#` identifier | resolved `incident`, `expires` (in 90 days) |

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::error::{aws_error, incomplete_response};
use super::ledger::{
    AttributeMap, DynamoLedger, RETENTION, integer_attribute, number_value, string_attribute,
};
use lamplighter::AwsError;
use lamplighter::notify::Notification;
use lamplighter::notify::incident::{Incident, IncidentId};
use lamplighter::ports::incidents::{Changes, DispatcherState, IncidentStore};
use lamplighter::ports::ledger::LedgerError;

const PARTITION: &str = "incidents";
const DISPATCHER_KEY: &str = "desk";
pub(super) const INCIDENT_ATTRIBUTE: &str = "incident";
const NOTIFICATION_ATTRIBUTE: &str = "notice";
/// Maximum number of incidents per transaction.
///
/// A transaction takes 100 items: one for the dispatcher's state and up to two per incident.
const INCIDENTS_PER_TRANSACTION: usize = 49;
/// Maximum number of attempts of a transaction that conflicts with another one.
const MAX_ATTEMPTS: u32 = 6;
const CONFLICT_BACKOFF: Duration = Duration::from_millis(60);

impl DynamoLedger {
    /// Writes groups of items in as few transactions as possible.
    ///
    /// If `unless` is given, every transaction also contains this condition check.
    ///
    /// # Errors
    /// [`AwsError`] if a transaction fails, or still conflicts after the last attempt.
    async fn write_transaction(
        &self,
        items: &[Vec<TransactWriteItem>],
        unless: Option<&TransactWriteItem>,
    ) -> Result<(), AwsError> {
        for some in items.chunks(INCIDENTS_PER_TRANSACTION) {
            let all = unless.into_iter().cloned().chain(some.concat()).collect();
            let all: Vec<TransactWriteItem> = all;
            let mut tries = 0;
            while let Err(error) = self
                .client()
                .transact_write_items()
                .set_transact_items(Some(all.clone()))
                .send()
                .await
            {
                let error = aws_error("TransactWriteItems", PARTITION, &error);
                tries += 1;
                if !is_transaction_conflict(&error) || tries == MAX_ATTEMPTS {
                    return Err(error);
                }
                tokio::time::sleep(CONFLICT_BACKOFF * tries).await;
            }
        }
        Ok(())
    }

    fn build_delete(&self, sk: &str) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder()
            .table_name(self.table_name())
            .set_key(Some(incident_key(sk)))
            .build();
        Ok(TransactWriteItem::builder()
            .delete(delete.map_err(build_error)?)
            .build())
    }

    fn build_put(
        &self,
        sk: &str,
        name: &str,
        document: String,
        now: Timestamp,
    ) -> Result<TransactWriteItem, AwsError> {
        let mut item = incident_key(sk);
        item.insert(name.to_owned(), AttributeValue::S(document));
        item.insert(
            "expires".to_owned(),
            number_value((now + RETENTION).as_second()),
        );
        let put = Put::builder()
            .table_name(self.table_name())
            .set_item(Some(item))
            .build()
            .map_err(build_error)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

impl IncidentStore for DynamoLedger {
    async fn add_notifications(
        &self,
        notices: &[Notification],
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let documents: BTreeMap<String, String> = notices
            .iter()
            .map(|notice| {
                let document = serde_json::json!(notice).to_string();
                (
                    format!(
                        "new#{:.6}#{}",
                        notice.at,
                        IncidentId::hash(&notice.target, &document).as_str()
                    ),
                    document,
                )
            })
            .collect();
        let items: Result<Vec<_>, AwsError> = documents
            .into_iter()
            .map(|(sk, document)| {
                Ok(vec![self.build_put(
                    &sk,
                    NOTIFICATION_ATTRIBUTE,
                    document,
                    now,
                )?])
            })
            .collect();
        self.write_transaction(&items?, None).await
    }

    async fn has_inbox_items(&self) -> Result<bool, AwsError> {
        let query = self
            .client()
            .query()
            .table_name(self.table_name())
            .consistent_read(true)
            .limit(1);
        let query = query
            .key_condition_expression("pk = :incidents AND begins_with(sk, :new)")
            .expression_attribute_values(":incidents", AttributeValue::S(PARTITION.to_owned()))
            .expression_attribute_values(":new", AttributeValue::S("new#".to_owned()));
        let answer = query
            .send()
            .await
            .map_err(|e| aws_error("Query", PARTITION, &e))?;
        Ok(answer.count > 0)
    }

    async fn acquire_lease(
        &self,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<DispatcherState, LedgerError> {
        let item = self
            .lease_item(incident_key(DISPATCHER_KEY), PARTITION, holder, now, until)
            .await
            .map_err(|error| match error {
                // The lock holder is writing at this moment.
                LedgerError::Aws(error) if is_transaction_conflict(&error) => LedgerError::Busy {
                    holder: "another invocation".to_owned(),
                    until: "it has written".to_owned(),
                },
                other => other,
            })?;
        let channels = string_attribute(&item, "channels")
            .map(serde_json::from_str)
            .transpose();
        let channels = channels
            .map_err(|e| unreadable_item(DISPATCHER_KEY, &e))?
            .unwrap_or_default();
        let open: Vec<(String, Incident)> = self
            .query_documents("open#", "open#~", INCIDENT_ATTRIBUTE)
            .await?;
        let incidents = open
            .into_iter()
            .map(|(_, incident)| (incident.id(), incident))
            .collect();
        let inbox = self
            .query_documents("new#", "new#~", NOTIFICATION_ATTRIBUTE)
            .await?
            .into_iter()
            .collect();
        let silences = string_attribute(&item, "silences")
            .map(serde_json::from_str)
            .transpose();
        let silences = silences
            .map_err(|e| unreadable_item(DISPATCHER_KEY, &e))?
            .unwrap_or_default();
        Ok(DispatcherState {
            fence: integer_attribute(&item, "fence")
                .unwrap_or(1)
                .unsigned_abs(),
            incidents,
            channels,
            silences,
            inbox,
        })
    }

    async fn write_changes(
        &self,
        desk: &DispatcherState,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut items = Vec::new();
        for incident in &changes.written {
            let (id, document) = (incident.id(), serde_json::json!(incident).to_string());
            let mut both = vec![self.build_put(
                &format!("open#{}", id.as_str()),
                INCIDENT_ATTRIBUTE,
                document.clone(),
                now,
            )?];
            if incident.resolved_at.is_some() {
                let sk = format!("since#{:.3}#{}", incident.since, id.as_str());
                both.push(self.build_put(&sk, INCIDENT_ATTRIBUTE, document, now)?);
            }
            items.push(both);
        }
        for id in &changes.expired {
            items.push(vec![self.build_delete(&format!("open#{}", id.as_str()))?]);
        }
        for sk in &changes.ingested {
            items.push(vec![self.build_delete(sk)?]);
        }
        let ours = ConditionCheck::builder()
            .table_name(self.table_name())
            .set_key(Some(incident_key(DISPATCHER_KEY)))
            .condition_expression("fence = :fence")
            .expression_attribute_values(":fence", AttributeValue::N(desk.fence.to_string()));
        let ours = TransactWriteItem::builder()
            .condition_check(ours.build().map_err(build_error)?)
            .build();
        Ok(self.write_transaction(&items, Some(&ours)).await?)
    }

    async fn release_lease(&self, desk: &DispatcherState) -> Result<(), LedgerError> {
        let channels = serde_json::json!(desk.channels).to_string();
        let answer = self
            .client()
            .update_item()
            .table_name(self.table_name())
            .set_key(Some(incident_key(DISPATCHER_KEY)))
            .update_expression(
                "SET channels = :channels, silences = :silences REMOVE holder, lease_until",
            )
            .condition_expression("fence = :fence")
            .expression_attribute_values(":channels", AttributeValue::S(channels))
            .expression_attribute_values(
                ":silences",
                AttributeValue::S(serde_json::json!(desk.silences).to_string()),
            )
            .expression_attribute_values(":fence", AttributeValue::N(desk.fence.to_string()))
            .send()
            .await;
        answer.map_err(|e| aws_error("UpdateItem", PARTITION, &e))?;
        Ok(())
    }
}

impl DynamoLedger {
    /// Queries the documents between two sort keys and returns them with their sort keys.
    ///
    /// Reads all pages with consistent reads.
    pub(super) async fn query_documents<T: DeserializeOwned>(
        &self,
        from: &str,
        to: &str,
        name: &'static str,
    ) -> Result<Vec<(String, T)>, AwsError> {
        let mut pages = self
            .client()
            .query()
            .table_name(self.table_name())
            .consistent_read(true)
            .key_condition_expression("pk = :incidents AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":incidents", AttributeValue::S(PARTITION.to_owned()))
            .expression_attribute_values(":from", AttributeValue::S(from.to_owned()))
            .expression_attribute_values(":to", AttributeValue::S(to.to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut all = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| aws_error("Query", PARTITION, &e))?;
            let sk = string_attribute(&item, "sk").unwrap_or_default().to_owned();
            let document = string_attribute(&item, name)
                .ok_or_else(|| incomplete_response("Query", PARTITION, name))?;
            let read = serde_json::from_str(document).map_err(|e| unreadable_item(&sk, &e))?;
            all.push((sk, read));
        }
        Ok(all)
    }
}

/// Reports whether a transaction was rejected because another one wrote the same item.
///
/// The SDK does not retry such a call.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
fn is_transaction_conflict(error: &AwsError) -> bool {
    error.code.contains("TransactionConflict") || error.message.contains("TransactionConflict")
}

fn incident_key(sk: &str) -> AttributeMap {
    AttributeMap::from([
        ("pk".to_owned(), AttributeValue::S(PARTITION.to_owned())),
        ("sk".to_owned(), AttributeValue::S(sk.to_owned())),
    ])
}

/// Returns the error for an item that this version can't parse and so must not overwrite.
fn unreadable_item(sk: &str, error: &serde_json::Error) -> AwsError {
    let message = format!("the item {sk} can't be read: {error}");
    AwsError {
        call: "Query",
        target: PARTITION.to_owned(),
        code: "UnreadableIncident".to_owned(),
        message,
        refused: true,
    }
}

fn build_error(error: impl std::fmt::Display) -> AwsError {
    let message = error.to_string();
    AwsError {
        call: "TransactWriteItems",
        target: PARTITION.to_owned(),
        code: "RequestError".to_owned(),
        message,
        refused: true,
    }
}
