//! Computes the daily report from its inputs. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Tagged};
use lamplighter::notify::Severity;
use lamplighter::plan::{Action, DrillResult, Outcome, ReleaseAction, ScalingAction};
use lamplighter::policy::{self, ScalePolicy, StackDefaults};
use lamplighter::ports::costs::DailyCost;
use lamplighter::ports::ledger::{Record, RecordKind};
use lamplighter::state::TargetState;

use crate::Window;
use crate::inputs::{Costs, ReportInputs};

/// The number of AWS services listed per application.
const MAX_SERVICES: usize = 3;
/// The time before a certificate expires from which the report warns, enough to replace it in a
/// maintenance window.
const CERTIFICATE_WARNING: SignedDuration = SignedDuration::from_hours(60 * 24);
const ONE_DAY: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Clone, PartialEq)]
pub struct DailyReport {
    pub window: Window,
    pub now: Timestamp,
    pub services: usize,
    pub databases: usize,
    pub releases: Vec<ReleaseSummary>,
    pub scaling: Vec<ScalingSummary>,
    pub backups: Vec<BackupStatus>,
    pub incidents: Vec<IncidentSummary>,
    /// Each target's name with what is held, silenced or quarantined.
    pub held: Vec<(String, String)>,
    /// Each target's name with what expires soon.
    pub expiring: Vec<(String, String)>,
    /// Each target's name with its finding.
    pub findings: Vec<(String, String)>,
    /// Costs by application; the error code if they are not available, `None` if they are disabled.
    pub costs: Option<Result<Vec<Spending>, String>>,
    /// The cost of the stack itself on the last day.
    pub own_cost: Option<Money>,
}

/// An amount and its currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Money(pub f64, pub String);

/// The cost of an application on the last day, and the daily mean of the days before.
#[derive(Debug, Clone, PartialEq)]
pub struct Spending {
    pub app: String,
    /// The day of `last`, if Cost Explorer does not have the most recent day yet.
    pub late: Option<Date>,
    pub last: Money,
    pub mean: Money,
    /// The most expensive AWS services of the last day.
    pub services: Vec<(String, Money)>,
}

/// A release of an image in the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSummary {
    pub name: String,
    pub tag: String,
    /// The shortened image digest: `sha256:ab12cd34`.
    pub digest: String,
    pub at: Timestamp,
    /// The result of the release.
    pub state: String,
}

/// The changes of a service's task count.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingSummary {
    pub name: String,
    pub least: u32,
    pub most: u32,
    pub changes: usize,
    /// The maximum from the service's tag, and how long the service was at it.
    pub at_maximum: Option<(u32, SignedDuration)>,
    pub task_hours: f64,
}

/// The backups of one database.
#[derive(Debug, Clone, PartialEq)]
pub struct BackupStatus {
    pub name: String,
    /// The time of the newest usable snapshot.
    pub newest: Option<Timestamp>,
    pub count: usize,
    /// The newest recovery point.
    pub recovery_point: Option<Timestamp>,
    pub drilled: Option<DrillResult>,
}

/// An incident above informational severity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentSummary {
    pub name: String,
    pub severity: Severity,
    pub title: String,
    pub since: Timestamp,
    pub resolved_at: Option<Timestamp>,
}

impl DailyReport {
    #[must_use]
    pub fn from_inputs(
        found: &ReportInputs,
        window: &Window,
        now: Timestamp,
        defaults: &StackDefaults,
    ) -> Self {
        let targets = || found.services.iter().chain(&found.databases);
        Self {
            window: window.clone(),
            now,
            services: found.services.len(),
            databases: found.databases.len(),
            releases: list_releases(found),
            scaling: summarize_scaling(found, window, now, defaults),
            backups: found
                .databases
                .iter()
                .map(|(tagged, memory)| summarize_backups(found, tagged, memory))
                .collect(),
            incidents: list_incidents(found),
            held: targets()
                .flat_map(|(tagged, memory)| list_holds(tagged, memory, now))
                .collect(),
            expiring: list_expiring(found, now),
            findings: targets()
                .flat_map(|(tagged, memory)| {
                    memory
                        .findings
                        .values()
                        .map(|title| (tagged.arn.display_name(), title.clone()))
                })
                .collect(),
            costs: found
                .costs
                .as_ref()
                .map(|costs| costs.as_ref().map(summarize_spending).map_err(Clone::clone)),
            own_cost: found
                .costs
                .as_ref()
                .and_then(|costs| stack_cost(costs.as_ref().ok()?)),
        }
    }

    /// Reports whether the report has nothing that an operator must know.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let nothing_done =
            self.releases.is_empty() && self.scaling.is_empty() && self.incidents.is_empty();
        nothing_done && self.held.is_empty() && self.expiring.is_empty() && self.findings.is_empty()
    }

    /// Returns the database with the oldest recovery point; one without a recovery point comes
    /// first.
    #[must_use]
    pub fn oldest_recovery_point(&self) -> Option<&BackupStatus> {
        self.backups
            .iter()
            .min_by_key(|backups| backups.recovery_point)
    }
}

/// Returns the actions that AWS accepted, with the time of their intent.
fn list_completed_actions(records: &[Record]) -> impl Iterator<Item = (Timestamp, &Action)> {
    let outcomes = |intent: &Record| {
        let outcome = records.iter().find(|record| {
            let same = (&record.event_id, &record.operation, &record.target);
            let is_of = record.kind == RecordKind::Outcome && record.at >= intent.at;
            is_of && same == (&intent.event_id, &intent.operation, &intent.target)
        });
        outcome.into_iter().flat_map(|record| &record.outcomes)
    };
    let intents = records
        .iter()
        .filter(|record| record.kind == RecordKind::Intent);
    intents.flat_map(move |intent| {
        let steps = intent
            .plan
            .iter()
            .flat_map(|plan| &plan.steps)
            .zip(outcomes(intent));
        let taken = steps.filter(|(_, outcome)| matches!(outcome, Outcome::Done(_)));
        taken.map(|(step, _)| (intent.at, &step.action))
    })
}

fn list_releases(found: &ReportInputs) -> Vec<ReleaseSummary> {
    let memory_of = |arn: &Arn| {
        found
            .services
            .iter()
            .find(|(tagged, _)| tagged.arn == *arn)
            .map(|(_, memory)| memory)
    };
    list_completed_actions(&found.records)
        .filter_map(|(at, action)| {
            let Action::Release(ReleaseAction::Rollout(rollout)) = action else {
                return None;
            };
            let memory = memory_of(&rollout.service);
            let is_verified = |memory: &TargetState| {
                memory
                    .releases
                    .verified
                    .iter()
                    .any(|known| known.digest == rollout.digest)
            };
            let refused =
                memory.and_then(|memory| memory.releases.quarantined.get(&rollout.digest));
            let state = match (refused, memory) {
                (Some(why), _) => format!("refused: {why}"),
                (None, Some(memory)) if is_verified(memory) => "verified".to_owned(),
                (None, Some(memory)) if memory.releases.active_rollout.is_some() => {
                    "in progress".to_owned()
                }
                (None, _) => "not verified".to_owned(),
            };
            let (name, tag, digest) = (
                rollout.service.display_name(),
                rollout.tag.clone(),
                rollout.digest.short_digest(),
            );
            Some(ReleaseSummary {
                name,
                tag,
                digest,
                at,
                state,
            })
        })
        .collect()
}

fn summarize_scaling(
    found: &ReportInputs,
    window: &Window,
    now: Timestamp,
    defaults: &StackDefaults,
) -> Vec<ScalingSummary> {
    let mut changes: BTreeMap<&Arn, Vec<(Timestamp, u32, u32)>> = BTreeMap::new();
    for (at, action) in list_completed_actions(&found.records) {
        if let Action::Scaling(ScalingAction::SetDesiredCount(scale)) = action {
            changes
                .entry(&scale.service)
                .or_default()
                .push((at, scale.from, scale.to));
        }
    }
    let max_of = |arn: &Arn| {
        let (tagged, _) = found
            .services
            .iter()
            .find(|(tagged, _)| tagged.arn == *arn)?;
        ScalePolicy::parse(tagged.tags.get(policy::SCALE)?, defaults)
            .ok()
            .map(|policy| policy.max)
    };
    let scaled = changes
        .into_iter()
        .map(|(arn, changes)| summarize_service_scaling(arn, &changes, max_of(arn), window, now));
    scaled.collect()
}

fn summarize_service_scaling(
    arn: &Arn,
    changes: &[(Timestamp, u32, u32)],
    max: Option<u32>,
    window: &Window,
    now: Timestamp,
) -> ScalingSummary {
    let first = changes.first().map_or(0, |(_, from, _)| *from);
    let starts =
        std::iter::once((window.from, first)).chain(changes.iter().map(|(at, _, to)| (*at, *to)));
    let starts: Vec<(Timestamp, u32)> = starts.collect();
    let ends = starts
        .iter()
        .skip(1)
        .map(|(at, _)| *at)
        .chain([window.to.min(now)]);
    let spans: Vec<(u32, SignedDuration)> = starts
        .iter()
        .zip(ends)
        .map(|((from, count), to)| (*count, to.duration_since(*from)))
        .collect();
    let at_max = |max: u32| {
        let there = spans
            .iter()
            .filter(|(count, _)| *count >= max)
            .map(|(_, span)| *span);
        (
            max,
            there.fold(SignedDuration::ZERO, SignedDuration::saturating_add),
        )
    };
    ScalingSummary {
        name: arn.display_name(),
        least: spans
            .iter()
            .map(|(count, _)| *count)
            .min()
            .unwrap_or_default(),
        most: spans
            .iter()
            .map(|(count, _)| *count)
            .max()
            .unwrap_or_default(),
        changes: changes.len(),
        at_maximum: max.map(at_max).filter(|(_, there)| there.is_positive()),
        task_hours: spans
            .iter()
            .map(|(count, span)| f64::from(*count) * span.as_secs_f64() / 3_600.0)
            .sum(),
    }
}

fn summarize_backups(found: &ReportInputs, tagged: &Tagged, memory: &TargetState) -> BackupStatus {
    let database = found
        .described
        .iter()
        .find(|database| database.arn == tagged.arn);
    let of = |database: &&lamplighter::model::Database| {
        let of = found.snapshots.iter().filter(|snapshot| {
            snapshot.is_restorable()
                && snapshot.database == database.identifier
                && snapshot.matches_resource_id(&database.resource_id)
                && tagged.arn.database_kind() == Some(snapshot.kind)
        });
        of.collect::<Vec<_>>()
    };
    let snapshots = database.as_ref().map(of).unwrap_or_default();
    let newest = snapshots
        .iter()
        .filter_map(|snapshot| snapshot.taken_at)
        .max();
    BackupStatus {
        name: tagged.arn.display_name(),
        newest,
        count: snapshots.len(),
        recovery_point: newest.max(database.and_then(|database| database.latest_restorable)),
        drilled: memory.backups.drilled.clone(),
    }
}

fn list_incidents(found: &ReportInputs) -> Vec<IncidentSummary> {
    // Without a firing condition only critical news counts as an incident; findings have their own
    // section.
    let is_one =
        |severity, lasted| severity == Severity::Critical || lasted && severity > Severity::Info;
    let told = found
        .incidents
        .iter()
        .filter(|incident| is_one(incident.severity, incident.was_firing));
    told.map(|incident| IncidentSummary {
        name: incident.name.clone(),
        severity: incident.severity,
        title: incident
            .headline()
            .map(|line| line.title.clone())
            .unwrap_or_default(),
        since: incident.since,
        resolved_at: incident.resolved_at,
    })
    .collect()
}

/// Returns what is held, silenced, frozen or quarantined for a target.
fn list_holds(tagged: &Tagged, memory: &TargetState, now: Timestamp) -> Vec<(String, String)> {
    let name = tagged.arn.display_name();
    let mut held: Vec<String> = memory
        .waiting
        .iter()
        .map(|(operation, (what, since))| {
            format!(
                "{operation} waits: {what} (since {})",
                since.strftime("%F %H:%M UTC")
            )
        })
        .collect();
    match policy::parse_silence(&tagged.tags) {
        Ok(Some(until)) if until > now => {
            held.push(format!("silenced until {}", until.strftime("%F %H:%M UTC")))
        }
        Ok(Some(_)) => held.push("its silence is over, and the tag can go".to_owned()),
        Ok(None) | Err(_) => {}
    }
    if let Some(freeze) = tagged.tags.get(policy::FREEZE) {
        held.push(format!("frozen at times: {freeze}"));
    }
    held.extend(
        memory
            .releases
            .quarantined
            .iter()
            .map(|(digest, why)| format!("{} is refused: {why}", digest.short_digest())),
    );
    held.into_iter().map(|what| (name.clone(), what)).collect()
}

/// Returns certificates about to expire, and silences that end within a day.
fn list_expiring(found: &ReportInputs, now: Timestamp) -> Vec<(String, String)> {
    let certificates = found.described.iter().filter_map(|database| {
        let until = database
            .certificate_until
            .filter(|until| until.duration_since(now) < CERTIFICATE_WARNING)?;
        let text = format!(
            "its certificate is good until {}: choose another authority",
            until.strftime("%F")
        );
        Some((database.arn.display_name(), text))
    });
    let silences = found
        .services
        .iter()
        .chain(&found.databases)
        .filter_map(|(tagged, _)| {
            let until = policy::parse_silence(&tagged.tags).ok().flatten()?;
            let ends = until > now && until.duration_since(now) < ONE_DAY;
            ends.then(|| {
                (
                    tagged.arn.display_name(),
                    format!("its silence ends on {}", until.strftime("%F %H:%M UTC")),
                )
            })
        });
    certificates.chain(silences).collect()
}

/// Returns the newest day with costs: Cost Explorer may be a day late.
fn newest_cost_day(costs: &Costs) -> Date {
    costs
        .by_app
        .iter()
        .map(|spent| spent.day)
        .filter(|day| *day <= costs.last)
        .max()
        .unwrap_or(costs.last)
}

fn summarize_spending(costs: &Costs) -> Vec<Spending> {
    let last = newest_cost_day(costs);
    let apps: BTreeSet<&str> = costs
        .by_app
        .iter()
        .map(|spent| spent.tag_value.as_str())
        .filter(|app| !app.is_empty())
        .collect();
    let spendings = apps.into_iter().map(|app| {
        let of_app = || {
            costs
                .by_app
                .iter()
                .filter(move |spent| spent.tag_value == app)
        };
        let unit = of_app()
            .next()
            .map(|spent| spent.unit.clone())
            .unwrap_or_default();
        let money = |amount: f64| Money(amount, unit.clone());
        let on_last = |spent: &&DailyCost| spent.day == last;
        let mut services: Vec<(String, Money)> = of_app()
            .filter(on_last)
            .map(|spent| (spent.service.clone(), money(spent.amount)))
            .collect();
        services.sort_by(|(_, a), (_, b)| b.0.total_cmp(&a.0));
        services.truncate(MAX_SERVICES);
        let earlier = || of_app().filter(|spent| spent.day < last);
        let days = earlier()
            .map(|spent| spent.day)
            .collect::<BTreeSet<_>>()
            .len()
            .max(1);
        let before: f64 = earlier().map(|spent| spent.amount).sum();
        Spending {
            app: app.to_owned(),
            late: (last != costs.last).then_some(last),
            last: money(of_app().filter(on_last).map(|spent| spent.amount).sum()),
            mean: money(before / f64::from(u32::try_from(days).unwrap_or(1))),
            services,
        }
    });
    spendings.collect()
}

fn stack_cost(costs: &Costs) -> Option<Money> {
    let last = newest_cost_day(costs);
    let own: Vec<&DailyCost> = costs.own.iter().filter(|spent| spent.day == last).collect();
    let unit = own.first()?.unit.clone();
    Some(Money(own.iter().map(|spent| spent.amount).sum(), unit))
}
