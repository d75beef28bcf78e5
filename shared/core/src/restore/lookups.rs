//! Commands that show what the reader has to choose before a restore.

use crate::model::Database;
use crate::restore::command::{CliCommand, Word};
use crate::restore::lost::LostDatabase;
use crate::restore::origin::{Origin, Place};
use crate::restore::step::RestoreStep;

/// Lists the choices before a restore: the network of another region or account, and what AWS doesn't show of the source.
pub fn list_choices(lost: &LostDatabase, origin: &Origin) -> Vec<RestoreStep> {
    let network = match origin.place() {
        Place::Here => None,
        Place::OtherRegion | Place::Vault => Some(choose_network(origin)),
    };
    let database = &lost.database;
    network
        .into_iter()
        .chain(choose_class(lost, origin))
        .chain(choose_cache_group(database, origin))
        .chain(choose_auth_token(database))
        .collect()
}

fn choose_network(origin: &Origin) -> RestoreStep {
    let subnets = CliCommand::new("rds", "describe-db-subnet-groups", origin)
        .option("query", "DBSubnetGroups[].[DBSubnetGroupName,VpcId]")
        .option("output", "table");
    let groups = CliCommand::new("ec2", "describe-security-groups", origin)
        .option("query", "SecurityGroups[].[GroupId,GroupName,VpcId]")
        .option("output", "table");
    RestoreStep::new(
        "Choose a subnet group and a security group of its VPC, and set SUBNET_GROUP=… and SECURITY_GROUP=… before you go on",
        vec![subnets, groups],
    )
}

/// Offers the classes of a cluster of which no instance is known.
fn choose_class(lost: &LostDatabase, origin: &Origin) -> Option<RestoreStep> {
    let database = &lost.database;
    let needs_class = database.is_cluster && !database.is_multi_az_cluster();
    if !needs_class || !lost.members.is_empty() {
        return None;
    }
    let classes = CliCommand::new("rds", "describe-orderable-db-instance-options", origin)
        .option("engine", &database.engine)
        .option("engine-version", &database.engine_version)
        .option("query", "OrderableDBInstanceOptions[].DBInstanceClass")
        .option("output", "text");
    Some(RestoreStep::new(
        "No instance of the cluster is known. Choose a class, and set CLASS=… before you go on",
        vec![classes],
    ))
}

/// A replication group doesn't say which security groups its nodes have.
fn choose_cache_group(database: &Database, origin: &Origin) -> Option<RestoreStep> {
    let is_group = database.arn.is_cache() && !database.nodes.is_empty();
    if !is_group || !database.settings.security_groups.is_empty() {
        return None;
    }
    let node = database.nodes.first()?;
    let groups = CliCommand::new("elasticache", "describe-cache-clusters", origin)
        .option("cache-cluster-id", node)
        .option("query", "CacheClusters[0].SecurityGroups[].SecurityGroupId")
        .option("output", "json");
    let others = CliCommand::new("ec2", "describe-security-groups", origin)
        .option("query", "SecurityGroups[].[GroupId,GroupName,VpcId]")
        .option("output", "table");
    Some(RestoreStep::new(
        "Find the security groups of its nodes, or choose some if they are gone, and set SECURITY_GROUPS=… to such a list before you go on: '[\"sg-1\"]'",
        vec![groups, others],
    ))
}

fn choose_auth_token(database: &Database) -> Option<RestoreStep> {
    database.settings.cache.has_auth_token.then(|| {
        RestoreStep::new(
            "Its clients send a token that AWS doesn't show. Set AUTH_TOKEN=… before you go on",
            Vec::new(),
        )
    })
}

/// Returns the command that waits for an instance, a cluster or a cache; `None` where the AWS CLI can't wait.
pub fn wait_for(database: &Database, name: &str, origin: &Origin) -> CliCommand {
    let is_serverless = database.arn.resource().starts_with("serverlesscache");
    if is_serverless {
        return CliCommand::new("elasticache", "describe-serverless-caches", origin)
            .option("serverless-cache-name", name)
            .option("query", "ServerlessCaches[0].Status");
    }
    if database.arn.is_cache() {
        return wait("elasticache", "replication-group-available", origin)
            .option("replication-group-id", name);
    }
    if database.is_cluster {
        return wait("rds", "db-cluster-available", origin).option("db-cluster-identifier", name);
    }
    wait_for_instance(name, origin)
}

pub fn wait_for_instance(name: &str, origin: &Origin) -> CliCommand {
    wait("rds", "db-instance-available", origin).option("db-instance-identifier", name)
}

fn wait(service: &str, waiter: &str, origin: &Origin) -> CliCommand {
    CliCommand::new(service, &format!("wait {waiter}"), origin)
}

/// Returns the command that shows where clients reach the restored database.
pub fn show_endpoint(database: &Database, name: &str, origin: &Origin) -> CliCommand {
    let resource = database.arn.resource();
    let (service, operation, option, query) = if resource.starts_with("serverlesscache") {
        (
            "elasticache",
            "describe-serverless-caches",
            "serverless-cache-name",
            "ServerlessCaches[0].Endpoint",
        )
    } else if database.arn.is_cache() {
        (
            "elasticache",
            "describe-replication-groups",
            "replication-group-id",
            "ReplicationGroups[0].[ConfigurationEndpoint,NodeGroups[0].PrimaryEndpoint]",
        )
    } else if database.is_cluster {
        (
            "rds",
            "describe-db-clusters",
            "db-cluster-identifier",
            "DBClusters[0].[Endpoint,ReaderEndpoint,Port]",
        )
    } else {
        (
            "rds",
            "describe-db-instances",
            "db-instance-identifier",
            "DBInstances[0].Endpoint",
        )
    };
    CliCommand::new(service, operation, origin)
        .option(option, name)
        .option("query", Word::from(query))
}
