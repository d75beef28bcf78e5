//! The kinds of resources, as Terraform and CloudFormation name them.

use lamplighter::model::Arn;

use crate::arguments::Kind;

/// The type of CloudFormation, those of Terraform, and an ARN of such a resource after its region and account.
const TYPES: [(&str, &[&str], &str); 18] = [
    (
        "AWS::ECS::Service",
        &["aws_ecs_service"],
        "ecs:service/cluster/name",
    ),
    (
        "AWS::ECS::TaskDefinition",
        &["aws_ecs_task_definition"],
        "ecs:task-definition/name:1",
    ),
    (
        "AWS::FSx::FileSystem",
        &[
            "aws_fsx_lustre_file_system",
            "aws_fsx_ontap_file_system",
            "aws_fsx_openzfs_file_system",
            "aws_fsx_windows_file_system",
        ],
        "fsx:file-system/name",
    ),
    (
        "AWS::ECS::Cluster",
        &["aws_ecs_cluster"],
        "ecs:cluster/name",
    ),
    (
        "AWS::RDS::DBInstance",
        &["aws_db_instance", "aws_rds_cluster_instance"],
        "rds:db:name",
    ),
    (
        "AWS::RDS::DBCluster",
        &["aws_rds_cluster"],
        "rds:cluster:name",
    ),
    (
        "AWS::DocDB::DBCluster",
        &["aws_docdb_cluster"],
        "rds:cluster:name",
    ),
    (
        "AWS::Neptune::DBCluster",
        &["aws_neptune_cluster"],
        "rds:cluster:name",
    ),
    (
        "AWS::ElastiCache::ReplicationGroup",
        &["aws_elasticache_replication_group"],
        "elasticache:replicationgroup:name",
    ),
    (
        "AWS::ElastiCache::ServerlessCache",
        &["aws_elasticache_serverless_cache"],
        "elasticache:serverlesscache:name",
    ),
    (
        "AWS::Logs::LogGroup",
        &["aws_cloudwatch_log_group"],
        "logs:log-group:name",
    ),
    ("AWS::S3::Bucket", &["aws_s3_bucket"], "s3:name"),
    (
        "AWS::EFS::FileSystem",
        &["aws_efs_file_system"],
        "elasticfilesystem:file-system/name",
    ),
    ("AWS::EC2::Volume", &["aws_ebs_volume"], "ec2:volume/name"),
    (
        "AWS::DynamoDB::Table",
        &["aws_dynamodb_table"],
        "dynamodb:table/name",
    ),
    (
        "AWS::MemoryDB::Cluster",
        &["aws_memorydb_cluster"],
        "memorydb:cluster/name",
    ),
    (
        "AWS::Redshift::Cluster",
        &["aws_redshift_cluster"],
        "redshift:cluster:name",
    ),
    (
        "AWS::DocDBElastic::Cluster",
        &["aws_docdbelastic_cluster"],
        "docdb-elastic:cluster/name",
    ),
];

/// Returns an ARN of a resource of a type; its name and account are made up. `None` for types that nobody tags for
/// Lamplighter on purpose.
pub fn find_arn(kind: &str) -> Option<Arn> {
    let mut types = TYPES.iter();
    let (_, _, arn) =
        types.find(|(type_, terraform, _)| *type_ == kind || terraform.contains(&kind))?;
    Some(build_arn(arn))
}

/// Returns an ARN of a resource of a kind; its name and account are made up.
pub fn arn_of_kind(kind: Kind) -> Arn {
    let arn = match kind {
        Kind::Service => "ecs:service/cluster/name",
        Kind::Database => "rds:db:name",
        Kind::Cache => "elasticache:replicationgroup:name",
        Kind::LogGroup => "logs:log-group:name",
    };
    build_arn(arn)
}

fn build_arn(short: &str) -> Arn {
    let (service, resource) = short.split_once(':').unwrap_or_default();
    Arn::new(format!(
        "arn:aws:{service}:eu-west-1:123456789012:{resource}"
    ))
}
