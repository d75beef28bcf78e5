//! Parts that the operations of a release share: rollback targets, probes, evidence, stop reasons, dependencies.

pub mod approval;
pub mod dependencies;
pub mod events;
pub mod evidence;
pub mod pre_deployment;
#[cfg(test)]
mod pre_deployment_tests;
pub mod probe;
pub mod rollback;
mod stop_advice;
mod stop_cause;
#[cfg(test)]
mod stop_reason_tests;
pub mod stop_reasons;
pub mod stopped_task;
