//! Links to the AWS console.

use crate::model::Arn;

/// Returns the host name of the AWS console for a partition and region.
#[must_use]
pub fn console_host(partition: &str, region: &str) -> String {
    match partition {
        "aws-us-gov" => "console.amazonaws-us-gov.com".to_owned(),
        "aws-cn" => "console.amazonaws.cn".to_owned(),
        _ => format!("{region}.console.aws.amazon.com"),
    }
}

/// Returns the URL of a target's page in the AWS console, in its partition and region.
#[must_use]
pub fn console_link(target: &Arn) -> String {
    let region = target.region();
    let console = console_host(target.partition(), region);
    if let Some((cluster, service)) = target.ecs_cluster_and_name() {
        return format!(
            "https://{console}/ecs/v2/clusters/{cluster}/services/{service}/health?region={region}"
        );
    }
    if let Some((cluster, id)) = target.container_instance() {
        let of_cluster =
            format!("ecs/v2/clusters/{cluster}/infrastructure/container-instances/{id}");
        return format!("https://{console}/{of_cluster}?region={region}");
    }
    let (kind, name) = target
        .resource()
        .split_once(':')
        .unwrap_or(("", target.resource()));
    let page = match (target.service(), kind) {
        ("rds", "db" | "cluster") => {
            format!(
                "rds/home?region={region}#database:id={name};is-cluster={}",
                kind == "cluster"
            )
        }
        ("rds", "snapshot" | "cluster-snapshot") => {
            format!("rds/home?region={region}#snapshots-list:")
        }
        ("rds" | "elasticache", _) => format!("{}/home?region={region}", target.service()),
        // The console escapes a slash in its own way, and that is escaped again.
        ("logs", "log-group") => {
            let name = name.trim_end_matches(":*").replace('/', "$252F");
            format!("cloudwatch/home?region={region}#logsV2:log-groups/log-group/{name}")
        }
        _ => format!("console/home?region={region}"),
    };
    format!("https://{console}/{page}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "aws:ecs:eu-west-1",
        "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/shop/services/web/health?region=eu-west-1"
    )]
    #[case(
        "aws-us-gov:ecs:us-gov-west-1",
        "https://console.amazonaws-us-gov.com/ecs/v2/clusters/shop/services/web/health?region=us-gov-west-1"
    )]
    #[case(
        "aws-cn:ecs:cn-north-1",
        "https://console.amazonaws.cn/ecs/v2/clusters/shop/services/web/health?region=cn-north-1"
    )]
    fn the_link_leads_to_the_console_of_the_partition(#[case] place: &str, #[case] link: &str) {
        assert_eq!(
            console_link(&Arn::new(format!(
                "arn:{place}:123456789012:service/shop/web"
            ))),
            link
        );
    }

    #[rstest]
    #[case(
        "rds",
        "db:orders",
        "rds/home?region=eu-west-1#database:id=orders;is-cluster=false"
    )]
    #[case(
        "rds",
        "cluster:orders",
        "rds/home?region=eu-west-1#database:id=orders;is-cluster=true"
    )]
    #[case(
        "rds",
        "snapshot:lamplighter-orders",
        "rds/home?region=eu-west-1#snapshots-list:"
    )]
    #[case("rds", "db-proxy:prx-1", "rds/home?region=eu-west-1")]
    #[case(
        "elasticache",
        "replicationgroup:sessions",
        "elasticache/home?region=eu-west-1"
    )]
    #[case(
        "logs",
        "log-group:/ecs/web:*",
        "cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$252Fecs$252Fweb"
    )]
    #[case(
        "ecs",
        "container-instance/shop/0a1b",
        "ecs/v2/clusters/shop/infrastructure/container-instances/0a1b?region=eu-west-1"
    )]
    #[case("sns", "topic", "console/home?region=eu-west-1")]
    fn the_link_leads_to_the_page_of_the_target(
        #[case] service: &str,
        #[case] resource: &str,
        #[case] page: &str,
    ) {
        let arn = Arn::new(format!(
            "arn:aws:{service}:eu-west-1:123456789012:{resource}"
        ));
        assert_eq!(
            console_link(&arn),
            format!("https://eu-west-1.console.aws.amazon.com/{page}")
        );
    }
}
