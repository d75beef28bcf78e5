//! The notification messages of `heal`.
//!
//! Titles lead with the running and desired number of tasks, then name the cause and the time since
//! when: `1/3 tasks running since 02:48 UTC - crash loop (exit 1), tasks restarted`.

mod advice;
mod escalations;
mod remedies;
mod resolutions;
mod runs;
mod symptom;
mod terms;

pub use escalations::{
    dependency_message, escalation_message, missing_tasks_message, notify_only_message,
    outage_message, still_parked_message,
};
pub use remedies::{
    Remedy, memory_increase_message, on_demand_message, out_of_memory_message, park_message,
    rollback_message, spot_retry_message, step_message,
};
pub use resolutions::{no_longer_managed_message, recovery_message, unpark_message};
pub use runs::{failed_run_message, run_succeeded_message, runs_ignored_message};
pub use symptom::{describe_cause, describe_symptom};
pub use terms::describe_running_tasks;
