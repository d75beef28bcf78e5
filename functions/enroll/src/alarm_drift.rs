//! Alarms that people or templates edited: what differs from the tags, and how to keep it.

use std::collections::{BTreeMap, BTreeSet};

use lamplighter::engine::TargetContext;
use lamplighter::model::{Alarm, AlarmKind, ExistingAlarm, Measure};
use lamplighter::notify::Message;
use lamplighter::policy::{ALARMS, bound_key, format_bound, join_continuations};

use crate::alarm_spec::{GIB, MARK, MIB};
use crate::alarm_words::{find_cause, format_value, is_in_milliseconds};
use crate::observed::{Observed, Subject};
use crate::policy::Policy;

/// Returns a message about each alarm of ours that is set back because its settings were edited. `wanted`: the alarms that
/// are put.
pub fn report_edits(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    wanted: &[Alarm],
) -> Vec<Message> {
    wanted
        .iter()
        .filter_map(|alarm| {
            let own = observed.find_alarm(&alarm.name).filter(|own| own.is_ours)?;
            report_edit(context, observed, &own.existing, alarm)
        })
        .collect()
}

/// An alarm follows the tags as long as its description does: that names every bound. So if the description is the wanted
/// one, or nobody's of ours, somebody else set what differs.
fn report_edit(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    existing: &ExistingAlarm,
    wanted: &Alarm,
) -> Option<Message> {
    let is_stale =
        existing.description.ends_with(MARK) && existing.description != wanted.description;
    let difference = describe_difference(existing, wanted)?;
    if is_stale {
        return None;
    }
    let kind = AlarmKind::of_alarm(&wanted.name);
    let message = Message::info(format!(
        "alarm {} was edited - set back to {}",
        kind.name(),
        format_value(kind, wanted.threshold, existing),
    ))
    .why(format!(
        "{difference} Lamplighter keeps its alarms as the tags say."
    ))
    .next(advise_to_keep(context, observed, existing, wanted))
    .caused_by(find_cause(kind));
    let threshold = existing.alarm.as_ref().map(|alarm| alarm.threshold);
    let key = format!("alarm-edited:{}:{threshold:?}", kind.name());
    Some(message.deduplicated_by(key))
}

/// Describes what differs in the settings, but not in the measured metrics: those change with the target.
fn describe_difference(existing: &ExistingAlarm, wanted: &Alarm) -> Option<String> {
    let Some(found) = &existing.alarm else {
        return Some(
            "Its actions were disabled, or it got a setting that Lamplighter never uses."
                .to_owned(),
        );
    };
    let kind = AlarmKind::of_alarm(&wanted.name);
    let limit = (found.threshold - wanted.threshold).abs() > f64::EPSILON;
    let limit = limit.then(|| {
        let [found, wanted] =
            [found, wanted].map(|alarm| format_value(kind, alarm.threshold, existing));
        if found == wanted {
            "limit slightly changed".to_owned()
        } else {
            format!("limit {found} instead of {wanted}")
        }
    });
    let differences = list_settings(found)
        .into_iter()
        .zip(list_settings(wanted))
        .filter(|(found, wanted)| found != wanted)
        .map(|((name, found), (_, wanted))| format!("{name} {found} instead of {wanted}"));
    let changes: Vec<String> = limit.into_iter().chain(differences).collect();
    (!changes.is_empty()).then(|| format!("It had: {}.", changes.join(", ")))
}

/// Lists the settings of an alarm besides its limit, by name.
fn list_settings(alarm: &Alarm) -> [(&'static str, String); 6] {
    [
        ("statistic", name_statistics(alarm)),
        ("least count of errors", least_count(alarm)),
        ("comparison", alarm.comparison.clone()),
        ("number of periods", alarm.minutes.to_string()),
        ("minutes of a period", alarm.period.to_string()),
        ("treatment of missing data", alarm.missing_data.clone()),
    ]
}

/// Returns the least count of errors that an alarm on a share needs; empty for others.
fn least_count(alarm: &Alarm) -> String {
    match &alarm.measure {
        Measure::Share(share) => share.least.to_string(),
        _ => String::new(),
    }
}

fn name_statistics(alarm: &Alarm) -> String {
    let metrics = alarm.measure.metrics().into_iter();
    let names: BTreeSet<&str> = metrics.map(|metric| metric.statistic.as_str()).collect();
    names.into_iter().collect::<Vec<_>>().join(" and ")
}

/// Says how the edited bound becomes the wanted one.
fn advise_to_keep(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    existing: &ExistingAlarm,
    wanted: &Alarm,
) -> String {
    let kind = AlarmKind::of_alarm(&wanted.name);
    let tags = &context.target.tags;
    let found = existing.alarm.as_ref();
    let pair = found.and_then(|found| find_pair(kind, found, wanted, &observed.subject));
    let scale = context.policy.scale.as_ref();
    let is_scaled = scale.is_some_and(|scale| scale.starts_from(kind));
    match (kind, pair, is_scaled) {
        (AlarmKind::RecoveryPoint, _, _) => {
            "To keep another limit, set rpo= in lamplighter:backup.".to_owned()
        }
        (AlarmKind::Requests, _, _) => {
            "To keep another limit, set rps= in lamplighter:scale.".to_owned()
        }
        (_, Some(pair), true) => format!("To keep this limit, set {pair} in lamplighter:scale."),
        (_, Some(pair), false) => format!(
            "To keep this limit, set the tag {ALARMS} = {}",
            replace_pair(tags, &pair)
        ),
        (_, None, true) => "No tag keeps this setting, because scaling starts from this alarm. Make an alarm of your own under \
                            another name."
            .to_owned(),
        (_, None, false) => format!(
            "No tag keeps this setting. Make an alarm of your own under another name, and switch this one off: {ALARMS} = {}",
            switch_off(tags, kind)
        ),
    }
}

/// Returns the pair of the tag that keeps what somebody changed: the limit, or the least count of errors.
fn find_pair(kind: AlarmKind, found: &Alarm, wanted: &Alarm, subject: &Subject) -> Option<String> {
    if (found.threshold - wanted.threshold).abs() > f64::EPSILON {
        return format_bound(kind, bound_of_threshold(kind, found, subject)?);
    }
    let least = least_count(found);
    (least != least_count(wanted)).then(|| format!("errors-count={least}"))
}

/// Returns the tag's value with one pair added or replaced.
fn replace_pair(tags: &BTreeMap<String, String>, pair: &str) -> String {
    let key = pair.split_inclusive('=').next().unwrap_or_default();
    let present = join_continuations(tags, ALARMS).unwrap_or_default();
    let mut pairs: Vec<&str> = present
        .split_whitespace()
        .filter(|other| !other.starts_with(key))
        .collect();
    pairs.push(pair);
    pairs.join(" ")
}

/// Returns the tag's value that also switches a kind off.
fn switch_off(tags: &BTreeMap<String, String>, kind: AlarmKind) -> String {
    let present = join_continuations(tags, ALARMS).unwrap_or_default();
    let (off, others): (Vec<&str>, Vec<&str>) = present
        .split_whitespace()
        .partition(|pair| pair.starts_with("off="));
    let off = match off.first() {
        Some(off) => format!("{off}+{}", kind.name()),
        None => format!("off={}", kind.name()),
    };
    others
        .into_iter()
        .chain([off.as_str()])
        .collect::<Vec<_>>()
        .join(" ")
}

/// Converts a threshold of CloudWatch into the unit of the tag's key.
fn bound_of_threshold(kind: AlarmKind, found: &Alarm, subject: &Subject) -> Option<f64> {
    match (kind, subject) {
        (AlarmKind::FreeStorage, Subject::Database(database)) => {
            let allocated = f64::from(database.allocated_gib?) * GIB;
            Some((found.threshold / allocated * 1_000.0).round() / 10.0)
        }
        (AlarmKind::FreeMemory, _) => Some((found.threshold / MIB).round()),
        (AlarmKind::ReplicaLag, _) if is_in_milliseconds(&found.measure) => {
            Some(found.threshold / 1_000.0)
        }
        (kind, _) => bound_key(kind).map(|_| found.threshold),
    }
}
