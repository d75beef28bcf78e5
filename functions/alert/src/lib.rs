//! `alert`: notices, and events of AWS that no operation handles, become messages that a person can use.
//!
//! One incident is one conversation, however many events it makes: what belongs together is put together (`gather`),
//! and each channel is told of it when it begins, at most every few minutes while it changes, every four hours while it
//! lasts, and when it is over (`due`). Where too many begin at once, one message lists them (`round`). What is owed is
//! written down before it is sent (`desk`). It looks nothing up on AWS and decides nothing about it.

// One invocation at a time on one thread: futures need not be `Send`.
#![allow(async_fn_in_trait)]

pub mod channels;
pub mod desk;
pub mod due;
pub mod gather;
pub mod raw;
pub mod round;
pub mod text;

use std::rc::Rc;

use jiff::Timestamp;

use lamplighter::engine::Invocation;
use lamplighter::event::delivery::queue_records;
use lamplighter::model::Arn;
use lamplighter::notify::Notice;
use lamplighter::{Error, MalformedEvent};
use lamplighter_aws::lambda;
use lamplighter_aws::{DynamoLedger, config};
use serde_json::{Value, json};

use channels::Channels;
use desk::{Alert, Outlet};
use lamplighter::ports::incidents::Incidents;

/// The whole of the function's `main`.
///
/// # Errors
/// What ends the process at its start.
pub fn serve() -> Result<(), lambda::Failure> {
    lambda::serve(|defaults| {
        defaults.require(&["table", "topic"])?;
        let config = config()?;
        let alert = Rc::new(Alert {
            incidents: DynamoLedger::new(config.clone(), &defaults.table),
            outlet: Channels::new(config, &defaults),
            topic: Arn::new(&defaults.topic),
            stack: defaults.stack,
            clock: Box::new(lambda::clock),
        });
        Ok(move |payload, run: Invocation| {
            let alert = Rc::clone(&alert);
            async move { answer(&alert, payload, &run).await }
        })
    })
}

/// What comes is a batch of the queue, or the schedule's event, by which nothing new comes.
///
/// # Errors
/// [`Error`] where it was not written down; Lambda gives it again, and at last to the dead-letter queue.
pub async fn answer<I: Incidents, O: Outlet>(
    alert: &Alert<I, O>,
    payload: Value,
    run: &Invocation,
) -> Result<Value, Error> {
    if payload.get("Records").is_none() {
        let sent = alert.turn(&[], &run.request_id, run.deadline).await?;
        return Ok(json!({"sent": sent}));
    }
    let (mut notices, mut failures) = (Vec::new(), Vec::new());
    for record in queue_records(payload)? {
        match read(&record.body, &alert.stack, (alert.clock)()) {
            Ok(Some(notice)) => notices.push(notice),
            Ok(None) => tracing::info!(
                message_id = record.message_id,
                "an event that happens every day is not told"
            ),
            Err(error) => {
                lamplighter::engine::telemetry::message_failed(&record.message_id, &error.into());
                failures.push(json!({"itemIdentifier": record.message_id}));
            }
        }
    }
    if !notices.is_empty() {
        alert.turn(&notices, &run.request_id, run.deadline).await?;
    }
    Ok(json!({"batchItemFailures": failures}))
}

/// What a message of the queue says to people: a notice, or an event of AWS; `None` where that happens every day.
///
/// # Errors
/// [`MalformedEvent`] where it is neither.
pub fn read(body: &str, stack: &str, now: Timestamp) -> Result<Option<Notice>, MalformedEvent> {
    let payload: Value =
        serde_json::from_str(body).map_err(|e| MalformedEvent(format!("not JSON: {e}")))?;
    if raw::is_event(&payload) {
        return raw::notice(payload, stack, now);
    }
    serde_json::from_value(payload)
        .map(Some)
        .map_err(|e| MalformedEvent(format!("not a notice: {e}")))
}
