//! Amazon CloudWatch: alarms, dashboards and metrics.

mod alarm_definition;
pub mod alarms;
pub mod dashboards;
pub mod loads;
pub mod measures;
mod metric_query;
pub mod traffic;
