//! The items of incidents: their keys, transactions and queries.

use std::time::Duration;

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::attributes::{AttributeMap, build_key, expiry_value, string_attribute, string_value};
use super::table::{DynamoLedger, build_error};
use crate::error::{aws_error, incomplete_response};
use lamplighter::AwsError;

/// The partition key of all items of incidents.
pub const PARTITION: &str = "incidents";
/// The attribute with the document of an incident.
pub const INCIDENT_ATTRIBUTE: &str = "incident";
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
    /// If `condition` is given, every transaction also contains this condition check.
    ///
    /// # Errors
    /// [`AwsError`] if a transaction fails, or still conflicts after the last attempt.
    pub(super) async fn write_transaction(
        &self,
        items: &[Vec<TransactWriteItem>],
        condition: Option<&TransactWriteItem>,
    ) -> Result<(), AwsError> {
        for chunk in items.chunks(INCIDENTS_PER_TRANSACTION) {
            let all = condition
                .into_iter()
                .cloned()
                .chain(chunk.concat())
                .collect();
            self.retry_transaction(all).await?;
        }
        Ok(())
    }

    /// Writes items in one transaction, again after a conflict with another transaction.
    async fn retry_transaction(&self, items: Vec<TransactWriteItem>) -> Result<(), AwsError> {
        let mut attempts = 0;
        while let Err(error) = self
            .client()
            .transact_write_items()
            .set_transact_items(Some(items.clone()))
            .send()
            .await
        {
            let error = aws_error("TransactWriteItems", PARTITION, &error);
            attempts += 1;
            if !is_transaction_conflict(&error) || attempts == MAX_ATTEMPTS {
                return Err(error);
            }
            tokio::time::sleep(CONFLICT_BACKOFF * attempts).await;
        }
        Ok(())
    }

    /// Builds the deletion of the item with this sort key.
    pub(super) fn build_delete(&self, sk: &str) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder()
            .table_name(self.table_name())
            .set_key(Some(incident_key(sk)))
            .build();
        Ok(TransactWriteItem::builder()
            .delete(delete.map_err(|e| build_error(PARTITION, &e))?)
            .build())
    }

    /// Builds the write of a document under this sort key, in the attribute `name`.
    pub(super) fn build_put(
        &self,
        sk: &str,
        name: &str,
        document: String,
        now: Timestamp,
    ) -> Result<TransactWriteItem, AwsError> {
        let mut item = incident_key(sk);
        item.insert(name.to_owned(), string_value(document));
        item.insert("expires".to_owned(), expiry_value(now));
        let put = Put::builder()
            .table_name(self.table_name())
            .set_item(Some(item))
            .build()
            .map_err(|e| build_error(PARTITION, &e))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

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
            .expression_attribute_values(":incidents", string_value(PARTITION))
            .expression_attribute_values(":from", string_value(from))
            .expression_attribute_values(":to", string_value(to))
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

/// Builds the key of an item of incidents.
pub fn incident_key(sk: &str) -> AttributeMap {
    build_key(PARTITION, sk)
}

/// Reports whether a transaction was rejected because another one wrote the same item.
///
/// The SDK does not retry such a call.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
pub fn is_transaction_conflict(error: &AwsError) -> bool {
    error.code.contains("TransactionConflict") || error.message.contains("TransactionConflict")
}

/// Returns the error for an item that this version can't parse and so must not overwrite.
pub fn unreadable_item(sk: &str, error: &serde_json::Error) -> AwsError {
    AwsError {
        call: "Query",
        target: PARTITION.to_owned(),
        code: "UnreadableIncident".to_owned(),
        message: format!("this version can't read the item {sk}: {error}"),
        refused: true,
    }
}
