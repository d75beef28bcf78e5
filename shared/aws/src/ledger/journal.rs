//! Queries over the past: journal records, incidents and target states.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::attributes::{string_attribute, string_value};
use super::incident_items::INCIDENT_ATTRIBUTE;
use super::table::DynamoLedger;
use super::targets::build_state_key;
use crate::error::{aws_error, incomplete_response};
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::notify::incident::Incident;
use lamplighter::ports::ledger::{JournalReader, Record, StateReader};
use lamplighter::state::TargetState;

const BY_DAY: &str = "by-day";
/// How long before a period an incident may have begun and still be found.
const MAX_INCIDENT_DURATION: SignedDuration = SignedDuration::from_hours(7 * 24);

impl JournalReader for DynamoLedger {
    async fn list_records(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Record>, AwsError> {
        let mut records = Vec::new();
        let mut day = from;
        // The index has one partition key per UTC day.
        while utc_day(day) <= utc_day(to) {
            records.extend(self.query_day(&utc_day(day), from, to).await?);
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
        // An incident resolved in this period may have begun before it.
        let earliest = from - MAX_INCIDENT_DURATION;
        let first = format!("since#{earliest:.3}");
        let last = format!("since#{to:.3}");
        let past: Vec<(String, Incident)> = self
            .query_documents(&first, &last, INCIDENT_ATTRIBUTE)
            .await?;
        let still_open = open
            .into_iter()
            .map(|(_, incident)| incident)
            .filter(|incident| incident.resolved_at.is_none() && incident.since < to);
        let resolved = past
            .into_iter()
            .map(|(_, incident)| incident)
            .filter(|incident| incident.resolved_at.is_none_or(|at| at >= from));
        // A reopened incident is in both lists: as open, and as an earlier resolved record.
        let distinct: BTreeMap<_, _> = resolved
            .chain(still_open)
            .map(|incident| ((incident.since, incident.id()), incident))
            .collect();
        Ok(distinct.into_values().collect())
    }
}

impl StateReader for DynamoLedger {
    async fn read_state(&self, target: &Arn) -> Result<TargetState, AwsError> {
        let request = self
            .client()
            .get_item()
            .table_name(self.table_name())
            .set_key(Some(build_state_key(target)))
            .consistent_read(true);
        let answer = request
            .send()
            .await
            .map_err(|e| aws_error("GetItem", &target.display_name(), &e))?;
        let item = answer.item.unwrap_or_default();
        let Some(document) = string_attribute(&item, "memory") else {
            return Ok(TargetState::default());
        };
        serde_json::from_str(document).map_err(|e| {
            let missing = format!("readable state: {e}");
            incomplete_response("GetItem", &target.display_name(), &missing)
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
            .expression_attribute_values(":day", string_value(day))
            .expression_attribute_values(":from", string_value(format!("{from:.6}")))
            .expression_attribute_values(":to", string_value(format!("{to:.6}")))
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

/// Returns the day of a time in UTC: `2026-11-21`.
fn utc_day(at: Timestamp) -> String {
    at.strftime("%F").to_string()
}
