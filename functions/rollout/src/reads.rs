//! The parts of AWS that `rollout` reads.

use lamplighter::ports::{
    Alarms, Caches, CodeDeployments, Databases, Images, Logs, Probes, Services, TaggedResources,
    Tasks,
};

/// The parts of AWS that `rollout` reads.
pub trait Reads:
    Caches
    + TaggedResources
    + Services
    + CodeDeployments
    + Images
    + Tasks
    + Alarms
    + Databases
    + Caches
    + Logs
    + Probes
{
}

impl<
    T: Caches
        + TaggedResources
        + Services
        + CodeDeployments
        + Images
        + Tasks
        + Alarms
        + Databases
        + Logs
        + Probes,
> Reads for T
{
}
