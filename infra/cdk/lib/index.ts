/**
 * Lamplighter as a CDK construct: the template `infra/template.yaml` that SAM deploys, with its functions as assets.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { Stack, aws_iam as iam, aws_s3_assets as assets, aws_secretsmanager as secrets, aws_sns as sns } from "aws-cdk-lib";
import { Construct } from "constructs";
import { Included, Known, Section, read, withValues } from "./template";

/** The mode of the stack. */
export enum Mode {
  /** Change AWS. */
  ACT = "act",
  /** Decide, journal and notify, but change nothing. */
  OBSERVE = "observe",
  /** Do nothing. */
  OFF = "off",
}

/** The parameters of the template. An omitted one has the template's default. */
export interface LamplighterProps {
  /** E-mail address for notifications, which AWS asks to confirm. */
  readonly alertEmail?: string;
  /** Secret that configures further channels: Slack, PagerDuty, webhooks (docs/notifications.md). */
  readonly channels?: secrets.ISecret;
  /** Minutes between two messages about one incident while it changes. Default: 5. */
  readonly alertInterval?: number;
  /** The most messages a minute for each channel. Default: 8. */
  readonly messagesPerMinute?: number;
  /** Adds a link to messages that stops their reminders, to a public page. Default: false. */
  readonly ackLinks?: boolean;
  /** Secret with which buttons in Slack and acknowledgements in PagerDuty are accepted (docs/interactions.md). */
  readonly interactions?: secrets.ISecret;
  /** Adds an HTTP API with IAM authorization for requests (docs/requests.md). Default: false. */
  readonly requestApi?: boolean;
  /** Notifies of what ECR and Inspector find in images. Default: true. */
  readonly notifyFindings?: boolean;
  /** Notifies of alarms that Lamplighter did not create. Default: false. */
  readonly notifyAlarms?: boolean;
  /** Notifies of failed AWS Backup jobs and CodeDeploy deployments. Default: false. */
  readonly notifyJobs?: boolean;
  /** The hour, in `timeZone`, of the daily report. Default: 7. */
  readonly digestHour?: number;
  /** The time zone of `digestHour`, such as `Europe/Rome`. Default: UTC. */
  readonly timeZone?: string;
  /** Adds costs to the daily report, for which Cost Explorer charges two cents a day. Default: true. */
  readonly costs?: boolean;
  /** The mode of the stack. Default: act. */
  readonly mode?: Mode;
  /** Average CPU utilization, in percent, that counts as a peak. Default: 80. */
  readonly cpuPeak?: number;
  /** Requests per second that one task serves, where its tag has no rps=. Default: 0, which leaves it to CPU. */
  readonly requestsPerSecond?: number;
  /** Time of the daily backup in UTC, such as `03:00`. Default: 03:00. */
  readonly backupAt?: string;
  /** Days for which backups are kept, from 1 to 35. Default: 7. */
  readonly retentionDays?: number;
  /** Role in another account that copies backups there: the output of infra/vault.yaml. */
  readonly vaultRole?: iam.IRole;
  /** Identifier of the VPC of the databases that drills restore. */
  readonly drillVpc?: string;
  /** Name of the ECS cluster for the tasks that check restored databases. Needs `drillVpc`. */
  readonly checkCluster?: string;
  /** Identifiers of the subnets for these tasks. Default: the subnets of the database. */
  readonly checkSubnets?: string[];
  /** The most rollouts of one service within an hour. Default: 6. */
  readonly rolloutsPerHour?: number;
  /** The most first rollouts of newly tagged services at the same time. Default: 5. */
  readonly adoptionsAtOnce?: number;
  /** The most actions of one invocation. The rest waits for the next sweep. Default: 100. */
  readonly actionsPerRun?: number;
  /** ARNs or patterns of the roles that Lamplighter may give to tasks. Default: any role, but to ECS only. */
  readonly passableRoles?: string[];
  /** Retention of the functions' logs, in days. Default: 30. */
  readonly logRetentionDays?: number;
  /** Protects the journal from deletion. The deletion of the stack then removes everything else and fails. Default: false. */
  readonly protectLedger?: boolean;
  /** File of root certificates to trust instead of the built-in Amazon roots. */
  readonly caBundle?: string;
  /**
   * Folder with one folder per function that contains its `bootstrap`, as `cargo lambda build --release --arm64` creates them.
   * Default: the folder of this package, or `target/lambda` of the repository.
   */
  readonly binaries?: string;
}

/** All resources of the template, in the stack of this construct. One account can have several such stacks. */
export class Lamplighter extends Construct {
  /** The topic of notifications, for further subscriptions. */
  readonly topic: sns.ITopic;
  /** The function that scales services out: an action for your own alarms. */
  readonly scaleArn: string;

  constructor(scope: Construct, id: string, props: LamplighterProps = {}) {
    super(scope, id);
    const file = templateFile();
    const template = withValues(read(file), parameters(props));
    const binaries = props.binaries ?? binariesBeside(file);
    for (const [name, resource] of Object.entries<Section>(template.Resources)) {
      if (resource.Type !== "AWS::Serverless::Function") continue;
      // `../target/lambda/deploy/`
      const folder = String(resource.Properties.CodeUri).split("/").filter(Boolean).pop() ?? "";
      const asset = new assets.Asset(this, `Code${name}`, { path: executable(join(binaries, folder)) });
      resource.Properties.CodeUri = { Bucket: asset.s3BucketName, Key: asset.s3ObjectKey };
    }
    Stack.of(this).addTransform(template.Transform);
    new Included(this, "Template", template);
    this.topic = sns.Topic.fromTopicArn(this, "People", new Known(this, "Topic", "AWS::SNS::Topic").ref);
    this.scaleArn = new Known(this, "Scale", "AWS::Serverless::Function").getAtt("Arn").toString();
  }
}

function yes(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? "yes" : "no";
}

function parameters(props: LamplighterProps): Record<string, unknown> {
  if (props.channels && !props.channels.secretFullArn) {
    throw new Error("channels: the role names the whole ARN of the secret, with the six letters at its end; a name is not enough");
  }
  if (props.interactions && !props.interactions.secretFullArn) {
    throw new Error("interactions: the role names the whole ARN of the secret, with the six letters at its end; a name is not enough");
  }
  const all: Record<string, unknown> = {
    AlertEmail: props.alertEmail,
    ChannelsSecret: props.channels?.secretFullArn,
    AlertInterval: props.alertInterval,
    MessagesPerMinute: props.messagesPerMinute,
    AckLinks: yes(props.ackLinks),
    InteractionsSecret: props.interactions?.secretFullArn,
    RequestApi: yes(props.requestApi),
    NotifyFindings: yes(props.notifyFindings),
    NotifyAlarms: yes(props.notifyAlarms),
    NotifyJobs: yes(props.notifyJobs),
    DigestHour: props.digestHour,
    TimeZone: props.timeZone,
    Costs: yes(props.costs),
    Mode: props.mode,
    CpuPeak: props.cpuPeak,
    RequestsPerSecond: props.requestsPerSecond,
    BackupAt: props.backupAt,
    RetentionDays: props.retentionDays,
    VaultRole: props.vaultRole?.roleArn,
    DrillVpc: props.drillVpc,
    CheckCluster: props.checkCluster,
    CheckSubnets: props.checkSubnets?.join(","),
    RolloutsPerHour: props.rolloutsPerHour,
    AdoptionsAtOnce: props.adoptionsAtOnce,
    ActionsPerRun: props.actionsPerRun,
    PassableRoles: props.passableRoles,
    LogRetentionDays: props.logRetentionDays,
    ProtectLedger: yes(props.protectLedger),
    CaBundle: props.caBundle,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Returns the first path that exists: in the published package, then in the repository. */
function templateFile(): string {
  const files = [join(__dirname, "../../template.yaml"), join(__dirname, "../../../template.yaml")];
  const file = files.find(existsSync);
  if (!file) throw new Error(`Lamplighter's template is at none of ${files.join(", ")}`);
  return file;
}

/** Returns a function's folder, or its zip if it was built as one. */
function executable(folder: string): string {
  const age = (file: string) => (existsSync(join(folder, file)) ? statSync(join(folder, file)).mtimeMs : -1);
  if (age("bootstrap.zip") > age("bootstrap")) return join(folder, "bootstrap.zip");
  if (age("bootstrap") >= 0) return folder;
  throw new Error(`there is no function in ${folder}: run cargo lambda build --release --arm64, or set binaries`);
}

function binariesBeside(template: string): string {
  const packed = join(template, "../lambda");
  return existsSync(packed) ? packed : join(template, "../../target/lambda");
}
