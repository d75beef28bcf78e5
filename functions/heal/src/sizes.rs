//! Computes a larger memory size for a task that ran out of memory, within the Fargate task sizes.

use std::collections::BTreeMap;

use lamplighter::model::{TaskDefinition, TaskSizes};

/// CPU units with their minimum memory, memory increment and maximum memory in MiB.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>
const FARGATE_SIZES: [(u32, u32, u32, u32); 7] = [
    (256, 512, 512, 2_048),
    (512, 1_024, 1_024, 4_096),
    (1_024, 2_048, 1_024, 8_192),
    (2_048, 4_096, 1_024, 16_384),
    (4_096, 8_192, 1_024, 30_720),
    (8_192, 16_384, 4_096, 61_440),
    (16_384, 32_768, 8_192, 122_880),
];

/// Returns the sizes that give one container `percent` per cent more memory. Returns `None` if no
/// memory limit applies, or if Fargate has no larger size.
#[must_use]
pub fn compute_larger_sizes(
    definition: &TaskDefinition,
    container: &str,
    percent: u32,
) -> Option<TaskSizes> {
    let (cpu, task) = definition.task_size();
    let own = definition.memory_hard_limit(container);
    let containers: BTreeMap<String, u32> = own
        .map(|mib| (container.to_owned(), increase(mib, percent)))
        .into_iter()
        .collect();
    let wanted = match (task, own) {
        // The task grows by as much as its container, so that the other containers keep theirs.
        (Some(task), Some(own)) => Some(task + increase(own, percent) - own),
        (Some(task), None) => Some(increase(task, percent)),
        (None, _) => None,
    };
    let Some(wanted) = wanted else {
        return (!containers.is_empty()).then(|| TaskSizes {
            containers,
            ..TaskSizes::default()
        });
    };
    if !definition.is_fargate() {
        return Some(TaskSizes {
            cpu: None,
            memory: Some(wanted),
            containers,
        });
    }
    let (size, memory) = fit_fargate_size(cpu?, wanted)?;
    Some(TaskSizes {
        cpu: (Some(size) != cpu).then_some(size),
        memory: Some(memory),
        containers,
    })
}

/// Returns a memory size increased by a percentage, rounded up to a MiB.
fn increase(mib: u32, percent: u32) -> u32 {
    (mib * (100 + percent)).div_ceil(100)
}

/// Returns CPU units and MiB of the smallest Fargate task with at least this CPU and memory.
fn fit_fargate_size(cpu: u32, wanted: u32) -> Option<(u32, u32)> {
    FARGATE_SIZES
        .iter()
        .filter(|(size, ..)| *size >= cpu)
        .find_map(|(size, least, step, most)| {
            let memory = (*least).max(wanted.div_ceil(*step) * step);
            // Fargate's smallest CPU size offers 512, 1,024 and 2,048 MiB, but not 1,536.
            let memory = if (*size, memory) == (256, 1_536) {
                2_048
            } else {
                memory
            };
            (memory <= *most).then_some((*size, memory))
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn definition(document: &Value) -> TaskDefinition {
        TaskDefinition {
            document: document.as_object().unwrap().clone(),
            tags: BTreeMap::new(),
        }
    }

    #[rstest]
    #[case::of_the_task(json!({"cpu": "256", "memory": "512"}), "1024 MiB for the task", None)]
    #[case::no_size_between(json!({"cpu": "256", "memory": "1024"}), "2048 MiB for the task", None)]
    #[case::needs_more_cpu(json!({"cpu": "256", "memory": "2048"}), "3072 MiB for the task", Some(512))]
    #[case::in_large_steps(json!({"cpu": "8192", "memory": "16384"}), "20480 MiB for the task", None)]
    #[case::of_a_container(
        json!({"cpu": "1024", "memory": "4096", "containerDefinitions": [{"name": "web", "memory": 1024}]}),
        "5120 MiB for the task, 1280 MiB for web",
        None
    )]
    fn a_task_on_fargate_gets_a_size_that_there_is(
        #[case] mut document: Value,
        #[case] sizes: &str,
        #[case] cpu: Option<u32>,
    ) {
        document["requiresCompatibilities"] = json!(["FARGATE"]);
        let larger = compute_larger_sizes(&definition(&document), "web", 25).unwrap();
        assert_eq!((larger.to_string().as_str(), larger.cpu), (sizes, cpu));
    }

    #[test]
    fn on_ec2_any_size_will_do_and_the_largest_stays() {
        let container = json!({"containerDefinitions": [{"name": "web", "memory": 300}]});
        assert_eq!(
            compute_larger_sizes(&definition(&container), "web", 25)
                .unwrap()
                .to_string(),
            "375 MiB for web"
        );
        let largest =
            json!({"cpu": "16384", "memory": "122880", "requiresCompatibilities": ["FARGATE"]});
        assert_eq!(compute_larger_sizes(&definition(&largest), "web", 25), None);
        assert_eq!(
            compute_larger_sizes(&definition(&json!({})), "web", 25),
            None
        );
    }
}
