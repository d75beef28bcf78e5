//! Advice for people, with the numbers of the service.

use lamplighter::model::TargetHealthCheck;

use crate::observed_service::{ObservedService, OutOfMemory};

/// Advises about a container that ran out of memory: `Raise the memory limit of web from 512 MiB (peak: 97 %).`
pub fn advise_about_memory(memory: &OutOfMemory) -> String {
    let peak = memory
        .peak
        .map_or(String::new(), |peak| format!(" (peak: {peak:.0} %)"));
    match memory.limit {
        Some(limit) => format!(
            "Raise the memory limit of {} from {limit} MiB{peak}, or fix the leak.",
            memory.container
        ),
        None => format!(
            "Give the container {} more memory{peak}, or fix the leak.",
            memory.container
        ),
    }
}

/// Advises about failing health checks: what the load balancer asks for, and how long a new task may take.
pub fn advise_about_health_checks(observed: &ObservedService) -> String {
    let requests: Vec<String> = observed
        .health_checks
        .iter()
        .map(describe_health_check)
        .collect();
    if requests.is_empty() {
        return String::new();
    }
    format!(
        "Check that a task passes the target group's check: {}. Its security group must let the load balancer in. New tasks have {} s (healthCheckGracePeriodSeconds); raise that if they start more slowly.",
        requests.join(", or "),
        observed.service.health_check_grace_period
    )
}

/// Describes what a health check expects: `/health answers 200 (every 30 s)`.
fn describe_health_check(check: &TargetHealthCheck) -> String {
    match (check.path.as_str(), check.matcher.as_str()) {
        ("", _) => format!("the port accepts a connection (every {} s)", check.interval),
        (path, "") => format!("{path} answers (every {} s)", check.interval),
        (path, matcher) => format!("{path} answers {matcher} (every {} s)", check.interval),
    }
}
