//! The arguments of the command.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use crate::values::{parse_address, parse_duration, parse_period, parse_played_tag, parse_time};

/// Shows and steers what Lamplighter does in one AWS account and region.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "lamplighter",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(
    after_help = "Exit codes: 0 done, 1 rejected or with mistakes, 2 held, 3 failed, 64 wrong arguments.\n\
    It uses your AWS profile, session and region, as the AWS CLI does. Reading needs lambda:InvokeFunction on the function of \
    the stack's output DigestFunction, requests need execute-api:Invoke on its API, and both need cloudformation:DescribeStacks."
)]
pub struct Arguments {
    #[command(flatten)]
    pub account: Account,
    #[command(subcommand)]
    pub command: Command,
}

/// Which stack to talk to, and how to print.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Account {
    /// CloudFormation stack; the only one with Lamplighter by default
    #[arg(
        long,
        global = true,
        env = "LAMPLIGHTER_STACK",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub stack: Option<String>,
    /// Profile of the AWS configuration
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// AWS region of the stack
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// Address of the API for requests, if it has a domain name of its own
    #[arg(long, global = true, value_name = "URL", value_parser = parse_address)]
    pub request_url: Option<String>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// For programs: the answer of the stack as it is
    Json,
}

/// One thing to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Shows all targets, the worst first
    #[command(
        after_help = "Examples:\n  lamplighter status\n  lamplighter status --app shop --attention\n  lamplighter status --watch"
    )]
    Status(StatusArguments),
    /// Explains one target: why it is as it is, what happens next, and what its tags do
    #[command(after_help = "Example:\n  lamplighter explain shop/web")]
    Explain(TargetArgument),
    /// Lists what was done, and why
    #[command(
        after_help = "Examples:\n  lamplighter timeline --since 2h\n  lamplighter timeline shop/web --since 7d"
    )]
    Timeline(TimelineArguments),
    /// Lists the open incidents, with the identifiers for `ack`
    Incidents,
    /// Lists the open findings: risks that have not caused harm yet
    Findings,
    /// Lists the releases of a service, and the quarantined images
    Releases(TargetArgument),
    /// Prints the AWS CLI commands that bring a database or cache back
    #[command(after_help = "Example:\n  lamplighter restore-plan orders > plan.sh")]
    RestorePlan(TargetArgument),
    /// Checks whether the stack works, and says what to do if it does not. It ends with 1 if there is something to do
    Doctor,
    /// Releases any image of the service's repository
    #[command(
        after_help = "Example, in a pipeline:\n  lamplighter deploy shop/web RC_1.4.2 --wait\n\nWith --wait it ends with 0 \
        when the release is verified, 1 when it is rejected or rolled back, and 2 when it is held."
    )]
    Deploy(DeployArguments),
    /// Approves the image that waits, or another one
    #[command(
        after_help = "Examples:\n  lamplighter approve shop/web\n  lamplighter approve shop/web RC_1.4.2 --reason \"tested by hand\""
    )]
    Approve(ApproveArguments),
    /// Quarantines an image, and rolls the service back if it runs
    Reject(ImageArguments),
    /// Rolls a service back to its last verified release, or to a tag or revision
    #[command(
        after_help = "Examples:\n  lamplighter rollback shop/web --reason \"wrong prices\"\n  lamplighter rollback shop/web RC_1.4.1"
    )]
    Rollback(RollbackArguments),
    /// Changes nothing on targets until they are resumed, or until a time
    #[command(
        after_help = "Examples:\n  lamplighter pause shop/web --for 2h\n  lamplighter pause --all --reason migration"
    )]
    Pause(PauseArguments),
    /// Ends pauses
    Resume(ManyArguments),
    /// Sends no notifications about targets until a time
    #[command(
        group = ArgGroup::new("end").args(["duration", "until"]).required(true),
        after_help = "Example:\n  lamplighter silence --app shop --for 1h --reason \"load test\""
    )]
    Silence(PauseArguments),
    /// Ends silences
    Unsilence(ManyArguments),
    /// Stops the reminders of an incident, by its identifier, or of all of a target
    #[command(
        after_help = "Examples:\n  lamplighter ack shop/web\n  lamplighter ack 3f9a1c22b7d0-1795229940"
    )]
    Ack(AckArguments),
    /// Takes a snapshot of a database now
    Backup(TargetRequest),
    /// Restores the newest snapshot of a database to a temporary one now, and checks it
    Drill(TargetRequest),
    /// Sends the events of the dead-letter queue again
    Redrive(Why),
    /// Checks tags before they are applied: of a Terraform plan, a CloudFormation template, or a list
    #[command(
        after_help = "Examples:\n  terraform show -json plan.out | lamplighter lint\n  lamplighter lint template.yaml\n  \
        echo 'lamplighter:scale=min=2 max=8' | lamplighter lint --kind service\n\nNo call of AWS is made. It ends with 1 if there is a mistake."
    )]
    Lint(LintArguments),
    /// Proposes tags for the services, databases, caches and log groups of the account, and only reads
    #[command(
        after_help = "Examples:\n  lamplighter init > tag.sh\n  lamplighter init --format terraform\n\nIt needs no stack. Lamplighter only observes \
        what is tagged like this. A role with the policy ReadOnlyAccess may run it."
    )]
    Init(InitArguments),
    /// Plays the last days of services under Lamplighter: tasks, cost and alarms against what really ran. It only reads
    #[command(
        after_help = "Examples:\n  lamplighter preview --html preview.html\n  lamplighter preview shop/web --set 'lamplighter:scale=min=3 max=12 \
        rps=20'\n\nIt needs no stack. A role with the policy ReadOnlyAccess may run it. CloudWatch charges 0.01 USD for 1,000 metrics that are \
        read, which are about a dozen for each service, and keeps minutes for 15 days."
    )]
    Preview(PreviewArguments),
    /// Prints the completions of a shell
    #[command(
        after_help = "Example:\n  lamplighter completions bash > /etc/bash_completion.d/lamplighter"
    )]
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Clone, Args)]
pub struct TargetArgument {
    /// Name as in messages, such as shop/web or orders, or an ARN
    pub target: String,
}

#[derive(Debug, Clone, Args)]
pub struct StatusArguments {
    /// Name as in messages, such as shop/web or orders, or an ARN
    pub target: Option<String>,
    /// Only targets with this value of lamplighter:app
    #[arg(long)]
    pub app: Option<String>,
    /// Only targets that something holds
    #[arg(long)]
    pub held: bool,
    /// Only targets that a person should look at
    #[arg(long)]
    pub attention: bool,
    /// Repeats every so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "10", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub watch: Option<u64>,
}

#[derive(Debug, Clone, Args)]
pub struct TimelineArguments {
    /// Name as in messages, such as shop/web or orders, or an ARN
    pub target: Option<String>,
    /// How far back, such as 90m, 24h or 7d; at most 31d
    #[arg(long, default_value = "24h", value_parser = parse_period)]
    pub since: SignedDuration,
}

/// Why something is asked for.
#[derive(Debug, Clone, Args)]
pub struct Why {
    /// Why, for those who read the journal
    #[arg(short = 'm', long, default_value = "no reason given")]
    pub reason: String,
    /// Name of your own for the request: the same one again has no further effect
    #[arg(long)]
    pub id: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct TargetRequest {
    #[command(flatten)]
    pub target: TargetArgument,
    #[command(flatten)]
    pub why: Why,
}

#[derive(Debug, Clone, Args)]
pub struct ImageArguments {
    #[command(flatten)]
    pub target: TargetArgument,
    /// Tag, digest, or at least 8 digits of it
    pub image: String,
    #[command(flatten)]
    pub why: Why,
}

#[derive(Debug, Clone, Args)]
pub struct DeployArguments {
    #[command(flatten)]
    pub target: TargetArgument,
    /// Tag, digest, or at least 8 digits of it
    pub image: String,
    /// Waits for the verdict, and prints the progress
    #[arg(long)]
    pub wait: bool,
    /// How long to wait, such as 30m
    #[arg(long, default_value = "45m", value_parser = parse_duration, requires = "wait")]
    pub timeout: SignedDuration,
    #[command(flatten)]
    pub why: Why,
}

#[derive(Debug, Clone, Args)]
pub struct ApproveArguments {
    #[command(flatten)]
    pub target: TargetArgument,
    /// Tag, digest, or at least 8 digits of it; the image that waits by default
    pub image: Option<String>,
    #[command(flatten)]
    pub why: Why,
}

#[derive(Debug, Clone, Args)]
pub struct RollbackArguments {
    #[command(flatten)]
    pub target: TargetArgument,
    /// Tag, digest or revision such as shop-web:41; the last verified release by default
    pub to: Option<String>,
    #[command(flatten)]
    pub why: Why,
}

/// The targets of a request.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct Scope {
    /// Name as in messages, such as shop/web or orders, or an ARN
    pub target: Option<String>,
    /// All targets with this value of lamplighter:app
    #[arg(long)]
    pub app: Option<String>,
    /// All targets of the stack
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ManyArguments {
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub why: Why,
}

#[derive(Debug, Clone, Args)]
pub struct PauseArguments {
    #[command(flatten)]
    pub scope: Scope,
    /// How long, such as 90m or 2d
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, conflicts_with = "until")]
    pub duration: Option<SignedDuration>,
    /// Until when, such as 2026-12-01T08:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Option<Timestamp>,
    #[command(flatten)]
    pub why: Why,
}

#[derive(Debug, Clone, Args)]
pub struct AckArguments {
    /// Identifier of an incident, or the name of its target
    pub incident: String,
    #[command(flatten)]
    pub why: Why,
}

#[derive(Debug, Clone, Args)]
pub struct LintArguments {
    /// Terraform plan as JSON, CloudFormation template, or lines such as lamplighter:managed=true; standard input by default
    pub file: Option<PathBuf>,
    /// Kind of resource that a list of tags belongs to
    #[arg(long, value_enum, default_value_t = Kind::Service)]
    pub kind: Kind,
    /// Prints mistakes alone
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Debug, Clone, Args)]
pub struct InitArguments {
    /// How tags are written
    #[arg(long, value_enum, default_value_t = Format::Cli)]
    pub format: Format,
}

#[derive(Debug, Clone, Args)]
pub struct PreviewArguments {
    /// Service as cluster/name, such as shop/web, or its ARN; all of them by default
    pub target: Option<String>,
    /// How many days back
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u8).range(1..=15))]
    pub days: u8,
    /// Tag to play instead of the one that the service has: lamplighter:scale, lamplighter:schedule or lamplighter:alarms
    #[arg(long, value_name = "KEY=VALUE", requires = "target", value_parser = parse_played_tag)]
    pub set: Vec<(String, String)>,
    /// How long a task takes until it serves, such as 90s; rounded up to minutes
    #[arg(long, default_value = "1m", value_parser = parse_duration)]
    pub startup: SignedDuration,
    /// Writes a page with charts, too
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// How proposed tags are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Commands of the AWS CLI
    Cli,
    Terraform,
    Cloudformation,
}

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Service,
    Database,
    Cache,
    LogGroup,
}
