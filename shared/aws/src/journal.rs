//! What the ledger knows of what was.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use super::failure::{failure, incomplete};
use super::incidents::INCIDENT;
use super::ledger::{DynamoLedger, state_key, text};
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::notify::incident::Incident;
use lamplighter::ports::ledger::{History, Record};
use lamplighter::state::Memory;

const BY_DAY: &str = "by-day";
/// Incidents that began earlier are not looked for.
const LASTS: SignedDuration = SignedDuration::from_hours(7 * 24);

impl History for DynamoLedger {
    async fn records(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Record>, AwsError> {
        let mut records = Vec::new();
        let mut day = from;
        // The index has one key a day, in UTC.
        while day.strftime("%F").to_string() <= to.strftime("%F").to_string() {
            records.extend(
                self.records_of(&day.strftime("%F").to_string(), from, to)
                    .await?,
            );
            day += SignedDuration::from_hours(24);
        }
        Ok(records)
    }

    async fn incidents(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Incident>, AwsError> {
        let open: Vec<(String, Incident)> = self.read("open#", "open#~", INCIDENT).await?;
        let open = open
            .into_iter()
            .filter(|(_, incident)| incident.over.is_none() && incident.since < to);
        // What is over in this time may have begun before.
        let began = from - LASTS;
        let over: Vec<(String, Incident)> = self
            .read(
                &format!("since#{began:.3}"),
                &format!("since#{to:.3}"),
                INCIDENT,
            )
            .await?;
        let over = over
            .into_iter()
            .filter(|(_, incident)| incident.over.is_none_or(|over| over >= from));
        // One that came back is open, and has a record of when it was over.
        let all = over.chain(open).map(|(_, incident)| incident);
        let all: BTreeMap<_, _> = all
            .map(|incident| ((incident.since, incident.id()), incident))
            .collect();
        Ok(all.into_values().collect())
    }

    async fn memory(&self, target: &Arn) -> Result<Memory, AwsError> {
        let request = self
            .client()
            .get_item()
            .table_name(self.table())
            .set_key(Some(state_key(target)));
        let answer = request
            .send()
            .await
            .map_err(|e| failure("GetItem", &target.name(), &e))?;
        let item = answer.item.unwrap_or_default();
        let Some(memory) = text(&item, "memory") else {
            return Ok(Memory::default());
        };
        serde_json::from_str(memory)
            .map_err(|e| incomplete("GetItem", &target.name(), &format!("readable memory: {e}")))
    }
}

impl DynamoLedger {
    async fn records_of(
        &self,
        day: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Record>, AwsError> {
        let mut pages = self
            .client()
            .query()
            .table_name(self.table())
            .index_name(BY_DAY)
            .key_condition_expression("#day = :day AND sk BETWEEN :from AND :to")
            .expression_attribute_names("#day", "day")
            .expression_attribute_values(":day", AttributeValue::S(day.to_owned()))
            .expression_attribute_values(":from", AttributeValue::S(format!("{from:.6}")))
            .expression_attribute_values(":to", AttributeValue::S(format!("{to:.6}")))
            .into_paginator()
            .items()
            .send();
        let mut records = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| failure("Query", BY_DAY, &e))?;
            let document =
                text(&item, "record").ok_or_else(|| incomplete("Query", BY_DAY, "record"))?;
            // One of an earlier version that this one can't read is left out.
            records.extend(serde_json::from_str::<Record>(document).ok());
        }
        Ok(records)
    }
}
