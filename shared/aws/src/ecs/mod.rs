//! Amazon ECS, one file per kind of resource, and the updates of services.

pub mod check_tasks;
pub mod deployment_configuration;
pub mod deployments;
pub mod instances;
pub mod pre_deployment_tasks;
mod service_conversion;
pub mod services;
pub mod task_definitions;
pub mod tasks;
pub mod traffic_shift;
pub mod updates;
