//! Something to operate: clusters, services, repositories and images in the local stack.

use serde_json::{Value, json};

use crate::testkit::stack::{ACCOUNT, REGION, Stack};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// A service to be made: what a team would write into its own template.
#[derive(Debug, Clone)]
pub struct NewService<'a> {
    pub cluster: &'a str,
    pub name: &'a str,
    pub image: &'a str,
    /// `X86_64` or `ARM64`.
    pub architecture: &'a str,
    pub tags: &'a [(&'a str, &'a str)],
}

/// The ARN of a service.
#[must_use]
pub fn service_arn(cluster: &str, name: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:service/{cluster}/{name}")
}

/// The full name of a repository's image.
#[must_use]
pub fn image(repository: &str, tag: &str) -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{repository}:{tag}")
}

/// Makes a repository.
///
/// # Panics
/// Where the stack refuses.
pub fn create_repository(stack: &Stack, name: &str) {
    done(stack.call("ecr", "CreateRepository", json!({"repositoryName": name})));
}

/// Makes a service with one container called `web`, beside a sidecar that must never change.
///
/// # Panics
/// Where the stack refuses.
pub fn create_service(stack: &Stack, service: &NewService<'_>) -> String {
    let _ = stack.call(
        "ecs",
        "CreateCluster",
        json!({"clusterName": service.cluster}),
    );
    let family = format!("{}-{}", service.cluster, service.name);
    let registered = stack.call(
        "ecs",
        "RegisterTaskDefinition",
        json!({
            "family": family,
            "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "runtimePlatform": {"cpuArchitecture": service.architecture, "operatingSystemFamily": "LINUX"},
            "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/{family}"),
            "containerDefinitions": [
                {"name": "web", "image": service.image, "essential": true,
                 "optionThatNoSdkKnowsYet": {"kept": 2.50},
                 "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": format!("/{family}"),
                     "awslogs-region": REGION, "awslogs-stream-prefix": "ecs"}},
                 "environment": [{"name": "DATABASE_PASSWORD", "value": "hunter2-in-plain-text"}],
                 "secrets": [{"name": "TOKEN", "valueFrom": format!("{}:token::", secret_arn(&family))}]},
                {"name": "log_router", "image": "public.ecr.aws/aws-observability/aws-for-fluent-bit:3", "essential": false}
            ],
            "tags": [{"key": "team", "value": service.cluster}],
        }),
    );
    let definition = done(registered)["taskDefinition"]["taskDefinitionArn"].clone();
    done(stack.call(
        "ecs",
        "CreateService",
        json!({
            "cluster": service.cluster, "serviceName": service.name, "taskDefinition": definition,
            "desiredCount": 3, "launchType": "FARGATE",
            "deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 200},
        }),
    ));
    let arn = service_arn(service.cluster, service.name);
    tag_service(stack, &arn, service.tags);
    arn
}

/// Makes the repository `shop/web` and a service of that name with these tags, whose image is RC_1.0.0 of it. Returns its ARN.
///
/// # Panics
/// Where the stack refuses.
pub fn create_web(stack: &Stack, tags: &[(&str, &str)]) -> String {
    create_repository(stack, "shop/web");
    let image = image("shop/web", "RC_1.0.0");
    let web = NewService {
        cluster: "shop",
        name: "web",
        image: &image,
        architecture: "ARM64",
        tags,
    };
    create_service(stack, &web)
}

/// The secret that the tasks of a family read.
#[must_use]
pub fn secret_arn(family: &str) -> String {
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{family}-AbCdEf")
}

/// Puts tags on a service.
///
/// # Panics
/// Where the stack refuses.
pub fn tag_service(stack: &Stack, arn: &str, tags: &[(&str, &str)]) {
    let tags: Vec<Value> = tags
        .iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    if !tags.is_empty() {
        done(stack.call(
            "ecs",
            "TagResource",
            json!({"resourceArn": arn, "tags": tags}),
        ));
    }
}

/// Pushes a multi-platform image as a builder does: a manifest per platform without a tag, then the index
/// with the tag. Answers the index's digest. `content` makes images differ.
///
/// # Panics
/// Where the stack refuses.
pub fn push_image(
    stack: &Stack,
    repository: &str,
    tag: &str,
    architectures: &[&str],
    content: &str,
) -> String {
    let mut children = Vec::new();
    for architecture in architectures {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": 2, "digest": format!("sha256:{architecture}-{content}")},
            "layers": [],
        });
        let digest = put(stack, repository, None, MANIFEST, &manifest);
        let platform = json!({"os": "linux", "architecture": architecture});
        children.push(
            json!({"mediaType": MANIFEST, "digest": digest, "size": 2, "platform": platform}),
        );
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children});
    put(stack, repository, Some(tag), INDEX, &index)
}

fn put(
    stack: &Stack,
    repository: &str,
    tag: Option<&str>,
    media_type: &str,
    manifest: &Value,
) -> String {
    let mut request = json!({
        "repositoryName": repository, "imageManifest": manifest.to_string(), "imageManifestMediaType": media_type,
    });
    if let Some(tag) = tag {
        request["imageTag"] = json!(tag);
    }
    done(stack.call("ecr", "PutImage", request))["image"]["imageId"]["imageDigest"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The image that a service's `web` container is to run, by its newest deployment.
///
/// # Panics
/// Where the service does not exist.
#[must_use]
pub fn deployed_image(stack: &Stack, arn: &str) -> String {
    let definition = task_definition(stack, arn);
    definition["containerDefinitions"][0]["image"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The task definition of a service's newest deployment.
///
/// # Panics
/// Where the service does not exist.
#[must_use]
pub fn task_definition(stack: &Stack, arn: &str) -> Value {
    let request =
        json!({"taskDefinition": describe(stack, arn)["taskDefinition"], "include": ["TAGS"]});
    let mut answer = done(stack.call("ecs", "DescribeTaskDefinition", request));
    let tags = answer["tags"].take();
    answer["taskDefinition"]["tags"] = tags;
    answer["taskDefinition"].take()
}

/// A service as DescribeServices answers it.
///
/// # Panics
/// Where it does not exist.
#[must_use]
pub fn describe(stack: &Stack, arn: &str) -> Value {
    let cluster = arn.split('/').nth(1).unwrap_or_default();
    done(stack.call(
        "ecs",
        "DescribeServices",
        json!({"cluster": cluster, "services": [arn]}),
    ))["services"][0]
        .take()
}

fn done(answer: Result<Value, crate::testkit::api::ApiError>) -> Value {
    answer.unwrap_or_else(|error| panic!("{error}"))
}
