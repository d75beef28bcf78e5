//! Parts that the operations of a release share: rollback targets, probes, evidence, dependencies.

pub mod dependencies;
pub mod evidence;
pub mod probe;
pub mod rollback;
