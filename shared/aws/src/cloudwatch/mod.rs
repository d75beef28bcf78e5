//! Amazon CloudWatch: alarms, dashboards and metrics.

mod alarm_definition;
pub mod alarms;
pub mod dashboards;
pub mod loads;
mod metric_query;
pub mod traffic;
