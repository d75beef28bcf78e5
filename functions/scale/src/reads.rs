//! The parts of AWS that `scale` reads.

use lamplighter::ports::{
    Alarms, LoadBalancing, Metrics, Queues, Scaling, Services, TaggedResources,
};

/// The parts of AWS that `scale` reads.
pub trait Reads:
    TaggedResources + Services + LoadBalancing + Metrics + Queues + Scaling + Alarms
{
}

impl<T: TaggedResources + Services + LoadBalancing + Metrics + Queues + Scaling + Alarms> Reads
    for T
{
}
