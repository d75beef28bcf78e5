//! The parts of AWS that `heal` reads.

use lamplighter::ports::{
    Alarms, Caches, ChangeHistory, Databases, Images, Instances, LoadBalancing, Logs, Metrics,
    Services, TaggedResources, Tasks,
};

/// The parts of AWS that `heal` reads.
pub trait Reads:
    Caches
    + TaggedResources
    + Services
    + Images
    + Tasks
    + Instances
    + LoadBalancing
    + Metrics
    + Alarms
    + Databases
    + Logs
    + ChangeHistory
{
}

impl<
    T: Caches
        + TaggedResources
        + Services
        + Images
        + Tasks
        + Instances
        + LoadBalancing
        + Metrics
        + Alarms
        + Databases
        + Logs
        + ChangeHistory,
> Reads for T
{
}
