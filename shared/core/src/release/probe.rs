//! Probes the addresses that a release must answer on.

use jiff::Timestamp;

use crate::notify::redact::redact_line;
use crate::ports::Probes;
use crate::state::ProbeStreak;

/// Probes all addresses once and returns the streak with the result, or the streak unchanged if no probe is due.
pub async fn probe_if_due<C: Probes>(
    streak: &ProbeStreak,
    urls: &[String],
    expect: Option<&str>,
    now: Timestamp,
    cloud: &C,
) -> ProbeStreak {
    if !streak.is_due(now) {
        return streak.clone();
    }
    let mut problem = None;
    for url in urls {
        let answer = cloud.probe_url(url, expect).await;
        // The address may contain a password.
        let found = answer
            .problem
            .map(|problem| redact_line(&format!("{url}: {problem}")));
        problem = problem.or(found);
    }
    streak.with_result(problem, now)
}
