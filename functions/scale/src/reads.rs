//! The parts of AWS that `scale` reads.

use lamplighter::ports::{Alarms, LoadBalancing, Metrics, Scaling, Services, TaggedResources};

/// The parts of AWS that `scale` reads.
pub trait Reads: TaggedResources + Services + LoadBalancing + Metrics + Scaling + Alarms {}

impl<T: TaggedResources + Services + LoadBalancing + Metrics + Scaling + Alarms> Reads for T {}
