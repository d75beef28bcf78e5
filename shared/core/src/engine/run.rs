//! The engine's entry point: parses a payload, reconciles the targets of its events one by one, and
//! builds the response for Lambda.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::engine::context::{Engine, Invocation};
use crate::engine::operation::{DiscoveryContext, Observe, Targets};
use crate::engine::reconcile::{RECONCILE_TIMEOUT, out_of_time, reconcile_target};
use crate::engine::reconciliation::{ReconcileResult, RunContext};
use crate::engine::telemetry::{self, Counts};
use crate::event::payload::{Payload, QueueMessage, build_batch_response};
use crate::model::{Arn, Tagged};
use crate::notify::Outbox;
use crate::policy::Mode;
use crate::ports::Executor;
use crate::ports::ledger::Ledger;
use crate::{Error, Event};

impl<C: Executor, L: Ledger, O: Outbox> Engine<C, L, O> {
    /// Handles one payload: an event, or SQS or SNS records with events in them.
    ///
    /// # Errors
    /// [`Error`] if the event failed; Lambda then retries it, and finally sends it to the
    /// dead-letter queue. For SQS records the answer is `batchItemFailures` instead, so that only
    /// failed messages return.
    pub async fn handle_payload<Op: Observe<C, L>>(
        &self,
        op: &Op,
        payload: Value,
        invocation: &Invocation,
    ) -> Result<Value, Error> {
        // A new event always sees the pauses of now.
        self.forget_pauses();
        let result = self.dispatch_payload(op, payload.clone(), invocation).await;
        op.build_response(&payload, result)
    }

    async fn dispatch_payload<Op: Observe<C, L>>(
        &self,
        op: &Op,
        payload: Value,
        invocation: &Invocation,
    ) -> Result<Value, Error> {
        if self.defaults.mode == Mode::Off {
            tracing::info!(
                operation = Op::FUNCTION.name(),
                "mode is off: no event is handled"
            );
            return Ok(json!({"mode": "off"}));
        }
        match Payload::parse(payload)? {
            Payload::Direct(event) => self
                .handle_event(op, &event, invocation)
                .await
                .map(|targets| json!({"targets": targets})),
            Payload::Topic(events) => self.handle_topic(op, &events, invocation).await,
            Payload::Queue(messages) => Ok(self.handle_batch(op, messages, invocation).await),
        }
    }

    async fn handle_topic<Op: Observe<C, L>>(
        &self,
        op: &Op,
        events: &[Event],
        invocation: &Invocation,
    ) -> Result<Value, Error> {
        let mut first = None;
        for event in events {
            if let Err(error) = self.handle_event(op, event, invocation).await {
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(json!({"events": events.len()})), Err)
    }

    async fn handle_batch<Op: Observe<C, L>>(
        &self,
        op: &Op,
        messages: Vec<QueueMessage>,
        invocation: &Invocation,
    ) -> Value {
        let mut failures = Vec::new();
        for QueueMessage { message_id, event } in messages {
            let result = match event {
                Ok(event) => self.handle_event(op, &event, invocation).await.map(drop),
                Err(malformed) => Err(malformed.into()),
            };
            if let Err(error) = result {
                telemetry::log_failed_message(&message_id, &error);
                failures.push(message_id);
            }
        }
        build_batch_response(failures)
    }

    /// Reconciles every target of one event, even if some of them fail.
    async fn handle_event<Op: Observe<C, L>>(
        &self,
        op: &Op,
        event: &Event,
        invocation: &Invocation,
    ) -> Result<Vec<Value>, Error> {
        let started = (self.clock)();
        let mut counts = Counts::default();
        let result = self
            .reconcile_targets(op, event, invocation, &mut counts)
            .await;
        let now = (self.clock)();
        if result.is_err() {
            counts.failures = counts.failures.max(1);
        }
        let record = telemetry::build_emf_record(
            Op::FUNCTION.name(),
            &self.defaults.stack,
            counts,
            now.duration_since(started),
            now,
        );
        (self.metrics)(&record.to_string());
        result
    }

    async fn reconcile_targets<Op: Observe<C, L>>(
        &self,
        op: &Op,
        event: &Event,
        invocation: &Invocation,
        counts: &mut Counts,
    ) -> Result<Vec<Value>, Error> {
        let discovery = DiscoveryContext {
            event,
            now: (self.clock)(),
            defaults: &self.defaults,
            cloud: &self.cloud,
            ledger: &self.ledger,
        };
        let (mut targets, prefetched) = match Box::pin(op.find_targets(discovery)).await? {
            Targets::Found(targets, prefetched) => (targets, prefetched),
            Targets::Skipped(reason) => {
                tracing::info!(
                    operation = Op::FUNCTION.name(),
                    event_id = event.id,
                    reason,
                    "no target"
                );
                return Ok(vec![json!({"reason": reason})]);
            }
        };
        if event.is_sweep() {
            rotate_targets(&mut targets, (self.clock)());
        }
        let run = RunContext {
            op,
            event,
            prefetched: &prefetched,
            invocation,
        };
        let mut results = self.reconcile_each(run, &targets, counts).await;
        results.tolerate("left", |target, error| {
            error.is_target_busy() && Op::skips_locked(event, target)
        });
        counts.failures = u32::try_from(results.errors.len()).unwrap_or(u32::MAX);
        if event.is_sweep() {
            results.tolerate("error", |_, error| error.is_left_to_next_sweep());
        }
        results.into_answers(targets.len())
    }

    /// Reconciles the targets one after the other.
    async fn reconcile_each<'t, Op: Observe<C, L>>(
        &self,
        run: RunContext<'_, Op>,
        targets: &'t [Tagged],
        counts: &mut Counts,
    ) -> Results<'t> {
        let mut results = Results::default();
        for target in targets {
            match self.reconcile_in_time(run, target, counts).await {
                Ok(result) => results.answers.push(build_answer(target, &result)),
                Err(error) => results.errors.push((target, error)),
            }
        }
        results
    }

    async fn reconcile_in_time<Op: Observe<C, L>>(
        &self,
        run: RunContext<'_, Op>,
        target: &Tagged,
        counts: &mut Counts,
    ) -> Result<ReconcileResult, Error> {
        let left = run.invocation.deadline.duration_since((self.clock)());
        if left < SignedDuration::try_from(RECONCILE_TIMEOUT).unwrap_or(SignedDuration::MAX) {
            return Err(out_of_time(target));
        }
        // Boxed like the other futures of an operation: rustc limits how deep futures nest.
        let result = Box::pin(reconcile_target(self, run, target, counts)).await?;
        counts.decisions += 1;
        Ok(result)
    }
}

/// Rotates the targets by the minute, so that sweeps which are cut short don't always skip the
/// same ones.
fn rotate_targets(targets: &mut [Tagged], now: Timestamp) {
    let minute = usize::try_from(now.as_second() / 60).unwrap_or_default();
    if let Some(first) = minute.checked_rem(targets.len()) {
        targets.rotate_left(first);
    }
}

/// The answers and errors of the targets of one event.
#[derive(Default)]
struct Results<'t> {
    answers: Vec<Value>,
    errors: Vec<(&'t Tagged, Error)>,
}

impl Results<'_> {
    /// Turns some errors into answers that name them under `key`, so that the event does not fail.
    fn tolerate(&mut self, key: &str, is_tolerated: impl Fn(&Arn, &Error) -> bool) {
        let tolerated = self
            .errors
            .extract_if(.., |(target, error)| is_tolerated(&target.arn, error));
        self.answers.extend(tolerated.map(
            |(target, error)| json!({"target": target.arn.display_name(), key: error.to_string()}),
        ));
    }

    /// Returns the answers, or the errors of the targets: a single one as it is, several as one
    /// that names each.
    fn into_answers(mut self, total: usize) -> Result<Vec<Value>, Error> {
        if self.errors.len() > 1 {
            let failures = self
                .errors
                .iter()
                .map(|(target, error)| format!("{}: {error}", target.arn.display_name()))
                .collect();
            return Err(Error::Targets { total, failures });
        }
        self.errors
            .pop()
            .map_or(Ok(self.answers), |(_, error)| Err(error))
    }
}

/// Builds the answer for a reconciled target. Only a plan with a hook status has the key `hook`, and only a refusal the
/// key `refused`.
fn build_answer(target: &Tagged, result: &ReconcileResult) -> Value {
    let name = target.arn.display_name();
    let reason = &result.reason;
    match result.hook {
        None if result.is_refusal => json!({"target": name, "reason": reason, "refused": true}),
        None => json!({"target": name, "reason": reason}),
        Some(hook) => json!({"target": name, "reason": reason, "hook": hook}),
    }
}
