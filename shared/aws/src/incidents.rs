//! Incidents in the ledger's table.
//!
//! | `pk` | `sk` | what |
//! |---|---|---|
//! | `incidents` | `desk` | `holder`, `lease_until` (ms), `fence`, `channels`, `silences` (JSON) |
//! | `incidents` | `new#` time `#` hash | `notice` (JSON), `expires` |
//! | `incidents` | `open#` identifier | `incident` (JSON), `expires` |
//! | `incidents` | `since#` time `#` identifier | the same of one that is over, kept for 90 days |

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::failure::{failure, incomplete};
use super::ledger::{DynamoLedger, Item, KEPT, integer, number, text};
use lamplighter::AwsError;
use lamplighter::notify::Notice;
use lamplighter::notify::incident::{Id, Incident};
use lamplighter::ports::incidents::{Changes, Desk, Incidents};
use lamplighter::ports::ledger::LedgerError;

const INCIDENTS: &str = "incidents";
const DESK: &str = "desk";
pub(super) const INCIDENT: &str = "incident";
const NOTICE: &str = "notice";
/// Incidents of one transaction, which takes 100 items; each is at most two, and the desk is one.
const TOGETHER: usize = 49;
/// How often a transaction that met another one is tried, and the first pause.
const CONFLICTS: u32 = 6;
const AFTER_CONFLICT: Duration = Duration::from_millis(60);

impl DynamoLedger {
    /// Writes items together, as many as one transaction takes, as long as a condition on the desk holds.
    async fn transact(
        &self,
        items: &[Vec<TransactWriteItem>],
        unless: Option<&TransactWriteItem>,
    ) -> Result<(), AwsError> {
        for some in items.chunks(TOGETHER) {
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
                let error = failure("TransactWriteItems", INCIDENTS, &error);
                tries += 1;
                if !is_conflict(&error) || tries == CONFLICTS {
                    return Err(error);
                }
                tokio::time::sleep(AFTER_CONFLICT * tries).await;
            }
        }
        Ok(())
    }

    fn deletion(&self, sk: &str) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder()
            .table_name(self.table())
            .set_key(Some(key(sk)))
            .build();
        Ok(TransactWriteItem::builder()
            .delete(delete.map_err(unbuilt)?)
            .build())
    }

    fn put(
        &self,
        sk: &str,
        name: &str,
        document: String,
        now: Timestamp,
    ) -> Result<TransactWriteItem, AwsError> {
        let mut item = key(sk);
        item.insert(name.to_owned(), AttributeValue::S(document));
        item.insert("expires".to_owned(), number((now + KEPT).as_second()));
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(item))
            .build()
            .map_err(unbuilt)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

impl Incidents for DynamoLedger {
    async fn add(&self, notices: &[Notice], now: Timestamp) -> Result<(), AwsError> {
        let documents: BTreeMap<String, String> = notices
            .iter()
            .map(|notice| {
                let document = serde_json::json!(notice).to_string();
                (
                    format!(
                        "new#{:.6}#{}",
                        notice.at,
                        Id::of(&notice.target, &document).as_str()
                    ),
                    document,
                )
            })
            .collect();
        let items: Result<Vec<_>, AwsError> = documents
            .into_iter()
            .map(|(sk, document)| Ok(vec![self.put(&sk, NOTICE, document, now)?]))
            .collect();
        self.transact(&items?, None).await
    }

    async fn has_new(&self) -> Result<bool, AwsError> {
        let query = self
            .client()
            .query()
            .table_name(self.table())
            .consistent_read(true)
            .limit(1);
        let query = query
            .key_condition_expression("pk = :incidents AND begins_with(sk, :new)")
            .expression_attribute_values(":incidents", AttributeValue::S(INCIDENTS.to_owned()))
            .expression_attribute_values(":new", AttributeValue::S("new#".to_owned()));
        let answer = query
            .send()
            .await
            .map_err(|e| failure("Query", INCIDENTS, &e))?;
        Ok(answer.count > 0)
    }

    async fn take(
        &self,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Desk, LedgerError> {
        let item = self
            .lease(key(DESK), INCIDENTS, holder, now, until)
            .await
            .map_err(|error| match error {
                // The holder is writing at this moment.
                LedgerError::Aws(error) if is_conflict(&error) => LedgerError::Busy {
                    holder: "another invocation".to_owned(),
                    until: "it has written".to_owned(),
                },
                other => other,
            })?;
        let channels = text(&item, "channels")
            .map(serde_json::from_str)
            .transpose();
        let channels = channels
            .map_err(|e| unreadable(DESK, &e))?
            .unwrap_or_default();
        let open: Vec<(String, Incident)> = self.read("open#", "open#~", INCIDENT).await?;
        let incidents = open
            .into_iter()
            .map(|(_, incident)| (incident.id(), incident))
            .collect();
        let inbox = self
            .read("new#", "new#~", NOTICE)
            .await?
            .into_iter()
            .collect();
        let silences = text(&item, "silences")
            .map(serde_json::from_str)
            .transpose();
        let silences = silences
            .map_err(|e| unreadable(DESK, &e))?
            .unwrap_or_default();
        Ok(Desk {
            fence: integer(&item, "fence").unwrap_or(1).unsigned_abs(),
            incidents,
            channels,
            silences,
            inbox,
        })
    }

    async fn write(
        &self,
        desk: &Desk,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut items = Vec::new();
        for incident in &changes.written {
            let (id, document) = (incident.id(), serde_json::json!(incident).to_string());
            let mut both = vec![self.put(
                &format!("open#{}", id.as_str()),
                INCIDENT,
                document.clone(),
                now,
            )?];
            if incident.over.is_some() {
                let sk = format!("since#{:.3}#{}", incident.since, id.as_str());
                both.push(self.put(&sk, INCIDENT, document, now)?);
            }
            items.push(both);
        }
        for id in &changes.forgotten {
            items.push(vec![self.deletion(&format!("open#{}", id.as_str()))?]);
        }
        for sk in &changes.taken {
            items.push(vec![self.deletion(sk)?]);
        }
        let ours = ConditionCheck::builder()
            .table_name(self.table())
            .set_key(Some(key(DESK)))
            .condition_expression("fence = :fence")
            .expression_attribute_values(":fence", AttributeValue::N(desk.fence.to_string()));
        let ours = TransactWriteItem::builder()
            .condition_check(ours.build().map_err(unbuilt)?)
            .build();
        Ok(self.transact(&items, Some(&ours)).await?)
    }

    async fn release(&self, desk: &Desk) -> Result<(), LedgerError> {
        let channels = serde_json::json!(desk.channels).to_string();
        let answer = self
            .client()
            .update_item()
            .table_name(self.table())
            .set_key(Some(key(DESK)))
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
        answer.map_err(|e| failure("UpdateItem", INCIDENTS, &e))?;
        Ok(())
    }
}

impl DynamoLedger {
    /// What is kept between two sort keys, all pages.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        from: &str,
        to: &str,
        name: &'static str,
    ) -> Result<Vec<(String, T)>, AwsError> {
        let mut pages = self
            .client()
            .query()
            .table_name(self.table())
            .consistent_read(true)
            .key_condition_expression("pk = :incidents AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":incidents", AttributeValue::S(INCIDENTS.to_owned()))
            .expression_attribute_values(":from", AttributeValue::S(from.to_owned()))
            .expression_attribute_values(":to", AttributeValue::S(to.to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut all = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| failure("Query", INCIDENTS, &e))?;
            let sk = text(&item, "sk").unwrap_or_default().to_owned();
            let document = text(&item, name).ok_or_else(|| incomplete("Query", INCIDENTS, name))?;
            let read = serde_json::from_str(document).map_err(|e| unreadable(&sk, &e))?;
            all.push((sk, read));
        }
        Ok(all)
    }
}

/// Two touched one item at the same moment, and this one was refused. The SDK does not repeat it.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
fn is_conflict(error: &AwsError) -> bool {
    error.code.contains("TransactionConflict") || error.message.contains("TransactionConflict")
}

fn key(sk: &str) -> Item {
    Item::from([
        ("pk".to_owned(), AttributeValue::S(INCIDENTS.to_owned())),
        ("sk".to_owned(), AttributeValue::S(sk.to_owned())),
    ])
}

/// One that this version can't read must not be overwritten.
fn unreadable(sk: &str, error: &serde_json::Error) -> AwsError {
    let message = format!("the item {sk} can't be read: {error}");
    AwsError {
        call: "Query",
        target: INCIDENTS.to_owned(),
        code: "UnreadableIncident".to_owned(),
        message,
        refused: true,
    }
}

fn unbuilt(error: impl std::fmt::Display) -> AwsError {
    let message = error.to_string();
    AwsError {
        call: "TransactWriteItems",
        target: INCIDENTS.to_owned(),
        code: "RequestError".to_owned(),
        message,
        refused: true,
    }
}
