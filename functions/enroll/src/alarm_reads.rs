//! Reads what messages about alarms say.

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{CloudTrailEvent, ExistingAlarm, Measure};

use crate::alarm_details::AlarmDetails;
use crate::alarm_incidents::{TIMELINE, needs_calls, needs_values};
use crate::observed::{OwnAlarm, Subject};
use crate::policy::Policy;
use crate::reads::Reads;

/// The time that messages about an alarm look back.
const VALUES_WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// Reads what messages about the alarms of a target say, if any is due.
pub async fn read_details<C: Reads>(
    context: TargetContext<'_, Policy>,
    alarms: &[OwnAlarm],
    subject: &Subject,
    now: Timestamp,
    cloud: &C,
) -> Result<Vec<AlarmDetails>, AwsError> {
    let mut found = Vec::new();
    for own in alarms.iter().filter(|own| own.is_ours) {
        let alarm = &own.existing;
        if !needs_values(context, subject, alarm) {
            continue;
        }
        let mut details = AlarmDetails {
            name: alarm.name.clone(),
            ..AlarmDetails::default()
        };
        read_values(&mut details, alarm, now, cloud).await?;
        if needs_calls(context.state, alarm, now)
            && let Some(since) = alarm.state_since
        {
            details.calls = read_calls(context, since, cloud).await;
        }
        found.push(details);
    }
    Ok(found)
}

/// Reads the last minutes of what an alarm measures, unless its periods are longer. Of a share, the counts are read.
async fn read_values<C: Reads>(
    details: &mut AlarmDetails,
    alarm: &ExistingAlarm,
    now: Timestamp,
    cloud: &C,
) -> Result<(), AwsError> {
    let from = now - VALUES_WINDOW;
    let Some(settings) = alarm.alarm.as_ref() else {
        return Ok(());
    };
    if let Measure::Share(share) = &settings.measure {
        let part = Measure::Sum(share.part.clone());
        let others = Measure::Sum(share.others.clone());
        details.part = cloud.read_measure(&part, from, now).await?;
        details.others = cloud.read_measure(&others, from, now).await?;
        details.values = details.share_by_minute(share);
    } else if settings.period == 1 {
        details.values = cloud.read_measure(&settings.measure, from, now).await?;
    }
    Ok(())
}

/// Reads the calls of others that changed a target in the half hour before an alarm, oldest first. A failed look-up counts
/// as none: the alarm itself was reported.
async fn read_calls<C: Reads>(
    context: TargetContext<'_, Policy>,
    alarm_since: Timestamp,
    cloud: &C,
) -> Vec<CloudTrailEvent> {
    let arn = &context.target.arn;
    let source = match arn.service() {
        "ecs" => "ecs.amazonaws.com",
        "elasticache" => "elasticache.amazonaws.com",
        _ => "rds.amazonaws.com",
    };
    let full_name = arn.display_name();
    let names: Vec<&str> = full_name.split('/').collect();
    let mut calls = cloud
        .calls_about(source, &names, alarm_since - TIMELINE)
        .await
        .unwrap_or_default();
    // What the functions of the stack did is in the timeline.
    let own_prefix = format!("{}-", context.policy.stack);
    calls.retain(|call| call.at <= alarm_since && !call.by.starts_with(&own_prefix));
    calls.sort_by_key(|call| call.at);
    calls
}
