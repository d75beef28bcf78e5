//! Notifications, journal records and log lines of a reconciliation, and its end.

use jiff::Timestamp;

use crate::engine::context::Engine;
use crate::engine::operation::{Observe, Operation};
use crate::model::{ReleaseEvent, ReleaseEventKind};
use crate::notify::{Message, Notification, Outbox, console_link};
use crate::plan::{Action, Finding, HeldImage, Hold, HoldKind, Outcome, Plan};
use crate::policy;
use crate::ports::Executor;
use crate::{AwsError, Error};

use crate::ports::ledger::{Ledger, Record, RecordKind};
use crate::release::events::{find_event, find_superseded_event};
use crate::state::silenced_key;

use crate::engine::messages::findings_message;
use crate::engine::reconciliation::{Decision, Reconciliation, map_ledger_error};

/// The most events of one PutEvents call.
const EVENTS_PER_CALL: usize = 10;

impl<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox> Reconciliation<'_, Op, C, L, O> {
    /// Sends the notifications, writes the record and the target state, and releases the lease.
    /// Unsent notifications are kept in the target state, and sent first next time.
    pub(super) async fn finish(&mut self, record: Option<Record>) -> Result<(), Error> {
        let mut notifications = std::mem::take(&mut self.lease.state.unsent);
        notifications.append(&mut self.notifications);
        let mut events = std::mem::take(&mut self.lease.state.unsent_events);
        events.append(&mut self.events);
        let engine = self.engine;
        let sending = async {
            if notifications.is_empty() {
                Ok(())
            } else {
                engine.outbox.send(notifications).await
            }
        };
        // Side by side: the sooner the outcome is written, the sooner other functions see it.
        let (sent, unsent_events) =
            tokio::join!(sending, publish_events::<Op, C, L, O>(engine, events));
        self.lease.state.keep_unsent_events(unsent_events);
        let sent = sent.map_err(|unsent| {
            self.lease.state.keep_unsent(unsent.notices);
            unsent.error
        });
        let written = self
            .engine
            .ledger
            .write_outcome(&self.lease, record.as_ref())
            .await;
        written.map_err(|e| map_ledger_error(self.target, e))?;
        Ok(sent?)
    }

    /// Queues the event about an action that has taken effect.
    pub(super) fn queue_event(&mut self, action: &Action, reason: &str, at: Timestamp) {
        let target = &self.target.arn;
        let state = &self.lease.state;
        let superseded = find_superseded_event(action, target, state, at);
        let event = find_event(action, reason, target, state, at);
        self.events.extend(superseded.into_iter().chain(event));
    }

    /// Records what holds the operation, and queues the event about a held image once for each thing that holds it.
    pub(super) fn track_hold(&mut self, decision: &Decision) {
        let hold = decision.find_hold();
        if let Some(hold) = &hold
            && let Some(image) = &hold.image
        {
            self.queue_hold(hold, image);
        }
        self.lease
            .state
            .track_hold(Op::FUNCTION.name(), hold, self.now);
    }

    /// Records that AWS refuses what the operation needs, until it succeeds again.
    pub(super) fn track_failure(&mut self, error: &AwsError) {
        let hold = Hold::new(HoldKind::Failure, error.to_string());
        self.lease
            .state
            .track_hold(Op::FUNCTION.name(), Some(hold), self.now);
    }

    fn queue_hold(&mut self, hold: &Hold, image: &HeldImage) {
        let announced = Some((hold.kind, image.clone()));
        if self.lease.state.releases.announced_hold == announced {
            return;
        }
        self.lease.state.releases.announced_hold = announced;
        self.events.push(ReleaseEvent {
            kind: ReleaseEventKind::Held,
            at: self.now,
            since: self.now,
            service: self.target.arn.clone(),
            tag: image.tag.clone(),
            digest: image.digest.clone(),
            commit: image.commit.clone(),
            reason: hold.reason.clone(),
        });
    }

    pub(super) fn notify_plan(&mut self, plan: &Plan) {
        for message in plan.messages.clone() {
            self.notify_once(message);
        }
        if let Some(findings) = &plan.findings {
            self.notify_findings(findings);
        }
    }

    /// Notifies new findings, and forgets those that are gone. A silenced finding is notified
    /// after the silence.
    fn notify_findings(&mut self, findings: &[Finding]) {
        let (known, new): (Vec<&Finding>, Vec<&Finding>) = findings
            .iter()
            .partition(|finding| self.lease.state.findings.contains_key(&finding.key));
        let sent = findings_message(&new).is_some_and(|message| self.notify_once(message));
        let kept = known.into_iter().chain(new.into_iter().filter(|_| sent));
        self.lease.state.findings = kept
            .map(|finding| (finding.key.clone(), finding.message.title.clone()))
            .collect();
    }

    /// Queues a message. Returns false if people don't receive it: its target is silenced, it was
    /// sent within a day, or what it resolves was never sent.
    pub(super) fn notify_once(&mut self, message: Message) -> bool {
        if let Some(resolved) = &message.resolves
            && !self.lease.state.was_notified(resolved)
        {
            return false;
        }
        // A silenced message does not count as sent: it is sent after the silence, if it still
        // applies.
        let key = message.key.as_ref().map(|key| {
            if self.silenced_until().is_some() {
                silenced_key(key)
            } else {
                key.clone()
            }
        });
        let state = &mut self.lease.state;
        if !state.should_notify(key.as_deref(), self.now) {
            return false;
        }
        if let Some(resolved) = &message.resolves {
            state.notified.remove(resolved);
            state.notified.remove(&silenced_key(resolved));
        }
        if self.silenced_until().is_some() {
            self.silenced_titles
                .push(format!("(silenced) {}", message.title));
        }
        self.queue_notification(message);
        self.silenced_until().is_none()
    }

    /// Informs the alert function of a silence or an acknowledgement, so that it suppresses
    /// messages.
    pub(super) fn forward_silence_and_ack(&mut self) {
        let acknowledged = policy::find_acknowledgement(&self.target.tags).map(|incident| {
            Message::acknowledgement(incident, &format!("the tag {}", policy::ACK))
        });
        let silence = self.silenced_until().map(Message::silence);
        for message in silence.into_iter().chain(acknowledged) {
            let state = &mut self.lease.state;
            if state.should_notify(message.key.as_deref(), self.now) {
                self.queue_notification(message);
            }
        }
    }

    fn queue_notification(&mut self, mut message: Message) {
        let tags = &self.target.tags;
        message.offers.retain(|offer| {
            offer
                .command()
                .needed_tag()
                .is_none_or(|tag| tags.contains_key(tag))
        });
        self.notifications.push(Notification {
            runbook: policy::find_runbook(tags).map(str::to_owned),
            message,
            at: self.now,
            source: Op::FUNCTION.into(),
            name: self.target.arn.display_name(),
            app: policy::app_name(tags).map(str::to_owned),
            stack: self.engine.defaults.stack.clone(),
            link: console_link(&self.target.arn),
            silenced_until: self.silenced_until(),
            target: self.target.arn.clone(),
        });
    }

    pub(super) fn notify_if_some(&mut self, message: Option<Message>) {
        if let Some(message) = message {
            self.notify_once(message);
        }
    }

    pub(super) fn build_record(
        &self,
        kind: RecordKind,
        decision: &Decision,
        outcomes: Vec<Outcome>,
    ) -> Record {
        Record {
            at: (self.engine.clock)(),
            kind,
            event_id: self.event_id().to_owned(),
            operation: Op::FUNCTION.name().to_owned(),
            target: self.target.arn.clone(),
            reason: decision.full_reason(),
            observed: decision.observed.clone(),
            // The intent already has the plan; the outcome need not repeat it.
            plan: (kind != RecordKind::Outcome && !decision.plan.is_empty())
                .then(|| decision.plan.clone()),
            outcomes,
            mode: decision.mode().to_owned(),
            notified: self.list_notified(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Returns the identifier of the event, or that of the invocation if the event has none.
    fn event_id(&self) -> &str {
        if self.run.event.id.is_empty() {
            &self.run.invocation.request_id
        } else {
            &self.run.event.id
        }
    }

    /// Lists the titles of the queued notifications, or of those that a silence withholds.
    fn list_notified(&self) -> Vec<String> {
        if self.silenced_until().is_some() {
            return self.silenced_titles.clone();
        }
        self.notifications
            .iter()
            .map(|notification| notification.message.title.clone())
            .collect()
    }

    pub(super) fn log_decision(&self, reason: &str, actions: u32) {
        tracing::info!(
            operation = Op::FUNCTION.name(),
            target = self.target.arn.display_name(),
            event_id = self.run.event.id,
            actions,
            reason,
            "decided"
        );
    }
}

/// Puts events on the bus, and returns those that it did not take. That fails nothing else.
async fn publish_events<Op: Operation, C: Executor, L, O>(
    engine: &Engine<C, L, O>,
    events: Vec<ReleaseEvent>,
) -> Vec<ReleaseEvent> {
    if !Op::PUBLISHES_EVENTS {
        return events;
    }
    let mut sent = 0;
    for chunk in events.chunks(EVENTS_PER_CALL) {
        if let Err(error) = engine.cloud.put_events(chunk).await {
            tracing::warn!(error = %error, "events about releases are put on the bus later");
            break;
        }
        sent += chunk.len();
    }
    events.into_iter().skip(sent).collect()
}
