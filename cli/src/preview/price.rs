//! The price of a task on Fargate.

use lamplighter::model::TaskDefinition;

/// USD for a vCPU and for a gigabyte in one hour, on Linux in us-east-1, by processor.
/// Source: <https://aws.amazon.com/fargate/pricing/>
const X86_64: (f64, f64) = (0.040_48, 0.004_445);
const ARM64: (f64, f64) = (0.032_38, 0.003_56);
/// Units of a vCPU in a task definition, and MiB of a gigabyte.
const UNITS: f64 = 1_024.0;

/// Returns the price of a task in one hour, in USD; `None` if it does not run on Fargate.
#[must_use]
pub fn price_per_hour(definition: &TaskDefinition) -> Option<f64> {
    let (cpu, memory) = definition.task_size();
    let (cpu, memory) = (f64::from(cpu?), f64::from(memory?));
    let platform = definition.document.get("runtimePlatform");
    let processor = platform.and_then(|platform| platform.get("cpuArchitecture")?.as_str());
    let (vcpu, gigabyte) = if processor == Some("ARM64") {
        ARM64
    } else {
        X86_64
    };
    // What may run elsewhere as well may do so.
    let places = definition.document.get("requiresCompatibilities");
    let is_only = places.and_then(|places| Some(places.as_array()?.len() == 1));
    (definition.is_fargate() && is_only == Some(true))
        .then_some((cpu * vcpu + memory * gigabyte) / UNITS)
}
