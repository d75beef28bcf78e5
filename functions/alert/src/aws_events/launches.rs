//! Translates failed launches of EC2 instances by Auto Scaling, such as those that a capacity provider of ECS asks for.
//!
//! Source: <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html>

use lamplighter::MalformedEvent;
use lamplighter::notify::Message;
use serde::Deserialize;

use super::envelope::{AwsEvent, quote_reason};
use super::translation::{TranslatedEvent, console_page_link};
use crate::conditions::FAILED_PREFIX;

pub const LAUNCH_FAILED: &str = "EC2 Instance Launch Unsuccessful";
pub const LAUNCH_SUCCEEDED: &str = "EC2 Instance Launch Successful";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LaunchDetail {
    #[serde(default)]
    auto_scaling_group_name: String,
    #[serde(default)]
    status_message: Option<String>,
    #[serde(default)]
    details: LaunchPlace,
}

#[derive(Debug, Default, Deserialize)]
struct LaunchPlace {
    #[serde(rename = "Availability Zone")]
    zone: Option<String>,
}

/// Why a launch failed: the texts of the reason, its short name, and what helps.
struct LaunchReason {
    signs: &'static [&'static str],
    name: &'static str,
    advice: &'static str,
}

/// Texts of <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html>, in lower case.
const REASONS: [LaunchReason; 11] = [
    LaunchReason {
        signs: &["vcpu"],
        name: "vCPU quota reached",
        advice: "Request a higher quota of EC2 vCPUs in Service Quotas, or stop instances.",
    },
    LaunchReason {
        signs: &["maxspotinstancecountexceeded"],
        name: "Spot quota reached",
        advice: "Request a higher quota of Spot instances in Service Quotas, or use on-demand instances.",
    },
    LaunchReason {
        signs: &["limitexceeded"],
        name: "quota reached",
        advice: "Request a higher quota in Service Quotas, or remove what uses it.",
    },
    LaunchReason {
        signs: &["quota"],
        name: "quota reached",
        advice: "Request a higher quota in Service Quotas, or remove what uses it.",
    },
    LaunchReason {
        signs: &["not authorized"],
        name: "permission missing",
        advice: "Give the service-linked role of Auto Scaling the permission, on the KMS key of the volumes for example.",
    },
    LaunchReason {
        signs: &["service-linked role"],
        name: "permission missing",
        advice: "Create the service-linked role that the reason names.",
    },
    LaunchReason {
        signs: &["not", "exist"],
        name: "part of the launch template missing",
        advice: "Restore what the launch template names (image, key pair, security group, instance profile), or correct it.",
    },
    LaunchReason {
        signs: &["client.internalerror"],
        name: "volume can't be decrypted",
        advice: "Give the service-linked role of Auto Scaling a grant on the KMS key of the volumes.",
    },
    LaunchReason {
        signs: &["spotmaxpricetoolow"],
        name: "Spot price above the maximum",
        advice: "Remove the maximum price from the launch template: the on-demand price limits it anyway.",
    },
    LaunchReason {
        signs: &["sufficient", "capacity"],
        name: "no EC2 capacity",
        advice: "Allow more instance types and Availability Zones in the group, or wait: Auto Scaling tries again.",
    },
    LaunchReason {
        signs: &["no spot capacity"],
        name: "no Spot capacity",
        advice: "Allow more instance types, or a share of on-demand instances. Auto Scaling tries again.",
    },
];

/// Translates a failed launch, which fires until the group launches an instance.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_launch(event: &AwsEvent) -> Result<TranslatedEvent, MalformedEvent> {
    let detail: LaunchDetail = event.parse_detail()?;
    let group = &detail.auto_scaling_group_name;
    let condition = format!("{FAILED_PREFIX}launch");
    let message = if event.detail_type == LAUNCH_SUCCEEDED {
        Message::info("instances start again")
            .why("Auto Scaling launched an instance.")
            .next("Nothing to do.")
            .clears(condition)
    } else {
        failed_message(&detail).fires(condition)
    };
    let page = format!(
        "home?region={}#AutoScalingGroupDetails:id={group}",
        event.region
    );
    let target = event.build_arn("autoscaling", &format!("autoScalingGroup:{group}"));
    let link = console_page_link(event, &target, "ec2", &page);
    Ok(TranslatedEvent {
        message,
        name: group.clone(),
        target,
        app: None,
        link: Some(link),
    })
}

fn failed_message(detail: &LaunchDetail) -> Message {
    let text = detail.status_message.as_deref().unwrap_or_default();
    let lower = text.to_lowercase();
    let reason = REASONS
        .iter()
        .find(|reason| reason.signs.iter().all(|sign| lower.contains(sign)));
    let place = detail
        .details
        .zone
        .as_ref()
        .map_or(String::new(), |zone| format!(" in {zone}"));
    let name = reason.map_or("see the reason below", |reason| reason.name);
    Message::warning(format!("no instance launched{place} - {name}"))
        .action("Lamplighter changes no Auto Scaling group.")
        .why(quote_reason("Auto Scaling", text))
        .next(
            reason.map_or("Look at the activity history of the group.", |reason| {
                reason.advice
            }),
        )
}
