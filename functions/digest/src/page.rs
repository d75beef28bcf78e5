//! The page as data: what was found, put in order. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Tagged};
use lamplighter::notify::Severity;
use lamplighter::plan::{Action, Drilled, Outcome};
use lamplighter::policy::{self, ScalePolicy, StackDefaults};
use lamplighter::ports::costs::Spent;
use lamplighter::ports::ledger::{Kind, Record};
use lamplighter::state::Memory;

use crate::Window;
use crate::found::{Costs, Found};

/// Services of AWS that are named of each application.
const SERVICES: usize = 3;
/// So long before people can choose another one in a maintenance window.
const CERTIFICATE_ENDS: SignedDuration = SignedDuration::from_hours(60 * 24);
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub window: Window,
    pub now: Timestamp,
    pub services: usize,
    pub databases: usize,
    pub releases: Vec<Release>,
    pub scaled: Vec<Scaled>,
    pub backups: Vec<Backups>,
    pub incidents: Vec<Happened>,
    /// Name, and what waits, is silenced or refused.
    pub held: Vec<(String, String)>,
    /// Name, and what ends soon.
    pub expiring: Vec<(String, String)>,
    /// Name and finding.
    pub findings: Vec<(String, String)>,
    /// By application, or why that is not known; `None` where nobody asks.
    pub costs: Option<Result<Vec<Spending>, String>>,
    /// What the stack itself cost on the last day.
    pub own_cost: Option<Money>,
}

/// An amount and its currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Money(pub f64, pub String);

/// What an application cost on the last day, and on a day of the week before.
#[derive(Debug, Clone, PartialEq)]
pub struct Spending {
    pub app: String,
    /// The day that `last` is of, where Cost Explorer does not have the last one yet.
    pub late: Option<Date>,
    pub last: Money,
    pub mean: Money,
    /// The most expensive services of the last day.
    pub services: Vec<(String, Money)>,
}

/// An image that was rolled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub name: String,
    pub tag: String,
    /// `sha256:ab12cd34`.
    pub digest: String,
    pub at: Timestamp,
    /// What has become of it.
    pub state: String,
}

/// How a service's count changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaled {
    pub name: String,
    pub least: u32,
    pub most: u32,
    pub changes: usize,
    /// The bound that its tag gives it, and how long it was there.
    pub at_maximum: Option<(u32, SignedDuration)>,
    pub task_hours: f64,
}

/// The backups of one database.
#[derive(Debug, Clone, PartialEq)]
pub struct Backups {
    pub name: String,
    /// When the newest good one was taken, and how many there are.
    pub newest: Option<Timestamp>,
    pub count: usize,
    /// The newest point to which it can be brought back.
    pub recovery_point: Option<Timestamp>,
    pub drilled: Option<Drilled>,
}

/// An incident that was told as worse than good to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    pub name: String,
    pub severity: Severity,
    pub title: String,
    pub since: Timestamp,
    pub over: Option<Timestamp>,
}

impl Page {
    #[must_use]
    pub fn of(found: &Found, window: &Window, now: Timestamp, defaults: &StackDefaults) -> Self {
        let targets = || found.services.iter().chain(&found.databases);
        Self {
            window: window.clone(),
            now,
            services: found.services.len(),
            databases: found.databases.len(),
            releases: releases(found),
            scaled: scaled(found, window, now, defaults),
            backups: found
                .databases
                .iter()
                .map(|(tagged, memory)| backups(found, tagged, memory))
                .collect(),
            incidents: incidents(found),
            held: targets()
                .flat_map(|(tagged, memory)| held(tagged, memory, now))
                .collect(),
            expiring: expiring(found, now),
            findings: targets()
                .flat_map(|(tagged, memory)| {
                    memory
                        .findings
                        .values()
                        .map(|title| (tagged.arn.name(), title.clone()))
                })
                .collect(),
            costs: found
                .costs
                .as_ref()
                .map(|costs| costs.as_ref().map(spendings).map_err(Clone::clone)),
            own_cost: found
                .costs
                .as_ref()
                .and_then(|costs| own_cost(costs.as_ref().ok()?)),
        }
    }

    /// Nothing happened that somebody must know of.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let nothing_done =
            self.releases.is_empty() && self.scaled.is_empty() && self.incidents.is_empty();
        nothing_done && self.held.is_empty() && self.expiring.is_empty() && self.findings.is_empty()
    }

    /// The oldest of all recovery points, and of which database; the first without one goes first.
    #[must_use]
    pub fn oldest_recovery_point(&self) -> Option<&Backups> {
        self.backups
            .iter()
            .min_by_key(|backups| backups.recovery_point)
    }
}

/// What AWS took of a day's plans: when, and what.
fn done(records: &[Record]) -> impl Iterator<Item = (Timestamp, &Action)> {
    let outcomes = |intent: &Record| {
        let outcome = records.iter().find(|record| {
            let same = (&record.event_id, &record.operation, &record.target);
            let is_of = record.kind == Kind::Outcome && record.at >= intent.at;
            is_of && same == (&intent.event_id, &intent.operation, &intent.target)
        });
        outcome.into_iter().flat_map(|record| &record.outcomes)
    };
    let intents = records.iter().filter(|record| record.kind == Kind::Intent);
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

fn releases(found: &Found) -> Vec<Release> {
    let memory_of = |arn: &Arn| {
        found
            .services
            .iter()
            .find(|(tagged, _)| tagged.arn == *arn)
            .map(|(_, memory)| memory)
    };
    done(&found.records)
        .filter_map(|(at, action)| {
            let Action::Rollout(rollout) = action else {
                return None;
            };
            let memory = memory_of(&rollout.service);
            let is_verified = |memory: &Memory| {
                memory
                    .verified
                    .iter()
                    .any(|known| known.digest == rollout.digest)
            };
            let refused = memory.and_then(|memory| memory.quarantined.get(&rollout.digest));
            let state = match (refused, memory) {
                (Some(why), _) => format!("refused: {why}"),
                (None, Some(memory)) if is_verified(memory) => "verified".to_owned(),
                (None, Some(memory)) if memory.following.is_some() => "in progress".to_owned(),
                (None, _) => "not verified".to_owned(),
            };
            let (name, tag, digest) = (
                rollout.service.name(),
                rollout.tag.clone(),
                rollout.digest.short(),
            );
            Some(Release {
                name,
                tag,
                digest,
                at,
                state,
            })
        })
        .collect()
}

fn scaled(found: &Found, window: &Window, now: Timestamp, defaults: &StackDefaults) -> Vec<Scaled> {
    let mut changes: BTreeMap<&Arn, Vec<(Timestamp, u32, u32)>> = BTreeMap::new();
    for (at, action) in done(&found.records) {
        if let Action::Scale(scale) = action {
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
        .map(|(arn, changes)| scaled_service(arn, &changes, max_of(arn), window, now));
    scaled.collect()
}

fn scaled_service(
    arn: &Arn,
    changes: &[(Timestamp, u32, u32)],
    max: Option<u32>,
    window: &Window,
    now: Timestamp,
) -> Scaled {
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
    Scaled {
        name: arn.name(),
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

fn backups(found: &Found, tagged: &Tagged, memory: &Memory) -> Backups {
    let database = found
        .described
        .iter()
        .find(|database| database.arn == tagged.arn);
    let of = |database: &&lamplighter::model::Database| {
        let of = found.snapshots.iter().filter(|snapshot| {
            snapshot.is_good()
                && snapshot.database == database.identifier
                && snapshot.is_of(&database.resource_id)
                && tagged.arn.database() == Some(snapshot.kind)
        });
        of.collect::<Vec<_>>()
    };
    let snapshots = database.as_ref().map(of).unwrap_or_default();
    let newest = snapshots
        .iter()
        .filter_map(|snapshot| snapshot.taken_at)
        .max();
    Backups {
        name: tagged.arn.name(),
        newest,
        count: snapshots.len(),
        recovery_point: newest.max(database.and_then(|database| database.latest_restorable)),
        drilled: memory.drilled.clone(),
    }
}

fn incidents(found: &Found) -> Vec<Happened> {
    // News that nothing ends is one where it is critical; findings have a section of their own.
    let is_one =
        |severity, lasted| severity == Severity::Critical || lasted && severity > Severity::Info;
    let told = found
        .incidents
        .iter()
        .filter(|incident| is_one(incident.severity, incident.lasted));
    told.map(|incident| Happened {
        name: incident.name.clone(),
        severity: incident.severity,
        title: incident
            .headline()
            .map(|line| line.title.clone())
            .unwrap_or_default(),
        since: incident.since,
        over: incident.over,
    })
    .collect()
}

/// What waits, is silenced, frozen or refused.
fn held(tagged: &Tagged, memory: &Memory, now: Timestamp) -> Vec<(String, String)> {
    let name = tagged.arn.name();
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
    match policy::silenced_until(&tagged.tags) {
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
            .quarantined
            .iter()
            .map(|(digest, why)| format!("{} is refused: {why}", digest.short())),
    );
    held.into_iter().map(|what| (name.clone(), what)).collect()
}

/// Certificates that clients will not take any more, and silences that end before the next page.
fn expiring(found: &Found, now: Timestamp) -> Vec<(String, String)> {
    let certificates = found.described.iter().filter_map(|database| {
        let until = database
            .certificate_until
            .filter(|until| until.duration_since(now) < CERTIFICATE_ENDS)?;
        let text = format!(
            "its certificate is good until {}: choose another authority",
            until.strftime("%F")
        );
        Some((database.arn.name(), text))
    });
    let silences = found
        .services
        .iter()
        .chain(&found.databases)
        .filter_map(|(tagged, _)| {
            let until = policy::silenced_until(&tagged.tags).ok().flatten()?;
            let ends = until > now && until.duration_since(now) < A_DAY;
            ends.then(|| {
                (
                    tagged.arn.name(),
                    format!("its silence ends on {}", until.strftime("%F %H:%M UTC")),
                )
            })
        });
    certificates.chain(silences).collect()
}

/// The newest day that Cost Explorer has: it may take a day to know the last one.
fn newest(costs: &Costs) -> Date {
    costs
        .by_app
        .iter()
        .map(|spent| spent.day)
        .filter(|day| *day <= costs.last)
        .max()
        .unwrap_or(costs.last)
}

fn spendings(costs: &Costs) -> Vec<Spending> {
    let last = newest(costs);
    let apps: BTreeSet<&str> = costs
        .by_app
        .iter()
        .map(|spent| spent.of.as_str())
        .filter(|app| !app.is_empty())
        .collect();
    let spendings = apps.into_iter().map(|app| {
        let of_app = || costs.by_app.iter().filter(move |spent| spent.of == app);
        let unit = of_app()
            .next()
            .map(|spent| spent.unit.clone())
            .unwrap_or_default();
        let money = |amount: f64| Money(amount, unit.clone());
        let on_last = |spent: &&Spent| spent.day == last;
        let mut services: Vec<(String, Money)> = of_app()
            .filter(on_last)
            .map(|spent| (spent.service.clone(), money(spent.amount)))
            .collect();
        services.sort_by(|(_, a), (_, b)| b.0.total_cmp(&a.0));
        services.truncate(SERVICES);
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

fn own_cost(costs: &Costs) -> Option<Money> {
    let last = newest(costs);
    let own: Vec<&Spent> = costs.own.iter().filter(|spent| spent.day == last).collect();
    let unit = own.first()?.unit.clone();
    Some(Money(own.iter().map(|spent| spent.amount).sum(), unit))
}
