//! All mistakes in the tags of a resource, found by the parsers that the operations use.

use super::{
    AlarmPolicy, BackupPolicy, DeployPolicy, HealPolicy, LogsPolicy, ScalePolicy, StackDefaults,
    TagError, Tags, find_unknown_tags, parse_freezes, parse_managed, parse_scaling_schedule,
    parse_silence,
};
use crate::model::Arn;

/// Returns every invalid tag of a service, database, cache or log group: each disables what it configures.
#[must_use]
pub fn check_tags(target: &Arn, tags: &Tags, defaults: &StackDefaults) -> Vec<TagError> {
    let general = [parse_managed(tags).map(drop), parse_silence(tags).map(drop)];
    let of_kind = if target.ecs_cluster_and_name().is_some() {
        vec![
            DeployPolicy::from_tags(tags).map(drop),
            parse_freezes(tags).map(drop),
            check_scaling(tags, defaults),
            AlarmPolicy::from_tags(tags, defaults).map(drop),
            HealPolicy::from_tags(tags).map(drop),
        ]
    } else if target.is_cache() || target.database_kind().is_some() {
        vec![
            BackupPolicy::from_tags(tags, defaults).map(drop),
            AlarmPolicy::from_tags(tags, defaults).map(drop),
        ]
    } else if target.log_group_name().is_some() {
        vec![LogsPolicy::from_tags(tags).map(drop)]
    } else {
        Vec::new()
    };
    general
        .into_iter()
        .chain(of_kind)
        .filter_map(Result::err)
        .chain(find_unknown_tags(tags))
        .collect()
}

/// Parses the scale tag and the schedule, which refers to it.
fn check_scaling(tags: &Tags, defaults: &StackDefaults) -> Result<(), TagError> {
    ScalePolicy::from_tags(tags, defaults)?;
    parse_scaling_schedule(tags).map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;

    const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/shop/web";
    const DATABASE: &str = "arn:aws:rds:eu-west-1:123456789012:db:orders";
    const CACHE: &str = "arn:aws:elasticache:eu-west-1:123456789012:replicationgroup:sessions";
    const LOG_GROUP: &str = "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/web";

    #[rstest]
    #[case::nothing(SERVICE, &[], &[])]
    #[case::valid(SERVICE, &[("managed", "true"), ("deploy", "tag=RC_x.x.x"), ("scale", "min=2 max=4")], &[])]
    #[case::managed(SERVICE, &[("managed", "yes")], &["managed"])]
    #[case::deploy_and_freeze(SERVICE, &[("deploy", "tagg=RC_x.x.x"), ("freeze", "someday")], &["deploy", "freeze"])]
    #[case::scale(SERVICE, &[("scale", "max=0")], &["scale"])]
    #[case::schedule_alone(SERVICE, &[("schedule", "mon-fri 08:00-20:00 min=2")], &["schedule"])]
    #[case::heal(SERVICE, &[("heal", "maybe")], &["heal"])]
    #[case::alarms(SERVICE, &[("alarms", "erors=2")], &["alarms"])]
    #[case::alarms_of_a_database(DATABASE, &[("alarms", "off=everything")], &["alarms"])]
    #[case::silence(SERVICE, &[("silence", "until=tomorrow")], &["silence"])]
    #[case::misspelt(SERVICE, &[("deplay", "tag=RC_x.x.x")], &["deplay"])]
    #[case::database(DATABASE, &[("backup", "keep=seven")], &["backup"])]
    #[case::cache(CACHE, &[("backup", "keep=seven")], &["backup"])]
    #[case::log_group(LOG_GROUP, &[("logs", "keep=seven")], &["logs"])]
    // A tag on another kind of resource has no effect, and is a finding.
    #[case::tag_of_another_kind(DATABASE, &[("deploy", "tagg=RC_x.x.x")], &[])]
    fn each_invalid_tag_is_named(
        #[case] target: &str,
        #[case] tags: &[(&str, &str)],
        #[case] expected: &[&str],
    ) {
        let tags: BTreeMap<String, String> = tags
            .iter()
            .map(|(key, value)| (format!("lamplighter:{key}"), (*value).to_owned()))
            .collect();
        let mistakes = check_tags(&Arn::new(target), &tags, &StackDefaults::default());
        let found: Vec<&str> = mistakes
            .iter()
            .map(|mistake| mistake.tag.trim_start_matches("lamplighter:"))
            .collect();
        assert_eq!(found, expected);
    }
}
