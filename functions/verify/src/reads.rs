//! The parts of AWS that `verify` reads.

use lamplighter::ports::{CodeDeployments, LoadBalancing, Metrics, Probes, Services};

/// The parts of AWS that `verify` reads.
pub trait Reads: Services + CodeDeployments + LoadBalancing + Metrics + Probes {}

impl<T: Services + CodeDeployments + LoadBalancing + Metrics + Probes> Reads for T {}
