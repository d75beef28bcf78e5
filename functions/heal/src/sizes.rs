//! More memory for a task that had too little, within the sizes that Fargate has.

use std::collections::BTreeMap;

use lamplighter::model::Sizes;
use lamplighter::model::TaskDefinition;

/// CPU units, and the least, the step and the most of MiB that go with them.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>
const FARGATE: [(u32, u32, u32, u32); 7] = [
    (256, 512, 512, 2_048),
    (512, 1_024, 1_024, 4_096),
    (1_024, 2_048, 1_024, 8_192),
    (2_048, 4_096, 1_024, 16_384),
    (4_096, 8_192, 1_024, 30_720),
    (8_192, 16_384, 4_096, 61_440),
    (16_384, 32_768, 8_192, 122_880),
];

/// What a task needs for one of its containers to have so many per cent more; `None` where nothing limits it, or there
/// is nothing larger.
#[must_use]
pub fn larger(definition: &TaskDefinition, container: &str, percent: u32) -> Option<Sizes> {
    let more = |mib: u32| (mib * (100 + percent)).div_ceil(100);
    let (cpu, task) = definition.task_size();
    let own = definition.hard_limit(container);
    let containers: BTreeMap<String, u32> = own
        .map(|mib| (container.to_owned(), more(mib)))
        .into_iter()
        .collect();
    let wanted = match (task, own) {
        (Some(task), Some(own)) => Some(task + more(own) - own),
        (Some(task), None) => Some(more(task)),
        (None, _) => None,
    };
    let Some(wanted) = wanted else {
        return (!containers.is_empty()).then(|| Sizes {
            containers,
            ..Sizes::default()
        });
    };
    if !definition.is_fargate() {
        return Some(Sizes {
            cpu: None,
            memory: Some(wanted),
            containers,
        });
    }
    let (size, memory) = on_fargate(cpu?, wanted)?;
    Some(Sizes {
        cpu: (Some(size) != cpu).then_some(size),
        memory: Some(memory),
        containers,
    })
}

/// The smallest task with at least so much CPU and memory.
fn on_fargate(cpu: u32, wanted: u32) -> Option<(u32, u32)> {
    FARGATE
        .iter()
        .filter(|(size, ..)| *size >= cpu)
        .find_map(|(size, least, step, most)| {
            let memory = (*least).max(wanted.div_ceil(*step) * step);
            // Of the smallest, the third size is twice the second.
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
        let larger = larger(&definition(&document), "web", 25).unwrap();
        assert_eq!((larger.to_string().as_str(), larger.cpu), (sizes, cpu));
    }

    #[test]
    fn on_ec2_any_size_will_do_and_the_largest_stays() {
        let container = json!({"containerDefinitions": [{"name": "web", "memory": 300}]});
        assert_eq!(
            larger(&definition(&container), "web", 25)
                .unwrap()
                .to_string(),
            "375 MiB for web"
        );
        let largest =
            json!({"cpu": "16384", "memory": "122880", "requiresCompatibilities": ["FARGATE"]});
        assert_eq!(larger(&definition(&largest), "web", 25), None);
        assert_eq!(larger(&definition(&json!({})), "web", 25), None);
    }
}
