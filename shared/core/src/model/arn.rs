use std::fmt;

use serde::{Deserialize, Serialize};

use super::database_kind::DatabaseKind;

/// An Amazon Resource Name. A missing part reads as an empty string.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Arn(String);

impl Arn {
    pub fn new(arn: impl Into<String>) -> Self {
        Self(arn.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn partition(&self) -> &str {
        self.part_at(1)
    }

    /// Returns the end of the host names of AWS in this partition.
    ///
    /// Source: <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
    #[must_use]
    pub fn dns_suffix(&self) -> &'static str {
        match self.partition() {
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            "aws-iso" => "c2s.ic.gov",
            "aws-iso-b" => "sc2s.sgov.gov",
            _ => "amazonaws.com",
        }
    }

    /// Returns the service part: `ecs`, `rds`, …
    #[must_use]
    pub fn service(&self) -> &str {
        self.part_at(2)
    }

    #[must_use]
    pub fn region(&self) -> &str {
        self.part_at(3)
    }

    #[must_use]
    pub fn account_id(&self) -> &str {
        self.part_at(4)
    }

    /// Returns everything after the account: `service/shop/web`.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.0.splitn(6, ':').nth(5).unwrap_or_default()
    }

    /// Returns the cluster and the name of an ECS service; `None` for any other resource.
    ///
    /// ARNs created before 2018 have no cluster. ECS looks those services up in `default`.
    #[must_use]
    pub fn ecs_cluster_and_name(&self) -> Option<(&str, &str)> {
        if self.service() != "ecs" {
            return None;
        }
        let path = self.resource().strip_prefix("service/")?;
        Some(path.split_once('/').unwrap_or(("default", path)))
    }

    /// Returns the ARN of an ECS service in the same partition, region and account.
    #[must_use]
    pub fn sibling_service(&self, cluster: &str, name: &str) -> Self {
        let partition = if self.partition().is_empty() {
            "aws"
        } else {
            self.partition()
        };
        Self(format!(
            "arn:{partition}:ecs:{}:{}:service/{cluster}/{name}",
            self.region(),
            self.account_id()
        ))
    }

    /// Returns the cluster and the identifier of a container instance; `None` for any other
    /// resource.
    #[must_use]
    pub fn container_instance(&self) -> Option<(&str, &str)> {
        let path = self
            .resource()
            .strip_prefix("container-instance/")
            .filter(|_| self.service() == "ecs")?;
        Some(path.split_once('/').unwrap_or(("default", path)))
    }

    /// Returns the kind of database; `None` for any other resource. RDS, Aurora and DocumentDB use
    /// the same ARN format.
    #[must_use]
    pub fn database_kind(&self) -> Option<DatabaseKind> {
        match (self.service(), self.resource().split_once(':')?.0) {
            ("rds", "db") => Some(DatabaseKind::Instance),
            ("rds", "cluster") => Some(DatabaseKind::Cluster),
            ("elasticache", "replicationgroup") => Some(DatabaseKind::ReplicationGroup),
            ("elasticache", "serverlesscache") => Some(DatabaseKind::ServerlessCache),
            _ => None,
        }
    }

    /// Reports whether this is the ARN of a database cluster.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        self.database_kind() == Some(DatabaseKind::Cluster)
    }

    /// Reports whether this is the ARN of a replication group or a serverless cache.
    #[must_use]
    pub fn is_cache(&self) -> bool {
        match self.database_kind() {
            Some(DatabaseKind::ReplicationGroup | DatabaseKind::ServerlessCache) => true,
            Some(DatabaseKind::Instance | DatabaseKind::Cluster) | None => false,
        }
    }

    /// Returns the name of a log group; `None` for any other resource.
    #[must_use]
    pub fn log_group_name(&self) -> Option<&str> {
        let name = self
            .resource()
            .strip_prefix("log-group:")
            .filter(|_| self.service() == "logs")?;
        Some(name.strip_suffix(":*").unwrap_or(name))
    }

    /// Returns the name used in messages.
    ///
    /// Examples: `shop/web` for a service, `/ecs/shop/web` for a log group and the last part of the
    /// resource for anything else.
    #[must_use]
    pub fn display_name(&self) -> String {
        match (self.ecs_cluster_and_name(), self.log_group_name()) {
            (Some((cluster, name)), _) => format!("{cluster}/{name}"),
            (None, Some(name)) => name.to_owned(),
            (None, None) => self
                .resource()
                .rsplit([':', '/'])
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// Returns the domain of the partition's service endpoints.
    #[must_use]
    pub fn endpoint_domain(&self) -> &'static str {
        match self.partition() {
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            "aws-iso" => "c2s.ic.gov",
            "aws-iso-b" => "sc2s.sgov.gov",
            _ => "amazonaws.com",
        }
    }

    fn part_at(&self, n: usize) -> &str {
        self.0.split(':').nth(n).unwrap_or_default()
    }
}

/// Returns the partition of a region: `aws-cn` for `cn-north-1`.
/// Source: <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
#[must_use]
pub fn find_partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else if region.starts_with("eusc-") {
        "aws-eusc"
    } else {
        "aws"
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("arn:aws:ecs:eu-west-1:123456789012:service/shop/web", "shop/web")]
    #[case("arn:aws-cn:ecs:cn-north-1:123456789012:service/web", "default/web")]
    #[case("arn:aws:rds:eu-west-1:123456789012:db:orders", "orders")]
    #[case(
        "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/shop/web",
        "/ecs/shop/web"
    )]
    #[case("arn:aws:logs:eu-west-1:123456789012:log-group:web:*", "web")]
    fn displays_the_name_of_the_resource(#[case] arn: &str, #[case] name: &str) {
        assert_eq!(Arn::new(arn).display_name(), name);
    }
}
