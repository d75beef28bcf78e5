//! The parts of AWS that `enroll` reads.

use lamplighter::ports::{
    Alarms, Caches, ChangeHistory, Dashboards, Databases, LoadBalancing, Metrics, Scaling,
    Services, TagKeys, TaggedResources, Topics,
};

/// The parts of AWS that `enroll` reads.
pub trait Reads:
    TaggedResources
    + TagKeys
    + Services
    + LoadBalancing
    + Scaling
    + Alarms
    + Metrics
    + ChangeHistory
    + Dashboards
    + Topics
    + Databases
    + Caches
{
}

impl<
    T: TaggedResources
        + TagKeys
        + Services
        + LoadBalancing
        + Scaling
        + Alarms
        + Metrics
        + ChangeHistory
        + Dashboards
        + Topics
        + Databases
        + Caches,
> Reads for T
{
}
