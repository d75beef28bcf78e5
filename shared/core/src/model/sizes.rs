//! Memory and CPU of a task and its containers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The new CPU units and MiB of a task, and MiB of its containers, as far as they change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSizes {
    pub cpu: Option<u32>,
    pub memory: Option<u32>,
    /// The hard memory limit in MiB, by container name.
    pub containers: BTreeMap<String, u32>,
}

impl std::fmt::Display for TaskSizes {
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
