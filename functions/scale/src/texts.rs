//! Parts of messages.

use lamplighter::model::Arn;

/// Returns the AWS CLI command that sets the desired count of a service.
pub fn desired_count_command(service: &Arn, count: u32) -> String {
    let Some((cluster, name)) = service.ecs_cluster_and_name() else {
        return "aws ecs update-service".to_owned();
    };
    format!("aws ecs update-service --cluster {cluster} --service {name} --desired-count {count}")
}

/// Writes the first letter of a text as a capital.
pub fn capitalize_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_uppercase(), letters.as_str())
    })
}
