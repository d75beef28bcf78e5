//! What people can do about the reasons of `stop_reasons`.

pub const AGENT: &str = "Restart the agent on the instance: sudo systemctl restart ecs, then read /var/log/ecs/ecs-agent.log. If it stays disconnected, drain and replace the instance, or update the agent.";
pub const API_THROTTLING: &str = "Wait: ECS retries by itself. Stop other deployments and scripts that call ECS, scale in smaller steps, and ask Service Quotas for a higher rate if it lasts.";
pub const AWS_TRANSIENT: &str = "Run aws ecs update-service --force-new-deployment to try again. If it repeats, check free addresses in the subnets and the AWS Health dashboard, then open a support case.";
pub const COMPUTE_STRATEGY: &str = "Make requiresCompatibilities of the task definition agree with the service's launch type or capacity provider strategy, register a revision and update the service.";
pub const CREDENTIAL_SPEC: &str = "Check the credentialSpecs or FSx ARN in the task definition (ssm, s3 or secretsmanager only), its contents, and that the execution role may read it.";
pub const DEPENDENCY: &str = "Read the log and exit code of the container named in dependsOn. Fix what made it fail, or raise its startTimeout, then force a new deployment.";
pub const DEPLOYMENT_BOUNDS: &str = "Raise maximumPercent or lower minimumHealthyPercent in the service's deployment configuration, so that ECS may start or stop at least one task.";
pub const DISK_FULL: &str = "Free the disk: docker system prune -af on the instance, or replace the instance with a bigger volume. On Fargate raise ephemeralStorage.sizeInGiB.";
pub const EBS_ROLE: &str = "Correct the infrastructure role of the volume: trust ecs.amazonaws.com and attach AmazonECSInfrastructureRolePolicyForVolumes. Check iam:PassRole of the deployer.";
pub const EBS_VOLUME: &str = "Check the volume's kmsKeyId, its key policy for the infrastructure role, and that filesystemType fits the snapshot and the operating system.";
pub const EC2_QUOTA: &str = "Ask Service Quotas (EC2, On-Demand or Spot vCPUs) for more, stop instances you don't need, or move the service to another capacity provider.";
pub const ECR_PERMISSION: &str = "Give the execution role (EC2: the instance role) AmazonECSTaskExecutionRolePolicy, and check the ECR repository policy, above all across accounts.";
pub const EFS_MOUNT: &str = "Check fileSystemId, rootDirectory and access point in the task definition: the directory must exist in EFS, and each task zone needs a mount target in the VPC.";
pub const EFS_NETWORK: &str = "Open TCP 2049 from the task's security group to the EFS mount targets' security group, both ways, and check that each task subnet's zone has a mount target.";
pub const EFS_PERMISSION: &str = "Allow elasticfilesystem:ClientMount and ClientWrite to the task role in IAM and in the EFS file system policy, and set transitEncryption ENABLED and iam ENABLED.";
pub const ENDPOINT_NETWORK: &str = "Give the subnets a NAT route or VPC endpoints for secretsmanager, ssm and logs; the endpoints' security group must accept TCP 443 from the tasks, with private DNS on.";
pub const ENI_OTHER: &str = "Read the EC2 error above. Check the subnets and security groups of the service, and that service control policies allow ECS to create and tag network interfaces.";
pub const ENI_QUOTA: &str = "Start more instances or a larger instance type, or turn on the awsvpcTrunking account setting and replace the instances.";
pub const ENTRYPOINT: &str = "Make the entry point executable (chmod +x in the Dockerfile), or let the container's user run it.";
pub const ENV_FILE: &str = "Check each environmentFiles ARN: the object must exist. The execution role needs s3:GetObject and s3:GetBucketLocation, and the subnet a route to S3.";
pub const EXECUTION_ROLE: &str = "Set executionRoleArn in the task definition to a role that ecs-tasks.amazonaws.com may assume. If it is set, restart the agent (sudo systemctl restart ecs) and redeploy.";
pub const EXIT: &str = "";
pub const FARGATE_CAPACITY: &str = "Add subnets in other zones to the service, or put FARGATE beside FARGATE_SPOT in the capacity provider strategy. Otherwise wait: ECS keeps trying.";
pub const FIRELENS: &str = "Check firelensConfiguration and the log options in the task definition: the type, the S3 config file and its read permission for the execution role, and the secretOptions.";
pub const GPU: &str = "Use a GPU instance type with the ECS GPU-optimized AMI and ECS_ENABLE_GPU_SUPPORT=true. Check that the GPUs and devices in the task definition exist on it; replace it if the driver fails.";
pub const HEALTH_CHECK_CONTAINER: &str = "Run the healthCheck command inside the container with aws ecs execute-command. Raise startPeriod or timeout if the start is slow; otherwise read the log and roll back.";
pub const HEALTH_CHECK_ELB: &str = "Request the target group's health check path and port by hand. Check the security group and matcher, and raise healthCheckGracePeriodSeconds if the start is slow; otherwise roll back.";
pub const HOST: &str = "";
pub const IMAGE_MISSING: &str = "Look the tag or digest up with aws ecr describe-images. Push it again or deploy a revision whose image exists, and check that no lifecycle rule deletes it.";
pub const IMAGE_OTHER: &str = "Read the reason above. Check that the image exists, that the execution role may pull it, and that the subnets reach the registry.";
pub const IMAGE_PLATFORM: &str = "Rebuild with docker buildx build --platform linux/amd64 (or arm64) --provenance=false, or correct runtimePlatform.cpuArchitecture in the task definition.";
pub const IMAGE_RATE_LIMIT: &str = "Wait and retry, or authenticate with repositoryCredentials. For good: mirror the image to ECR with a pull-through cache rule.";
pub const INSTANCE_ATTRIBUTE: &str = "Compare requiresAttributes of the task definition with aws ecs describe-container-instances; update the agent and AMI, and start instances in the service's subnets.";
pub const INTENDED_STOP: &str = "";
pub const LOG_DRIVER: &str = "Correct logConfiguration in the task definition: awslogs-region, awslogs-group and the address of the log receiver, which must accept connections.";
pub const LOG_GROUP_MISSING: &str = "Create it with aws logs create-log-group, under the name and in the region that awslogs-group and awslogs-region say, then force a new deployment.";
pub const LOG_PERMISSION: &str = "Allow logs:CreateLogStream and logs:PutLogEvents to the execution role, and logs:CreateLogGroup if awslogs-create-group is true.";
pub const MANAGED_INSTANCE: &str = "Check the Managed Instances capacity provider: allow more instance types and zones, and let its infrastructure role pass (iam:PassRole) the instance role.";
pub const MEMORY: &str = "Raise memory of the container or the task in the task definition and redeploy; if memory climbs since a release, roll that release back.";
pub const NO_INSTANCES: &str = "Check that the Auto Scaling group has running instances, and that ECS_CLUSTER in their user data and their instance role let them register with this cluster.";
pub const NO_ROOM: &str = "Raise the desired capacity of the Auto Scaling group, use a larger instance type, or lower cpu and memory in the task definition.";
pub const PLACEMENT_CONSTRAINT: &str = "Correct placementConstraints of the service or task definition, or start instances whose attributes satisfy them.";
pub const PORT_TAKEN: &str = "Set hostPort to 0 for dynamic ports, or run no more tasks with a fixed port than there are instances. Check for an old container with docker ps.";
pub const REGISTRY_CREDENTIALS: &str = "Check the secret in repositoryCredentials: JSON with username and password, still valid at the registry, and readable for the execution role.";
pub const REGISTRY_NETWORK: &str = "Give the subnet a route to the registry: assignPublicIp ENABLED, a NAT gateway, or endpoints for ecr.api, ecr.dkr and S3 with TCP 443 open. Check the registry's name and DNS.";
pub const RUNTIME: &str = "Force a new deployment. If one instance fails repeatedly, drain it and restart Docker (sudo systemctl restart docker), or replace it.";
pub const S3_ENDPOINT: &str = "ECR keeps layers in S3: add the S3 gateway endpoint to the subnet's route table, or a NAT route, and allow TCP 443 outbound in the task's security group.";
pub const SECRET_JSON: &str = "Open the secret in Secrets Manager: it must be valid JSON with the key that valueFrom names. Correct the secret or valueFrom, then redeploy.";
pub const SECRET_MISSING: &str = "Check valueFrom in the task definition: that secret or parameter must exist, in this region and account. Restore it (aws secretsmanager restore-secret) or correct the ARN.";
pub const SECRET_PERMISSION: &str = "Allow secretsmanager:GetSecretValue or ssm:GetParameters on that ARN to the execution role, and kms:Decrypt if it has its own key.";
pub const SERVICE_CONNECT: &str = "Check serviceConnectConfiguration and port names of the service; update the agent and AMI, and replace the instance if its Service Connect agent fails.";
pub const SERVICE_ROLE: &str = "Restore the permissions of the role that ECS uses for the service: AWSServiceRoleForECS, or AmazonEC2ContainerServiceRole on an own role.";
pub const SETUP_OTHER: &str =
    "Restore the resource that ECS names, or give the execution role and the subnets access to it.";
pub const SETUP_PERMISSION: &str = "Give the role that ECS names the missing permission.";
pub const SPOT: &str = "";
pub const START_IMPAIRED: &str = "Read stoppedReason and every container's reason of the last stopped tasks (aws ecs describe-tasks); fix that cause or deploy the last good revision.";
pub const START_OTHER: &str = "Read the reason above. It usually comes from the entry point, a volume or a device of the task definition.";
pub const SUBNET_ADDRESSES: &str = "Check AvailableIpAddressCount with aws ec2 describe-subnets. Add larger subnets to the service's network configuration or free unused network interfaces.";
pub const TAG_POLICY: &str = "Put the tags that the organization's tag policy wants on the service and set propagateTags to SERVICE, or have the policy changed.";
pub const TARGET_GROUP: &str = "Check the service's loadBalancers: the target group must exist in the same VPC, and the load balancer must cover the tasks' zones. Recreate the service if it was deleted.";
pub const TASK_DEFINITION: &str = "Correct the task definition (dependsOn, links, memory limits) and register a new revision, or deploy the previous one.";
pub const TASK_PROTECTION: &str = "Wait until the protection expires, or lift it with aws ecs update-task-protection --no-protection-enabled for the tasks that may stop.";
pub const TASK_ROLE_TRUST: &str = "Check that the role exists and trusts ecs-tasks.amazonaws.com, and that whoever deploys has iam:PassRole for it.";
pub const VCPU_QUOTA: &str = "Ask Service Quotas for more Fargate vCPUs (On-Demand or Spot), stop tasks you don't need, or lower cpu and memory in the task definition.";
pub const VOLUME: &str = "Check volumes and mountPoints in the task definition: name, driver and options. Create the volume on the instance, or set autoprovision to true.";
pub const ZONE: &str = "Use subnets in zones that Fargate supports, add a subnet in the zone named, or start instances there.";
/// Exit code 0: the process ended without an error.
pub const EXIT_0: &str = "The main process ended by itself. A service needs a process that keeps running: check the command, and that it doesn't run in the background.";
/// Exit code 126: the command can't be executed.
pub const EXIT_126: &str = "The command exists but can't be executed. Make it executable, or build the image for the CPU architecture of the task.";
/// Exit code 127: the command does not exist.
pub const EXIT_127: &str =
    "The command doesn't exist in the image. Check command and entryPoint of the task definition.";
/// Exit code 134: SIGABRT.
pub const EXIT_134: &str = "The process aborted itself (SIGABRT), often after a failed assertion or allocation. Read its last log lines.";
/// Exit code 137: SIGKILL, without a word about memory from ECS.
pub const EXIT_137: &str = "The process was killed (SIGKILL). Either the kernel ran out of memory: compare MemoryUtilization with the limit. Or it ignored SIGTERM until stopTimeout ended.";
/// Exit code 139: SIGSEGV.
pub const EXIT_139: &str = "The process crashed with a memory access error (SIGSEGV). Check native libraries, and that the image fits the CPU architecture.";
/// Exit code 255: often the runtime could not start the process.
pub const EXIT_255: &str = "The process could not be started or ended abnormally, often an exec format error. Read the first log line, and check the CPU architecture of the image.";
/// Exit code 143: SIGTERM.
pub const EXIT_143: &str = "Something sent SIGTERM to the process, and it ended as asked. If ECS didn't stop the task, look for a supervisor or script in the container that did.";
