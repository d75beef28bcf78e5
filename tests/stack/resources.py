"""Types of CloudFormation that the emulator lacks and the example workload has: each is made by the emulator's own service.

Properties: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

import json

from ministack.services import ecs, elasticache, ssm
from ministack.services.cloudformation import provisioners

# What AWS keeps for everybody, and the stub of an image that the emulator knows.
ECS_IMAGE = "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id"


def install() -> None:
    ssm._PUBLIC_AMI_PARAMETERS[ECS_IMAGE] = next(iter(ssm._PUBLIC_AMI_PARAMETERS.values()))
    provisioners._RESOURCE_HANDLERS.update({
        "AWS::ECS::CapacityProvider": {"create": create_provider, "delete": delete_provider},
        "AWS::ECS::ClusterCapacityProviderAssociations": {"create": associate, "delete": disassociate},
        "AWS::ElastiCache::ServerlessCache": {"create": create_cache, "delete": delete_cache},
    })


def taken(answer) -> str:
    """The body of an answer; what was refused fails the stack."""
    status, _, body = answer
    text = body.decode() if isinstance(body, bytes) else body
    if status >= 400:
        raise ValueError(text)
    return text


def create_provider(logical_id, properties, stack_name):
    # Names that begin with the names of Fargate's are AWS's own, as are those that begin with aws and ecs.
    name = properties.get("Name") or f"{stack_name}-{logical_id}"
    request = {**provisioners._pascal_to_camel(properties), "name": name}
    made = json.loads(taken(ecs._create_capacity_provider(request)))["capacityProvider"]
    return name, {"Arn": made["capacityProviderArn"]}


def delete_provider(name, _properties) -> None:
    ecs._delete_capacity_provider({"capacityProvider": name})


def associate(_logical_id, properties, _stack_name):
    taken(ecs._put_cluster_capacity_providers(provisioners._pascal_to_camel(properties)))
    return properties["Cluster"], {}


def disassociate(cluster, _properties) -> None:
    ecs._put_cluster_capacity_providers({"cluster": cluster})


def create_cache(_logical_id, properties, _stack_name):
    form = {key: [value] for key, value in properties.items() if isinstance(value, str)}
    for key, member in {"SubnetIds": "SubnetId", "SecurityGroupIds": "SecurityGroupId"}.items():
        for n, value in enumerate(properties.get(key, []), 1):
            form[f"{key}.{member}.{n}"] = [value]
    for n, tag in enumerate(properties.get("Tags", []), 1):
        form[f"Tags.Tag.{n}.Key"], form[f"Tags.Tag.{n}.Value"] = [tag["Key"]], [tag["Value"]]
    taken(elasticache._create_serverless_cache(form))
    name = properties["ServerlessCacheName"].lower()
    address = f"{name}.serverless.euw1.cache.amazonaws.com"
    return name, {"ARN": elasticache._arn_serverless_cache(name), "Endpoint.Address": address, "Endpoint.Port": "6379"}


def delete_cache(name, _properties) -> None:
    elasticache._delete_serverless_cache({"ServerlessCacheName": [name]})
