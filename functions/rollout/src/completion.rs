//! The checks of a completed release: its addresses first, then its alarms.

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{AlarmKind, AlarmState, Arn, ExistingAlarm, alarm_prefix};
use lamplighter::policy::OnInconclusive;
use lamplighter::release::probe::probe_if_due;
use lamplighter::state::ActiveRollout;

use crate::observed::Observed;
use crate::policy::Policy;
use crate::reads::Reads;
use crate::stage::{RolloutStage, blames_release};

/// Probes the addresses of a completed release and reads its alarms. Changes the stage if either
/// rejects the release.
pub async fn check_completed<C: Reads>(
    observed: &mut Observed,
    context: TargetContext<'_, Policy>,
    active: &ActiveRollout,
    now: Timestamp,
    cloud: &C,
) -> Result<(), AwsError> {
    let policy = context.policy;
    if !policy.verify.is_empty() {
        let expect = policy.expect.as_deref();
        let streak = probe_if_due(&active.probe_streak, &policy.verify, expect, now, cloud).await;
        let is_rejected = streak.is_unhealthy()
            || streak.is_inconclusive() && policy.unclear == OnInconclusive::Rollback;
        if is_rejected {
            observed.stage = RolloutStage::ProbesFailed;
        }
        observed.probe_streak = Some(streak);
    }
    if observed.stage == RolloutStage::Live && policy.bake > 0 {
        observed.alarms = find_firing_alarms(&context.target.arn, cloud).await?;
        read_named_alarms(observed, &policy.alarms, cloud).await?;
        let is_rejected = observed
            .alarms
            .iter()
            .any(|alarm| blames_release(alarm, active));
        if is_rejected {
            observed.stage = RolloutStage::AlarmFiring;
        }
    }
    Ok(())
}

/// Returns the service's firing alarms that a release can cause.
async fn find_firing_alarms<C: Reads>(
    service: &Arn,
    cloud: &C,
) -> Result<Vec<ExistingAlarm>, AwsError> {
    let Some(prefix) = alarm_prefix(service) else {
        return Ok(Vec::new());
    };
    let mut firing = cloud.describe_alarms(&prefix, true).await?;
    firing.retain(|alarm| AlarmKind::of_alarm(&alarm.name).blames_release());
    Ok(firing)
}

/// Adds the firing ones of the alarms that the tag names, and notes those that do not exist.
async fn read_named_alarms<C: Reads>(
    observed: &mut Observed,
    names: &[String],
    cloud: &C,
) -> Result<(), AwsError> {
    if names.is_empty() {
        return Ok(());
    }
    let found = cloud.find_alarms(names).await?;
    let is_missing = |name: &&String| !found.iter().any(|alarm| alarm.name == **name);
    observed.missing_alarms = names.iter().filter(is_missing).cloned().collect();
    let firing = found
        .into_iter()
        .filter(|alarm| alarm.state == AlarmState::Alarm);
    observed.alarms.extend(firing);
    Ok(())
}
