//! Queries over the ledger's past: journal records, incidents and target states.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use super::error::{aws_error, incomplete_response};
use super::incidents::INCIDENT_ATTRIBUTE;
use super::ledger::{DynamoLedger, build_state_key, string_attribute};
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::notify::incident::Incident;
use lamplighter::ports::ledger::{JournalReader, Record};
use lamplighter::state::TargetState;

const BY_DAY: &str = "by-day";
/// How long before a period an incident may have begun and still be found.
const MAX_INCIDENT_DURATION: SignedDuration = SignedDuration::from_hours(7 * 24);

impl JournalReader for DynamoLedger {
    async fn list_records(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Record>, AwsError> {
        let mut records = Vec::new();
        let mut day = from;
        // The index has one partition key per UTC day.
        while day.strftime("%F").to_string() <= to.strftime("%F").to_string() {
            records.extend(
                self.query_day(&day.strftime("%F").to_string(), from, to)
                    .await?,
            );
            day += SignedDuration::from_hours(24);
        }
        Ok(records)
    }

    async fn list_incidents(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Incident>, AwsError> {
        let open: Vec<(String, Incident)> = self
            .query_documents("open#", "open#~", INCIDENT_ATTRIBUTE)
            .await?;
        let open = open
            .into_iter()
            .filter(|(_, incident)| incident.resolved_at.is_none() && incident.since < to);
        // An incident resolved in this period may have begun before it.
        let began = from - MAX_INCIDENT_DURATION;
        let over: Vec<(String, Incident)> = self
            .query_documents(
                &format!("since#{began:.3}"),
                &format!("since#{to:.3}"),
                INCIDENT_ATTRIBUTE,
            )
            .await?;
        let over = over
            .into_iter()
            .filter(|(_, incident)| incident.resolved_at.is_none_or(|over| over >= from));
        // A reopened incident is in both lists: as open, and as an earlier resolved record.
        let all = over.chain(open).map(|(_, incident)| incident);
        let all: BTreeMap<_, _> = all
            .map(|incident| ((incident.since, incident.id()), incident))
            .collect();
        Ok(all.into_values().collect())
    }

    async fn read_state(&self, target: &Arn) -> Result<TargetState, AwsError> {
        let request = self
            .client()
            .get_item()
            .table_name(self.table_name())
            .set_key(Some(build_state_key(target)));
        let answer = request
            .send()
            .await
            .map_err(|e| aws_error("GetItem", &target.display_name(), &e))?;
        let item = answer.item.unwrap_or_default();
        let Some(memory) = string_attribute(&item, "memory") else {
            return Ok(TargetState::default());
        };
        serde_json::from_str(memory).map_err(|e| {
            incomplete_response(
                "GetItem",
                &target.display_name(),
                &format!("readable memory: {e}"),
            )
        })
    }
}

impl DynamoLedger {
    async fn query_day(
        &self,
        day: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Record>, AwsError> {
        let mut pages = self
            .client()
            .query()
            .table_name(self.table_name())
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
            let item = item.map_err(|e| aws_error("Query", BY_DAY, &e))?;
            let document = string_attribute(&item, "record")
                .ok_or_else(|| incomplete_response("Query", BY_DAY, "record"))?;
            // Records of an earlier version that this version can't read are left out.
            records.extend(serde_json::from_str::<Record>(document).ok());
        }
        Ok(records)
    }
}
