//! Memory and CPU of a task and its containers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// CPU units and MiB of a task, and MiB of its containers, as far as they change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    pub cpu: Option<u32>,
    pub memory: Option<u32>,
    /// Container name → its hard limit.
    pub containers: BTreeMap<String, u32>,
}

impl std::fmt::Display for Sizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let task = self.memory.map(|mib| format!("{mib} MiB for the task"));
        let containers = self
            .containers
            .iter()
            .map(|(name, mib)| format!("{mib} MiB for {name}"));
        f.write_str(
            &task
                .into_iter()
                .chain(containers)
                .collect::<Vec<_>>()
                .join(", "),
        )
    }
}
