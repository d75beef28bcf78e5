//! The detail of an AWS Health event.
//!
//! Source: <https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html>

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde::{Deserialize, Deserializer};

use super::envelope::AwsEvent;

/// The region of events that belong to none, such as those of IAM.
const GLOBAL: &str = "global";

/// What kind of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthCategory {
    /// A fault of AWS, or one that AWS investigates.
    Issue,
    ScheduledChange,
    AccountNotification,
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthDetail {
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub event_type_code: String,
    #[serde(default)]
    event_type_category: String,
    /// `PUBLIC` or `ACCOUNT_SPECIFIC`; not in every event.
    #[serde(default)]
    event_scope_code: String,
    #[serde(default)]
    pub event_arn: String,
    /// The account of the resources, which differs from that of the event in a delegated administrator's account.
    #[serde(default)]
    pub affected_account: String,
    /// The region that the event is about, which may not be the one that received it; `global` for none.
    #[serde(default)]
    event_region: String,
    /// `open`, `upcoming` or `closed`; not in every event.
    #[serde(default)]
    pub status_code: String,
    #[serde(default)]
    start_time: String,
    #[serde(default)]
    end_time: String,
    #[serde(default)]
    event_description: Vec<HealthDescription>,
    #[serde(default)]
    pub affected_entities: Vec<AffectedEntity>,
    #[serde(default, deserialize_with = "read_number")]
    page: u32,
    #[serde(default, deserialize_with = "read_number")]
    total_pages: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HealthDescription {
    #[serde(default)]
    language: String,
    #[serde(default)]
    latest_description: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AffectedEntity {
    #[serde(default)]
    pub entity_value: String,
    tags: Option<BTreeMap<String, String>>,
}

/// Reads a number that AWS Health writes as a text.
fn read_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let number = match &value {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
    };
    Ok(number.unwrap_or_default())
}

impl HealthDetail {
    pub fn category(&self) -> HealthCategory {
        match self.event_type_category.as_str() {
            "issue" | "investigation" => HealthCategory::Issue,
            "scheduledChange" => HealthCategory::ScheduledChange,
            "accountNotification" => HealthCategory::AccountNotification,
            _ => HealthCategory::Other,
        }
    }

    pub fn is_closed(&self) -> bool {
        self.status_code == "closed"
    }

    pub fn is_public(&self) -> bool {
        self.event_scope_code == "PUBLIC"
    }

    /// Returns the region that the event is about; `None` for an event of no region.
    pub fn region(&self) -> Option<&str> {
        let of_arn = self.event_arn.split(':').nth(3).unwrap_or_default();
        let region = if self.event_region.is_empty() {
            of_arn
        } else {
            &self.event_region
        };
        (!region.is_empty() && region != GLOBAL).then_some(region)
    }

    /// Reports whether the event is a copy that the backup region of another region received. The events of no region are
    /// nobody's copy, and a threat to the account concerns every region.
    /// Source: <https://docs.aws.amazon.com/health/latest/ug/choosing-a-region.html>
    pub fn is_of_another_region(&self, event: &AwsEvent) -> bool {
        !self.is_security_threat()
            && !self.event_region.is_empty()
            && self.event_region != GLOBAL
            && event.region != GLOBAL
            && self.event_region != event.region
    }

    /// Reports whether someone may act in the account, or AWS may suspend it: exposed credentials, or a report of abuse.
    pub fn is_security_threat(&self) -> bool {
        self.is_credential_threat()
            || ["RISK", "ABUSE"].contains(&self.service.as_str())
            || self.event_type_code.starts_with("AWS_ABUSE_")
    }

    /// Reports whether credentials of the account are known to others, or may be.
    pub fn is_credential_threat(&self) -> bool {
        self.event_type_code.contains("CREDENTIALS")
            || self.event_type_code.contains("IAM_QUARANTINE")
    }

    /// Returns the page of the affected resources and the number of pages, if there are several.
    pub fn find_page(&self) -> Option<(u32, u32)> {
        (self.total_pages > 1).then_some((self.page.max(1), self.total_pages))
    }

    /// Reports whether the event only names more resources of one that came before.
    pub fn is_further_page(&self) -> bool {
        self.find_page().is_some_and(|(page, _)| page > 1)
    }

    /// Returns the text in English, or else in any language.
    pub fn text(&self) -> &str {
        let english = self
            .event_description
            .iter()
            .find(|description| description.language.starts_with("en"));
        english
            .or(self.event_description.first())
            .map(|description| description.latest_description.as_str())
            .unwrap_or_default()
    }

    /// Returns the value of a tag, if all affected resources share it.
    pub fn find_tag(&self, key: &str) -> Option<String> {
        let mut values = self
            .affected_entities
            .iter()
            .map(|entity| entity.tags.as_ref().and_then(|tags| tags.get(key)));
        let first = values.next()??;
        values
            .all(|value| value == Some(first))
            .then(|| first.clone())
    }

    /// Returns the access key that the event names.
    pub fn find_access_key(&self) -> Option<&str> {
        self.affected_entities
            .iter()
            .map(|entity| entity.entity_value.as_str())
            .find(|value| value.starts_with("AKIA") || value.starts_with("ASIA"))
    }

    pub fn format_start(&self) -> Option<String> {
        format_date(&self.start_time)
    }

    pub fn format_end(&self) -> Option<String> {
        format_date(&self.end_time)
    }
}

/// Formats a date such as `Tue, 1 Dec 2026 22:00:00 GMT` as `2026-12-01 22:00 UTC`. Returns an unknown form unchanged, and
/// `None` for an empty one. The day of the week is ignored: AWS's own samples have wrong ones.
fn format_date(date: &str) -> Option<String> {
    let day_and_time = date
        .split_once(", ")
        .map_or(date, |(_, rest)| rest)
        .trim_end_matches(" GMT");
    let parsed = strtime::parse("%d %b %Y %H:%M:%S", day_and_time)
        .and_then(|parsed| parsed.to_datetime())
        .ok()
        .and_then(|datetime| datetime.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map(|zoned| zoned.timestamp())
        .or_else(|| date.parse::<Timestamp>().ok());
    match parsed {
        Some(at) => Some(at.strftime("%F %H:%M UTC").to_string()),
        None => (!date.is_empty()).then(|| date.to_owned()),
    }
}
