//! Incidents and the dispatcher's state in the ledger's DynamoDB table.
//!
//! | `pk` | `sk` | attributes |
//! |---|---|---|
//! | `incidents` | `desk` | `holder`, `lease_until` (ms), `fence`, `channels`, `silences` (JSON) |
//! | `incidents` | `new#` time `#` hash | `notice` (JSON), `expires` |
//! | `incidents` | `open#` identifier | `incident` (JSON), `expires` |
//! | `incidents` | `since#` time `#` identifier | resolved `incident`, `expires` (in 90 days) |

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::attributes::{AttributeMap, fence_attribute, string_attribute, string_value};
use super::incident_items::{
    INCIDENT_ATTRIBUTE, PARTITION, incident_key, is_transaction_conflict, unreadable_item,
};
use super::table::{DynamoLedger, build_error};
use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::notify::Notification;
use lamplighter::notify::incident::{Incident, IncidentId};
use lamplighter::ports::incidents::{Changes, DispatcherState, IncidentStore};
use lamplighter::ports::ledger::LedgerError;

const DISPATCHER_KEY: &str = "desk";
const NOTIFICATION_ATTRIBUTE: &str = "notice";
/// A write succeeds only while the fence is still that of our lease.
const FENCE_CONDITION: &str = "fence = :fence";

impl IncidentStore for DynamoLedger {
    async fn add_notifications(
        &self,
        notifications: &[Notification],
        now: Timestamp,
    ) -> Result<(), AwsError> {
        // A map, because a transaction must not write the same item twice.
        let documents: BTreeMap<String, String> = notifications.iter().map(inbox_item).collect();
        let mut items = Vec::new();
        for (sk, document) in documents {
            items.push(vec![self.build_put(
                &sk,
                NOTIFICATION_ATTRIBUTE,
                document,
                now,
            )?]);
        }
        self.write_transaction(&items, None).await
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
            .expression_attribute_values(":incidents", string_value(PARTITION))
            .expression_attribute_values(":new", string_value("new#"));
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
            .map_err(conflict_to_busy)?;
        let open: Vec<(String, Incident)> = self
            .query_documents("open#", "open#~", INCIDENT_ATTRIBUTE)
            .await?;
        let inbox = self
            .query_documents("new#", "new#~", NOTIFICATION_ATTRIBUTE)
            .await?;
        Ok(DispatcherState {
            fence: fence_attribute(&item),
            incidents: open
                .into_iter()
                .map(|(_, incident)| (incident.id(), incident))
                .collect(),
            channels: parse_attribute(&item, "channels")?,
            silences: parse_attribute(&item, "silences")?,
            inbox: inbox.into_iter().collect(),
        })
    }

    async fn write_changes(
        &self,
        state: &DispatcherState,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut items = Vec::new();
        for incident in &changes.written {
            items.push(self.build_incident_puts(incident, now)?);
        }
        for id in &changes.expired {
            items.push(vec![self.build_delete(&open_key(id))?]);
        }
        for sk in &changes.ingested {
            items.push(vec![self.build_delete(sk)?]);
        }
        let lease_is_ours = self.build_fence_check(state)?;
        Ok(self.write_transaction(&items, Some(&lease_is_ours)).await?)
    }

    async fn release_lease(&self, state: &DispatcherState) -> Result<(), LedgerError> {
        let channels = serde_json::json!(state.channels).to_string();
        let silences = serde_json::json!(state.silences).to_string();
        let answer = self
            .client()
            .update_item()
            .table_name(self.table_name())
            .set_key(Some(incident_key(DISPATCHER_KEY)))
            .update_expression(
                "SET channels = :channels, silences = :silences REMOVE holder, lease_until",
            )
            .condition_expression(FENCE_CONDITION)
            .expression_attribute_values(":channels", string_value(channels))
            .expression_attribute_values(":silences", string_value(silences))
            .expression_attribute_values(":fence", fence_value(state))
            .send()
            .await;
        answer.map_err(|e| aws_error("UpdateItem", PARTITION, &e))?;
        Ok(())
    }
}

impl DynamoLedger {
    /// Builds the writes of an incident: as an open one, and as a past one if it is resolved.
    fn build_incident_puts(
        &self,
        incident: &Incident,
        now: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, AwsError> {
        let id = incident.id();
        let document = serde_json::json!(incident).to_string();
        let open = self.build_put(&open_key(&id), INCIDENT_ATTRIBUTE, document.clone(), now)?;
        let mut puts = vec![open];
        if incident.resolved_at.is_some() {
            let sk = format!("since#{:.3}#{}", incident.since, id.as_str());
            puts.push(self.build_put(&sk, INCIDENT_ATTRIBUTE, document, now)?);
        }
        Ok(puts)
    }

    /// Builds the check that the lease of the dispatcher is still ours.
    fn build_fence_check(&self, state: &DispatcherState) -> Result<TransactWriteItem, AwsError> {
        let check = ConditionCheck::builder()
            .table_name(self.table_name())
            .set_key(Some(incident_key(DISPATCHER_KEY)))
            .condition_expression(FENCE_CONDITION)
            .expression_attribute_values(":fence", fence_value(state))
            .build()
            .map_err(|e| build_error(PARTITION, &e))?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }
}

/// Returns the sort key of an open incident.
fn open_key(id: &IncidentId) -> String {
    format!("open#{}", id.as_str())
}

fn fence_value(state: &DispatcherState) -> AttributeValue {
    AttributeValue::N(state.fence.to_string())
}

/// Returns the sort key and document of a notification; equal notifications have equal keys.
fn inbox_item(notification: &Notification) -> (String, String) {
    let document = serde_json::json!(notification).to_string();
    let hash = IncidentId::hash(&notification.target, &document);
    let sk = format!("new#{:.6}#{}", notification.at, hash.as_str());
    (sk, document)
}

/// Converts a conflict with a transaction: the lock holder is writing at this moment.
fn conflict_to_busy(error: LedgerError) -> LedgerError {
    match error {
        LedgerError::Aws(error) if is_transaction_conflict(&error) => LedgerError::Busy {
            holder: "another invocation".to_owned(),
            until: "its write ends".to_owned(),
        },
        LedgerError::Aws(_) | LedgerError::Busy { .. } => error,
    }
}

/// Parses an attribute of the dispatcher's state; a missing one is empty.
fn parse_attribute<T: DeserializeOwned + Default>(
    item: &AttributeMap,
    name: &str,
) -> Result<T, AwsError> {
    string_attribute(item, name).map_or_else(
        || Ok(T::default()),
        |document| serde_json::from_str(document).map_err(|e| unreadable_item(DISPATCHER_KEY, &e)),
    )
}
