//! What of an incident is to be told now, by one channel. No clock, no I/O.
//!
//! The constants are Alertmanager's: `group_wait` 30 s is the notice queue's batch window, `group_interval` 5 min and
//! `repeat_interval` 4 h are here. Source: <https://prometheus.io/docs/alerting/latest/configuration/#route>

use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::incident::{Id, Incident, Told};
use lamplighter::notify::{ALARM, DOWN, RELEASE, Severity};
use lamplighter::ports::incidents::Desk;

use crate::gather::LINGERS;

/// Between two reminders of what lasts.
pub const REPEAT_INTERVAL: SignedDuration = SignedDuration::from_hours(4);
/// So many returns within an hour are flapping.
const FLAPS: usize = 3;
/// It flaps no more when nothing has changed for so long.
const CALM: SignedDuration = SignedDuration::from_mins(30);
/// A release keeps its service's other messages back no longer.
const RELEASES_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// A database that is down keeps the messages of its services back no longer.
const DOWN_WITHIN: SignedDuration = SignedDuration::from_hours(4);
/// What was over for so long is forgotten, whoever was not told of it.
const OWED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// What a message says of its incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The first of it.
    Begins,
    /// Something that does not last.
    News,
    /// More of it.
    Goes,
    /// Nothing new, and it lasts.
    Lasts,
    Over,
    /// It comes and goes; nothing more until it is calm.
    Flaps,
}

/// What is to be told of an incident by a channel.
#[must_use]
pub fn due(
    incident: &Incident,
    channel: &str,
    interval: SignedDuration,
    now: Timestamp,
) -> Option<Kind> {
    let (told, at) = match incident.told.get(channel) {
        Some(told @ Told { at: Some(at), .. }) => (told, *at),
        Some(_) => return Some(first(incident)),
        None => return (!passed_by(incident)).then(|| first(incident)),
    };
    let (is_over, waited) = (incident.over.is_some(), now.duration_since(at));
    let worse = incident.said > told.said && Some(incident.severity) > told.severity;
    if flaps(incident, now) && !worse {
        return (!told.flapping).then_some(Kind::Flaps);
    }
    if worse || has_news(incident, told) && waited >= interval {
        return Some(match (is_over && incident.lasted, ends_well(incident)) {
            (true, true) => Kind::Over,
            (false, _) if incident.lasted => Kind::Goes,
            (true, false) | (false, _) => Kind::News,
        });
    }
    let reminds = !is_over && incident.severity > Severity::Info && !incident.acknowledged;
    (reminds && waited >= REPEAT_INTERVAL).then_some(Kind::Lasts)
}

/// Something was said, or it is over and somebody waits to hear that.
fn has_news(incident: &Incident, told: &Told) -> bool {
    incident.said > told.said
        || incident.over.is_some() != told.over && incident.severity > Severity::Info
}

fn first(incident: &Incident) -> Kind {
    if incident.lasted && (incident.over.is_none() || ends_well(incident)) {
        Kind::Begins
    } else {
        Kind::News
    }
}

/// What was said last is no trouble: a release that ends by going back does not end well.
fn ends_well(incident: &Incident) -> bool {
    incident
        .lines
        .last()
        .is_none_or(|line| line.severity == Severity::Info)
}

/// It was over before anybody had to be told.
fn passed_by(incident: &Incident) -> bool {
    // A warning that lasts for nobody, within a release that was quick, is to be heard.
    let mut troubles = incident
        .lines
        .iter()
        .filter(|line| line.severity > Severity::Info)
        .peekable();
    let was_trouble =
        incident.lasted && troubles.peek().is_some() && troubles.all(|line| line.begins.is_some());
    incident.lines.is_empty() || was_trouble && incident.over.is_some() && ends_well(incident)
}

fn flaps(incident: &Incident, now: Timestamp) -> bool {
    let changed = incident.returns.last().copied().max(incident.over);
    incident.returns.len() >= FLAPS && changed.is_some_and(|at| now.duration_since(at) < CALM)
}

/// Why nothing is told of an incident for now: its target is silenced, or something else explains it.
#[must_use]
pub fn withheld(incident: &Incident, desk: &Desk, now: Timestamp) -> Option<String> {
    let silence = desk
        .silences
        .get(&incident.target)
        .and_then(|(_, until)| *until);
    if let Some(until) = silence.filter(|until| now < *until) {
        return Some(format!("silenced until {until}"));
    }
    incident.target.ecs_service()?;
    // Whoever was told of it is told its end.
    if incident.over.is_some() && was_told(incident) {
        return None;
    }
    let others = desk.incidents.values().filter(|other| other.over.is_none());
    others.into_iter().find_map(|other| {
        let down = other
            .lasting
            .get(DOWN)
            .filter(|_| other.severity == Severity::Critical);
        let is_down = down.is_some_and(|since| now.duration_since(*since) < DOWN_WITHIN);
        if is_down && other.app.is_some() && other.app == incident.app {
            return Some(format!("{} is down", other.name));
        }
        // An alarm that somebody made may be about just this release.
        let is_its_own = incident.cause == "health"
            && !incident.lasting.keys().any(|what| what.starts_with(ALARM));
        let began = other
            .lasting
            .get(RELEASE)
            .filter(|_| is_its_own && other.target == incident.target)?;
        (now.duration_since(*began) < RELEASES_WITHIN).then(|| "a release is rolled out".to_owned())
    })
}

fn was_told(incident: &Incident) -> bool {
    incident.told.values().any(|told| told.at.is_some())
}

fn was_news(incident: &Incident) -> bool {
    !incident.lasted || incident.severity == Severity::Info
}

/// Notes that people know of an incident what there is to know.
pub fn mark(
    incident: &mut Incident,
    channel: &str,
    kind: Kind,
    thread: Option<String>,
    now: Timestamp,
) {
    // Whoever hears of trouble that is over by now is told the end as well: an alert must not stay open.
    let is_told = was_news(incident) || !matches!(kind, Kind::Begins | Kind::Flaps);
    let told = incident.told.entry(channel.to_owned()).or_default();
    *told = Told {
        at: Some(now),
        said: incident.said,
        severity: Some(incident.severity),
        over: incident.over.is_some() && is_told,
        flapping: kind == Kind::Flaps,
        thread: thread.or(told.thread.take()),
    };
}

/// What was over long enough, and is owed to nobody.
#[must_use]
pub fn forgotten(desk: &Desk, now: Timestamp) -> Vec<Id> {
    let is_owed = |incident: &Incident| incident.told.values().any(|told| has_news(incident, told));
    let old = desk.incidents.iter().filter(|(_, incident)| {
        let over = |ago| {
            incident
                .over
                .is_some_and(|over| now.duration_since(over) >= ago)
        };
        over(OWED_WITHIN)
            || over(LINGERS)
                && (!is_owed(incident)
                    || withheld(incident, desk, now).is_some() && !was_told(incident))
    });
    old.map(|(id, _)| id.clone()).collect()
}
