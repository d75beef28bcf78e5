//! The parts of AWS that `rollout` reads.

use lamplighter::ports::{
    Alarms, Caches, CodeDeployments, Databases, Images, LoadBalancing, Logs, Probes, Services,
    TaggedResources, Tasks,
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
    + LoadBalancing
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
        + LoadBalancing
        + Logs
        + Probes,
> Reads for T
{
}
