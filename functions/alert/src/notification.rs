//! Decides which notification of an incident a channel gets now. No clock, no I/O.
//!
//! The intervals are Alertmanager's; the flapping limits are our own. `group_wait` (30 s) is the batch window of the notification
//! queue; `group_interval` (5 min) and `repeat_interval` (4 h) are applied here.
//! Source: <https://prometheus.io/docs/alerting/latest/configuration/#route>

use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::Severity;
use lamplighter::notify::incident::{DeliveryState, Incident};

use crate::conditions::ConditionKind;

/// The time between two reminders of an incident that is still firing.
pub const REPEAT_INTERVAL: SignedDuration = SignedDuration::from_hours(4);
/// A rhythm in which an incident resolves and fires again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flapping {
    /// The number of returns within a time from which an incident counts as flapping.
    returns: usize,
    pub within: SignedDuration,
    /// The least time since the return before. Those of a burst don't count.
    gap: SignedDuration,
    /// The time without a change after which an incident no longer counts as flapping.
    pub quiet_period: SignedDuration,
}

/// Returns every few minutes, and about once an hour. Between the returns of the second kind is more than the quiet period
/// of the first one.
const RHYTHMS: [Flapping; 2] = [
    Flapping {
        returns: 3,
        within: SignedDuration::from_hours(1),
        gap: SignedDuration::ZERO,
        quiet_period: SignedDuration::from_mins(30),
    },
    Flapping {
        returns: 5,
        within: SLOWEST_RHYTHM,
        gap: SignedDuration::from_mins(30),
        quiet_period: SignedDuration::from_hours(2),
    },
];
/// The longest time for which a critical incident that lasts may count as flapping.
const LASTING: SignedDuration = SignedDuration::from_mins(30);
/// The time for which returns are remembered.
pub const SLOWEST_RHYTHM: SignedDuration = SignedDuration::from_hours(12);

/// The kind of a notification about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationKind {
    /// The first notification of an incident that is firing.
    Firing,
    /// News about an incident that is not firing, or that ended with a warning.
    Info,
    /// A change of an incident that was notified before.
    Updated,
    /// A reminder: nothing has changed and the incident is still firing.
    Reminder,
    Resolved,
    /// Someone acknowledged the incident. Sent only to channels that show who works on it.
    Acknowledged,
    /// The incident is flapping; no more notifications follow until it is quiet.
    Flapping,
}

/// Returns the kind of notification that a channel must send about an incident now, if any.
///
/// The rules apply in this order, and the first one decides:
///
/// | the incident | notification |
/// |---|---|
/// | is new, and resolved before anyone was notified | none |
/// | is new to the channel | the first one, at once |
/// | became more severe | the change, at once |
/// | is flapping | one `Flapping`, then none until it is quiet |
/// | changed | the change, at most once per `interval` |
/// | is unchanged, firing and not acknowledged | a reminder every [`REPEAT_INTERVAL`] |
#[must_use]
pub fn due_kind(
    incident: &Incident,
    channel: &str,
    interval: SignedDuration,
    now: Timestamp,
) -> Option<NotificationKind> {
    let Some(delivery) = incident.deliveries.get(channel) else {
        return (!was_resolved_before_notified(incident)).then(|| first_kind(incident));
    };
    // The first notification was planned and stored, but not sent: the channel was broken, or the
    // function was killed. It stays due even if the incident has resolved meanwhile, because the
    // incident was not short enough to be dropped.
    let Some(sent_at) = delivery.at else {
        return Some(first_kind(incident));
    };
    let waited = now.duration_since(sent_at);
    // People must hear of a higher severity at once, so it overrides interval and flapping.
    let has_worsened = has_worsened(incident, delivery);
    if find_rhythm(incident, now).is_some() && !has_worsened {
        return (!delivery.flapping).then_some(NotificationKind::Flapping);
    }
    if has_worsened || has_unsent_changes(incident, delivery) && waited >= interval {
        return Some(change_kind(incident));
    }
    (needs_reminders(incident) && waited >= REPEAT_INTERVAL).then_some(NotificationKind::Reminder)
}

/// Reports whether a channel has an open alert of an incident that was acknowledged since.
#[must_use]
pub fn has_unsent_acknowledgement(incident: &Incident, channel: &str) -> bool {
    let is_acknowledged = incident.acknowledged.is_some() && incident.resolved_at.is_none();
    is_acknowledged
        && incident.was_firing
        && incident.deliveries.get(channel).is_some_and(|delivery| {
            delivery.at.is_some() && !delivery.resolved && !delivery.acknowledged
        })
}

/// Returns the kind of the first notification about an incident. If the incident was firing and has
/// resolved by now, it still begins with `Firing`, so that `Resolved` can follow. An incident that
/// ended badly has nothing more to follow: it is one message.
fn first_kind(incident: &Incident) -> NotificationKind {
    if incident.was_firing && (incident.resolved_at.is_none() || last_line_is_info(incident)) {
        NotificationKind::Firing
    } else {
        NotificationKind::Info
    }
}

/// Returns the kind of a later notification. An incident that ends with a warning, such as a
/// release that is rolled back, is not announced as resolved.
fn change_kind(incident: &Incident) -> NotificationKind {
    if !incident.was_firing {
        NotificationKind::Info
    } else if incident.resolved_at.is_none() {
        NotificationKind::Updated
    } else if last_line_is_info(incident) {
        NotificationKind::Resolved
    } else {
        NotificationKind::Info
    }
}

/// Reports whether the incident has lines that the channel has not sent, and is more severe than
/// what it has sent.
fn has_worsened(incident: &Incident, delivery: &DeliveryState) -> bool {
    incident.line_count > delivery.sent_lines && Some(incident.severity) > delivery.severity
}

/// Reports whether the incident has lines that the channel has not sent, or resolved or reopened
/// since. The end of an informational incident is not worth a message of its own.
#[must_use]
pub fn has_unsent_changes(incident: &Incident, delivery: &DeliveryState) -> bool {
    incident.line_count > delivery.sent_lines
        || incident.resolved_at.is_some() != delivery.resolved && incident.severity > Severity::Info
}

/// Reports whether the incident is worth a reminder if nothing changes.
#[must_use]
pub fn needs_reminders(incident: &Incident) -> bool {
    incident.resolved_at.is_none() && incident.acknowledged.is_none() && is_urgent(incident)
}

/// Reports whether the incident is critical, or a warning with a condition that has no date of its own.
fn is_urgent(incident: &Incident) -> bool {
    match incident.severity {
        Severity::Info => false,
        Severity::Warning => incident
            .firing
            .keys()
            .any(|condition| ConditionKind::from_key(condition).needs_reminders()),
        Severity::Critical => true,
    }
}

fn last_line_is_info(incident: &Incident) -> bool {
    incident
        .lines
        .last()
        .is_none_or(|line| line.severity == Severity::Info)
}

/// Reports whether the incident resolved before anyone had to be notified: each of its problems was
/// a condition that fired and cleared again.
fn was_resolved_before_notified(incident: &Incident) -> bool {
    if incident.lines.is_empty() {
        return true;
    }
    let mut problems = incident
        .lines
        .iter()
        .filter(|line| line.severity > Severity::Info)
        .peekable();
    // An incident without problems, such as a quick release, is news in itself. A warning without a
    // condition never clears, so it must be sent even if it came during a quick release.
    let only_had_conditions =
        problems.peek().is_some() && problems.all(|line| line.fires.is_some());
    incident.was_firing
        && only_had_conditions
        && incident.resolved_at.is_some()
        && last_line_is_info(incident)
}

/// Returns the rhythm in which the incident returns, if it returned too often, and changed too recently, to announce every
/// change.
#[must_use]
pub fn find_rhythm(incident: &Incident, now: Timestamp) -> Option<Flapping> {
    let last_return = incident.reopened_at.last().copied();
    let changed_at = last_return.max(incident.resolved_at)?;
    let unchanged = now.duration_since(changed_at);
    let lasts = incident.resolved_at.is_none() && incident.severity == Severity::Critical;
    if lasts && unchanged >= LASTING {
        return None;
    }
    RHYTHMS.into_iter().find(|rhythm| {
        rhythm.list_returns(incident, now).len() >= rhythm.returns
            && unchanged < rhythm.quiet_period
    })
}

impl Flapping {
    /// Lists the returns of an incident that count for this rhythm, oldest first.
    #[must_use]
    pub fn list_returns(&self, incident: &Incident, now: Timestamp) -> Vec<Timestamp> {
        let mut last = None;
        let mut returns = Vec::new();
        for at in &incident.reopened_at {
            let is_apart = last.is_none_or(|last: Timestamp| at.duration_since(last) >= self.gap);
            if is_apart && now.duration_since(*at) < self.within {
                returns.push(*at);
            }
            last = Some(*at);
        }
        returns
    }
}

/// Reports whether any channel has sent a message about the incident.
#[must_use]
pub fn was_notified(incident: &Incident) -> bool {
    incident
        .deliveries
        .values()
        .any(|delivery| delivery.at.is_some())
}

/// Records that a channel sent everything there is to know about an incident.
pub fn mark_notified(
    incident: &mut Incident,
    channel: &str,
    kind: NotificationKind,
    thread: Option<String>,
    now: Timestamp,
) {
    // To a channel whose filter an incident no longer passes, its alert has ended.
    let resolved = kind == NotificationKind::Resolved
        || incident.resolved_at.is_some() && includes_resolution(incident, kind);
    let incident_is_acknowledged = incident.acknowledged.is_some();
    let delivery = incident.deliveries.entry(channel.to_owned()).or_default();
    if kind == NotificationKind::Acknowledged {
        delivery.acknowledged = true;
        delivery.thread = thread.or(delivery.thread.take());
        return;
    }
    // Until its resolution is sent, an alert is as severe as it ever was.
    let open = delivery.open_severity.filter(|_| !delivery.resolved);
    *delivery = DeliveryState {
        at: Some(now),
        sent_lines: incident.line_count,
        severity: Some(incident.severity),
        open_severity: Some(incident.severity).max(open),
        resolved,
        flapping: kind == NotificationKind::Flapping,
        // An alert that begins anew, or is over, is acknowledged no more.
        acknowledged: delivery.acknowledged && incident_is_acknowledged && !resolved,
        thread: thread.or(delivery.thread.take()),
    };
}

/// Reports whether a notification of this kind includes the resolution of the incident. An
/// alert does not: even if the incident has resolved by the time it is sent, the resolution must
/// follow, or the alert stays open in the reader's mind and in PagerDuty.
fn includes_resolution(incident: &Incident, kind: NotificationKind) -> bool {
    let is_informational = !incident.was_firing || incident.severity == Severity::Info;
    match kind {
        NotificationKind::Firing | NotificationKind::Flapping => is_informational,
        NotificationKind::Info
        | NotificationKind::Updated
        | NotificationKind::Reminder
        | NotificationKind::Acknowledged
        | NotificationKind::Resolved => true,
    }
}
