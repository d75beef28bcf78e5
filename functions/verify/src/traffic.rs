//! The traffic of both revisions, minute by minute.

use jiff::{SignedDuration, Timestamp, Unit};
use lamplighter::AwsError;
use lamplighter::model::{ServiceRevision, Traffic};
use lamplighter::state::PendingVerdict;

use crate::reads::Reads;
use crate::sequential::{Comparison, ComparisonResult, Minute};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// The time before the traffic shift from which the old revision's error rates are learned.
const BASELINE: SignedDuration = SignedDuration::from_mins(10);
/// The maximum delay of load balancer metrics.
const METRIC_LAG: SignedDuration = SignedDuration::from_mins(1);
/// Requests sent to the test listener at each invocation while the new revision gets fewer than
/// [`LOW_TRAFFIC`] requests per minute.
const TEST_REQUESTS: u32 = 5;
const LOW_TRAFFIC: f64 = 30.0;

/// Compares both revisions per minute since the traffic shift began; `None` if they are not
/// comparable.
pub async fn compare_traffic<C: Reads>(
    verdict: &PendingVerdict,
    old: &ServiceRevision,
    new: &ServiceRevision,
    now: Timestamp,
    cloud: &C,
) -> Result<Option<Comparison>, AwsError> {
    let since = verdict.since.unwrap_or(now);
    let groups: Vec<String> = [old, new]
        .iter()
        .filter_map(|side| side.target_groups.first())
        .cloned()
        .collect();
    let [before, after] = groups.as_slice() else {
        return Ok(None);
    };
    let found = cloud.describe_target_groups(&groups).await?;
    let (Some(before), Some(after)) = (found.get(before), found.get(after)) else {
        return Ok(None);
    };
    if before == after || before.load_balancer_dimensions().next().is_none() {
        return Ok(None);
    }
    let groups = [before.clone(), after.clone()];
    let traffic = cloud
        .read_traffic(&groups, since - BASELINE, now - METRIC_LAG)
        .await?;
    let [before, after] = traffic.as_slice() else {
        return Ok(None);
    };
    Ok(Some(build_comparison(
        before,
        after,
        ceil_to_minute(since),
        ceil_to_minute(verdict.step_since),
    )))
}

/// Adds up all minutes: those before `since` to the baseline, those from `step` on to the current
/// step.
fn build_comparison(old: &Traffic, new: &Traffic, since: Timestamp, step: Timestamp) -> Comparison {
    let mut times: Vec<Timestamp> = old
        .requests
        .keys()
        .chain(new.requests.keys())
        .chain(new.errors.keys())
        .copied()
        .collect();
    times.sort_unstable();
    times.dedup();
    let mut comparison = Comparison::default();
    for at in times {
        if at < since {
            comparison.learn_baseline(minute_at(old, at));
        } else {
            comparison.add_minute(minute_at(old, at), minute_at(new, at), at >= step);
        }
    }
    comparison
}

fn minute_at(traffic: &Traffic, at: Timestamp) -> Minute {
    Minute {
        requests: traffic.requests.get(&at).copied().unwrap_or_default(),
        errors: traffic.errors.get(&at).copied().unwrap_or_default(),
        answers: traffic.answers.get(&at).copied().unwrap_or_default(),
        p90: traffic.p90.get(&at).copied(),
    }
}

/// Rounds a time up to the next full minute.
fn ceil_to_minute(at: Timestamp) -> Timestamp {
    at.round((Unit::Minute, 1)).map_or(at, |rounded| {
        if rounded < at {
            rounded + MINUTE
        } else {
            rounded
        }
    })
}

/// Sends requests to the test listener if the new revision has little traffic. The metrics of its
/// target group count the responses.
pub async fn send_test_requests<C: Reads>(
    comparison: Option<&Comparison>,
    urls: &[String],
    cloud: &C,
) {
    if !comparison.is_some_and(needs_more_traffic) {
        return;
    }
    for url in urls {
        for _ in 0..TEST_REQUESTS {
            cloud.probe_url(url, None).await;
        }
    }
}

fn needs_more_traffic(comparison: &Comparison) -> bool {
    match comparison.current_result() {
        ComparisonResult::Inconclusive { .. } => comparison.new_per_minute() < LOW_TRAFFIC,
        ComparisonResult::MoreErrors
        | ComparisonResult::Slower
        | ComparisonResult::Unresponsive
        | ComparisonResult::NoWorse => false,
    }
}
