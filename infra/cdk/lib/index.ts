/**
 * Lamplighter as a construct: the same template that SAM deploys, `infra/template.yaml`, with its functions as assets.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { Stack, aws_iam as iam, aws_s3_assets as assets, aws_secretsmanager as secrets, aws_sns as sns } from "aws-cdk-lib";
import { Construct } from "constructs";
import { Included, Known, Section, read, withValues } from "./template";

/** What Lamplighter may do. */
export enum Mode {
  /** Changes AWS. */
  ACT = "act",
  /** Decides, journals and tells, and changes nothing. */
  OBSERVE = "observe",
  /** Does nothing. */
  OFF = "off",
}

/** Each is a parameter of the template; what is left out is the template's own default. */
export interface LamplighterProps {
  /** Address that gets the messages; AWS asks it to confirm. */
  readonly alertEmail?: string;
  /** Secret that names the channels beside e-mail: Slack, PagerDuty, webhooks (docs/notifications.md). */
  readonly channels?: secrets.ISecret;
  /** Minutes between two messages about one incident while it changes. Default: 5. */
  readonly alertInterval?: number;
  /** The most messages a minute, by each channel. Default: 8. */
  readonly messagesPerMinute?: number;
  /** Whether messages have a link that stops their reminders, to a page that anybody can reach. Default: false. */
  readonly ackLinks?: boolean;
  /** Whether people are told what ECR and Inspector find in images. Default: true. */
  readonly tellFindings?: boolean;
  /** Whether people are told of alarms that are not Lamplighter's own. Default: false. */
  readonly tellAlarms?: boolean;
  /** Whether people are told of jobs of AWS Backup and deployments of CodeDeploy that failed. Default: false. */
  readonly tellJobs?: boolean;
  /** The hour, in `timeZone`, at which the day is told. Default: 7. */
  readonly digestHour?: number;
  /** The time zone of `digestHour`, such as `Europe/Rome`. Default: UTC. */
  readonly timeZone?: string;
  /** Whether the day's message has costs, for which Cost Explorer charges two cents a day. Default: true. */
  readonly costs?: boolean;
  /** Default: act. */
  readonly mode?: Mode;
  /** Average CPU utilisation in per cent that counts as a peak. Default: 80. */
  readonly cpuPeak?: number;
  /** Requests a second that one task serves. Default: 10. */
  readonly requestsPerSecond?: number;
  /** When databases are backed up, in UTC, such as `03:00`. Default: 03:00. */
  readonly backupAt?: string;
  /** Days that have a backup, from 1 to 35. Default: 7. */
  readonly retentionDays?: number;
  /** Role in another account that copies backups there: the output of infra/vault.yaml. */
  readonly vaultRole?: iam.IRole;
  /** VPC of the databases whose backups are proven by restoring them, by its identifier. */
  readonly drillVpc?: string;
  /** Name of the ECS cluster in which restored databases are looked into. Needs `drillVpc`. */
  readonly checkCluster?: string;
  /** Identifiers of subnets for the tasks that look into them; those of the database where there are none. */
  readonly checkSubnets?: string[];
  /** Rollouts of one service within an hour; one more is withheld. Default: 6. */
  readonly rolloutsPerHour?: number;
  /** Actions of one invocation; the rest waits for the next sweep. Default: 100. */
  readonly actionsPerRun?: number;
  /** Days that the functions' logs are kept. Default: 30. */
  readonly logRetentionDays?: number;
  /** Whether the journal can't be deleted; a deletion of the stack ends at it, with everything else gone. Default: false. */
  readonly protectLedger?: boolean;
  /** File of root certificates to trust instead of the built-in Amazon roots. */
  readonly caBundle?: string;
  /**
   * Folder with a folder for each function and its `bootstrap` in it, as `cargo lambda build --release --arm64` leaves them.
   * Default: those of this package, or `target/lambda` of the repository.
   */
  readonly binaries?: string;
}

/** Everything of the template, in the stack that this is in; several such stacks can live in one account. */
export class Lamplighter extends Construct {
  /** Subscribe more people to this topic. */
  readonly topic: sns.ITopic;
  /** The function that makes services grow: an action for alarms of your own. */
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
  const all: Record<string, unknown> = {
    AlertEmail: props.alertEmail,
    ChannelsSecret: props.channels?.secretFullArn,
    AlertInterval: props.alertInterval,
    MessagesPerMinute: props.messagesPerMinute,
    AckLinks: yes(props.ackLinks),
    TellFindings: yes(props.tellFindings),
    TellAlarms: yes(props.tellAlarms),
    TellJobs: yes(props.tellJobs),
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
    ActionsPerRun: props.actionsPerRun,
    LogRetentionDays: props.logRetentionDays,
    ProtectLedger: yes(props.protectLedger),
    CaBundle: props.caBundle,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** The first of these that exists: of the published package, then of the repository. */
function templateFile(): string {
  const files = [join(__dirname, "../../template.yaml"), join(__dirname, "../../../template.yaml")];
  const file = files.find(existsSync);
  if (!file) throw new Error(`Lamplighter's template is at none of ${files.join(", ")}`);
  return file;
}

/** A function's folder, or its zip where it was last built as one. */
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
