//! `alert`: turns notifications, and AWS events that no operation handles, into messages.
//!
//! Each incident is one conversation, however many events it causes. `grouping` merges related
//! notifications into incidents.
//! `notification` decides what each channel gets: an alert when an incident fires, updates every
//! few minutes at most, a reminder every four hours, and the resolution.
//! `suppression` holds back what is silenced or explained by another incident. `rate_limit`
//! replaces many simultaneous alerts by one summary. `dispatcher` stores pending messages before
//! `delivery` sends them. `text` and `channels` render them.
//! The function reads nothing from AWS about the targets, and takes no decisions about them.

// The function runs one invocation at a time on one thread, so futures need not be `Send`.
#![allow(async_fn_in_trait)]

pub mod aws_events;
mod channel_incidents;
pub mod channels;
mod conditions;
mod delivery;
pub mod dispatcher;
pub mod expiry;
pub mod grouping;
pub mod intake;
mod messages;
pub mod notification;
pub mod notifier;
mod pause;
pub mod rate_limit;
pub mod suppression;
pub mod text;

use std::rc::Rc;

use jiff::Timestamp;

use lamplighter::engine::Invocation;
use lamplighter::engine::telemetry::log_failed_message;
use lamplighter::event::payload::{build_batch_response, parse_queue_records};
use lamplighter::model::Arn;
use lamplighter::notify::Notification;
use lamplighter::ports::incidents::IncidentStore;
use lamplighter::{Error, MalformedEvent};
use lamplighter_aws::{DynamoLedger, build_sdk_config, lambda};
use serde_json::{Value, json};

use channels::Channels;
use dispatcher::Alert;
use intake::accept_notification;
use notifier::Notifier;

/// Runs the Lambda function; `main` only calls it.
///
/// # Errors
/// [`lambda::StartupError`] if the process cannot start.
pub fn serve() -> Result<(), lambda::StartupError> {
    lambda::serve_handler(|defaults| {
        defaults.require_parts(&["table", "topic"])?;
        let config = build_sdk_config()?;
        let alert = Rc::new(Alert {
            incidents: DynamoLedger::new(config.clone(), &defaults.table),
            notifier: Channels::new(config, &defaults),
            topic: Arn::new(&defaults.topic),
            stack: defaults.stack,
            clock: Box::new(lambda::read_clock),
        });
        Ok(move |payload, run: Invocation| {
            let alert = Rc::clone(&alert);
            async move { handle_event(&alert, payload, &run).await }
        })
    })
}

/// Handles one Lambda event: a batch of queue records, or the schedule's event, which carries no
/// notifications.
///
/// # Errors
/// [`Error`] if the notifications could not be stored. Lambda then retries the event and finally
/// sends it to the dead-letter queue.
pub async fn handle_event<I: IncidentStore, N: Notifier>(
    alert: &Alert<I, N>,
    payload: Value,
    run: &Invocation,
) -> Result<Value, Error> {
    if payload.get("Records").is_none() {
        let sent = alert
            .dispatch_notifications(&[], &run.request_id, run.deadline)
            .await?;
        // Only after the ledger and the channels did their part.
        alert.notifier.send_heartbeats().await;
        return Ok(json!({"sent": sent}));
    }
    let mut notifications = Vec::new();
    let mut failures = Vec::new();
    for record in parse_queue_records(payload)? {
        let now = (alert.clock)();
        let parsed = record
            .body
            .and_then(|body| parse_record(&body, &alert.stack, now))
            .map(|parsed| parsed.and_then(|one| accept_notification(one, &record.sender, now)));
        match parsed {
            Ok(Some(notification)) => notifications.push(notification),
            Ok(None) => tracing::info!(
                message_id = record.message_id,
                "a record makes no notification"
            ),
            Err(error) => {
                log_failed_message(&record.message_id, &error.into());
                failures.push(record.message_id);
            }
        }
    }
    if !notifications.is_empty() {
        alert
            .dispatch_notifications(&notifications, &run.request_id, run.deadline)
            .await?;
    }
    Ok(build_batch_response(failures))
}

/// Parses the body of a queue record: a notification, or an AWS event to translate. Returns `None`
/// for a routine event.
///
/// # Errors
/// [`MalformedEvent`] if the body is neither.
pub fn parse_record(
    body: &str,
    stack: &str,
    now: Timestamp,
) -> Result<Option<Notification>, MalformedEvent> {
    let payload: Value =
        serde_json::from_str(body).map_err(|e| MalformedEvent(format!("not JSON: {e}")))?;
    if aws_events::is_aws_event(&payload) {
        return aws_events::translate_event(payload, stack, now);
    }
    serde_json::from_value(payload)
        .map(Some)
        .map_err(|e| MalformedEvent(format!("not a notification: {e}")))
}
