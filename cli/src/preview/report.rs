//! Compares what ran with what would have run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::model::{AlarmKind, Arn, pluralize};
use lamplighter::notify::{Notification, Severity};
use lamplighter::policy::{MANAGED, ScalePolicy, StackDefaults};
use serde::Serialize;

use super::minutes::{Minutes, Period};
use super::past::{Origin, Skipped};
use super::play::Played;
use super::service::{PlayedAlarm, PlayedService};

/// The most points of a chart.
const POINTS: usize = 480;
/// An excess over a whole number that is an error of arithmetic, and no load.
const PRECISION: f64 = 1e-9;
const MINUTES_PER_HOUR: f64 = 60.0;

/// A preview of an account or of one service.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Minutes until a task served.
    pub startup_minutes: usize,
    pub services: Vec<ServiceReport>,
    /// Services that were not played, and why.
    pub skipped: Vec<Skipped>,
}

/// A preview of one service.
#[derive(Debug, Clone, Serialize)]
pub struct ServiceReport {
    pub service: Arn,
    pub name: String,
    pub tags: BTreeMap<String, String>,
    pub origin: Origin,
    pub known_minutes: usize,
    /// Minutes for which AWS has no metric: they count nowhere.
    pub unknown_minutes: usize,
    /// Minutes in which all tasks that ran were at the limit of their CPU: more work may have waited.
    pub saturated_minutes: usize,
    pub ran: Usage,
    pub lamplighter: Usage,
    /// How often Lamplighter would have changed the desired count.
    pub changes: usize,
    pub alarms: Vec<AlarmReport>,
    pub messages: Vec<MessageReport>,
    pub notes: Vec<String>,
    pub chart: Chart,
}

/// How a number of tasks did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Usage {
    pub task_hours: f64,
    /// USD at the price of Fargate in us-east-1; `None` if the service runs elsewhere.
    pub cost: Option<f64>,
    /// Minutes in which each task had more to do than the tag wants.
    pub minutes_above_target: usize,
    /// Those of them in which the most tasks of the tag ran.
    pub minutes_above_target_at_max: usize,
}

/// An alarm that would have fired.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlarmReport {
    pub kind: AlarmKind,
    pub name: &'static str,
    pub times: usize,
    pub minutes: usize,
    pub newest: Timestamp,
}

/// A message that would have been sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MessageReport {
    pub at: Timestamp,
    pub severity: Severity,
    pub title: String,
}

/// Tasks over time, in equal steps. Each value is the highest of its minutes, and `None` if none is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    pub minutes_per_point: u32,
    /// Tasks that the load needs by the tag, whatever its bounds are.
    pub needed: Vec<Option<f64>>,
    pub ran: Vec<Option<f64>>,
    pub lamplighter: Vec<Option<f64>>,
}

impl ServiceReport {
    /// Compares a service that was played with its past. `None` without a policy to play.
    #[must_use]
    pub fn new(
        played: &PlayedService,
        notifications: &[Notification],
        period: Period,
    ) -> Option<Self> {
        let tags = &played.past.service.tags;
        let policy = ScalePolicy::from_tags(tags, &StackDefaults::default()).ok()??;
        let comparison = Comparison {
            played,
            policy: &policy,
        };
        let minutes = || (0..period.minutes).filter(|minute| comparison.is_known(*minute));
        let known_minutes = minutes().count();
        let own = notifications
            .iter()
            .filter(|notification| notification.target == played.service.arn);
        Some(Self {
            name: played.service.arn.display_name(),
            service: played.service.arn.clone(),
            tags: tags
                .iter()
                .filter(|(key, _)| *key != MANAGED)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            origin: played.past.origin,
            known_minutes,
            unknown_minutes: period.minutes - known_minutes,
            saturated_minutes: minutes()
                .filter(|minute| played.past.is_saturated(*minute))
                .count(),
            ran: comparison.measure(minutes(), &played.past.tasks),
            lamplighter: comparison.measure(minutes(), &played.running),
            changes: played.changes,
            alarms: played
                .alarms
                .iter()
                .filter_map(|alarm| report_alarm(alarm, period))
                .collect(),
            messages: own.map(MessageReport::new).collect(),
            notes: comparison.list_notes(),
            chart: comparison.draw(period),
        })
    }
}

impl MessageReport {
    fn new(notification: &Notification) -> Self {
        Self {
            at: notification.at,
            severity: notification.message.severity,
            title: notification.message.title.clone(),
        }
    }
}

fn report_alarm(played: &PlayedAlarm, period: Period) -> Option<AlarmReport> {
    let (newest, _) = played.firings.last()?;
    let kind = AlarmKind::of_alarm(&played.alarm.name);
    Some(AlarmReport {
        kind,
        name: kind.name(),
        times: played.firings.len(),
        minutes: played.firings.iter().map(|(begin, end)| end - begin).sum(),
        newest: period.start_of(*newest),
    })
}

/// A service that was played, and the policy by which it is judged.
struct Comparison<'a> {
    played: &'a PlayedService,
    policy: &'a ScalePolicy,
}

impl Comparison<'_> {
    /// Reports whether it is known what ran in a minute, and what would have run.
    fn is_known(&self, minute: usize) -> bool {
        self.played.past.is_known(minute) && self.played.running.get(minute).is_some()
    }

    /// Returns the tasks that the load of a minute needs by the tag.
    fn need(&self, minute: usize) -> Option<f64> {
        let past = &self.played.past;
        let by_requests = self
            .policy
            .rps
            .and_then(|rps| Some(past.count_requests(minute)? / MINUTES_PER_HOUR / f64::from(rps)));
        let by_cpu = past.used_cpu(minute).filter(|_| self.policy.follows_cpu());
        let by_cpu = by_cpu.map(|used| used * 100.0 / f64::from(self.policy.cpu));
        by_requests.into_iter().chain(by_cpu).reduce(f64::max)
    }

    /// Reports whether so many tasks had more to do in a minute than the tag wants. Without a task, any request is too much; the CPU
    /// that idle tasks used is no work.
    fn is_above_target(&self, minute: usize, running: f64) -> bool {
        if running < 1.0 {
            return self.played.past.count_requests(minute) > Some(0.0);
        }
        self.need(minute) > Some(running * (1.0 + PRECISION))
    }

    fn measure(&self, minutes: impl Iterator<Item = usize>, tasks: &Minutes) -> Usage {
        let mut usage = Usage::default();
        for minute in minutes {
            let running = tasks.get(minute).unwrap_or_default();
            usage.task_hours += running / MINUTES_PER_HOUR;
            if self.is_above_target(minute, running) {
                usage.minutes_above_target += 1;
                let is_at_max = running >= f64::from(self.policy.max);
                usage.minutes_above_target_at_max += usize::from(is_at_max);
            }
        }
        usage.cost = self.played.past.price.map(|price| price * usage.task_hours);
        usage
    }

    fn list_notes(&self) -> Vec<String> {
        let past = &self.played.past;
        let mut notes = Vec::new();
        if past.is_auto_scaled {
            notes.push(
                "Application Auto Scaling scales it. The preview shows Lamplighter in its place; beside it, Lamplighter raises its minimum, or \
                 notifies alone with autoscaling=notify"
                    .to_owned(),
            );
        }
        if past.share < 1.0 {
            notes.push(format!(
                "other targets are registered in its target groups: its tasks got {:.0} % of the requests",
                past.share * 100.0
            ));
        }
        if self.policy.memory.is_some() {
            notes.push("memory= is played with the utilization that was measured, whatever the number of tasks is".to_owned());
        }
        if self.policy.is_rps_open && past.requests.is_some() {
            notes.push("rps= is not set, so that CPU decides".to_owned());
        }
        if past.requests.is_none() {
            notes.push("no Application Load Balancer counts its requests".to_owned());
        }
        notes
    }

    fn draw(&self, period: Period) -> Chart {
        let minutes_per_point = period.minutes.div_ceil(POINTS).max(1);
        let highest = |value_of: &dyn Fn(usize) -> Option<f64>| -> Vec<Option<f64>> {
            let points = (0..period.minutes).step_by(minutes_per_point);
            points
                .map(|first| {
                    let minutes = first..(first + minutes_per_point).min(period.minutes);
                    minutes.filter_map(value_of).reduce(f64::max)
                })
                .collect()
        };
        Chart {
            minutes_per_point: u32::try_from(minutes_per_point).unwrap_or(u32::MAX),
            needed: highest(&|minute| self.need(minute)),
            ran: highest(&|minute| self.played.past.tasks.get(minute)),
            lamplighter: highest(&|minute| self.played.running.get(minute)),
        }
    }
}

impl Report {
    /// Compares all services that were played, by their names.
    #[must_use]
    pub fn new(
        played: &Played,
        period: Period,
        startup_minutes: usize,
        skipped: Vec<Skipped>,
    ) -> Self {
        let services = played.services.iter();
        Self {
            from: period.from,
            to: period.end(),
            startup_minutes,
            services: services
                .filter_map(|service| ServiceReport::new(service, &played.notifications, period))
                .collect(),
            skipped,
        }
    }
}

impl ServiceReport {
    /// Counts the messages by their severity: `1 critical, 3 info`; empty without any.
    #[must_use]
    pub fn count_messages(&self) -> String {
        let severities = [Severity::Critical, Severity::Warning, Severity::Info];
        let counts = severities.into_iter().filter_map(|severity| {
            let messages = self.messages.iter();
            let count = messages
                .filter(|message| message.severity == severity)
                .count();
            (count > 0).then(|| format!("{count} {}", severity.as_str()))
        });
        counts.collect::<Vec<String>>().join(", ")
    }
}

impl AlarmReport {
    /// Says how often the alarm would have fired: `cpu-peak 3 times (41 minutes in all)`.
    #[must_use]
    pub fn describe(&self) -> String {
        format!(
            "{} {} ({} in all)",
            self.name,
            pluralize(self.times, "time"),
            pluralize(self.minutes, "minute"),
        )
    }
}
