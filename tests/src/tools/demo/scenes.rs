//! The scenes. Each causes something, waits for the effect, and checks that there is no other.

use e2e::testkit::workload::{NewService, create_service, deployed_image, image, tag_service};
use serde_json::json;

use crate::archive;
use crate::backups;
use crate::healing;
use crate::load;
use crate::people;
use crate::releases;
use crate::stage::{REPOSITORY, Scene, Stage};

pub const SCENES: [Scene; 28] = [
    Scene {
        title: "The stack is deployed, and a day passes before the first tag",
        proves: "the daily report of a quiet day has three lines",
        play: people::a_quiet_day,
    },
    Scene {
        title: "A team tags its service and pushes RC_1.4.1 for two platforms",
        proves: "a pushed image is deployed by digest, with a notification",
        play: first_push,
    },
    Scene {
        title: "The same image is pushed again",
        proves: "a second push of the same digest does nothing",
        play: same_digest,
    },
    Scene {
        title: "RC_1.4.2 is pushed for linux/amd64 only; the service runs on ARM64",
        proves: "an image for the wrong platform is held until its platform is pushed",
        play: wrong_platform,
    },
    Scene {
        title: "RC_1.4.3 is pushed and its event is lost",
        proves: "the sweep finds a push whose event was lost",
        play: lost_event,
    },
    Scene {
        title: "A second service gets a misspelt tag",
        proves: "an invalid tag sends one notification and changes nothing",
        play: bad_tag,
    },
    Scene {
        title: "RC_1.4.4 is pushed, and its tasks do not pass their health check",
        proves: "a failed release is notified with its rollback, and its image is quarantined",
        play: releases::bad,
    },
    Scene {
        title: "RC_1.4.7 is pushed; ECS gives up and leaves it in place",
        proves: "a release that ECS leaves in place is rolled back to the last verified revision",
        play: releases::given_up,
    },
    Scene {
        title: "A release gets 5 % of the traffic, and 20 % of its requests fail",
        proves: "a canary that is worse than the old revision is rolled back at its first step",
        play: releases::canary,
    },
    Scene {
        title: "A service of CodeDeploy gets two releases in a minute, and the second one fails its probes",
        proves: "CodeDeploy deploys them one after the other, and rolls the bad one back on the answer to its hook",
        play: releases::code_deploy,
    },
    Scene {
        title: "The tag says approve=yes, and the next release has passed its probes",
        proves: "a deployment is held before traffic shifts, and continues after an approval",
        play: releases::approval,
    },
    Scene {
        title: "The team tags the service for scaling, and load climbs to 37 requests a second",
        proves: "load scales a service out to what it needs, by alarms that Lamplighter created",
        play: load::climbs,
    },
    Scene {
        title: "The load keeps growing; the alarm has fired and sends no second event",
        proves: "the sweep follows a load that stays high",
        play: load::stays_high,
    },
    Scene {
        title: "The load ends",
        proves: "a service is scaled in after a while, and the notification says what the peak cost",
        play: load::falls,
    },
    Scene {
        title: "The CPU of a service without the tag peaks",
        proves: "a CPU peak is notified once, with the reason, and nothing is changed",
        play: load::peaks,
    },
    Scene {
        title: "The window of a known peak opens",
        proves: "a schedule raises the minimum before the peak",
        play: load::window_opens,
    },
    Scene {
        title: "The ninth night of a database whose backups are kept for seven",
        proves: "the night's snapshot is taken, the policy's rotation deletes older ones, and a manual one stays",
        play: backups::tenth_day,
    },
    Scene {
        title: "The weekly drill of that database is due",
        proves: "a drill restores a backup, times it, and leaves nothing behind",
        play: backups::drill,
    },
    Scene {
        title: "Backups have stopped for ten days",
        proves: "no backup is deleted, however old, and one critical notification says so",
        play: backups::stopped,
    },
    Scene {
        title: "The database is back",
        proves: "the missed backup is taken, and the incident is resolved",
        play: backups::goes_on,
    },
    Scene {
        title: "The logs of a day are complete, and a log group is tagged for export",
        proves: "logs are exported day by day, and a manifest lists the complete days",
        play: archive::exports,
    },
    Scene {
        title: "Minutes after RC_2.1.0 of another service went live its tasks crash",
        proves: "a crash loop that began with a new revision is rolled back to the last verified one",
        play: healing::crashes_since_release,
    },
    Scene {
        title: "A service without a recent release crashes again and again",
        proves: "any other crash loop is restarted three times with back-off, and then escalated",
        play: healing::crashes_by_itself,
    },
    Scene {
        title: "A container is killed for its memory; its tag says memory=+25",
        proves: "a task that runs out of memory gets more, once, in a size that Fargate offers",
        play: healing::out_of_memory,
    },
    Scene {
        title: "The secret that a service's tasks read is deleted",
        proves: "a missing secret is escalated at once, with its name and who deleted it",
        play: healing::secret_missing,
    },
    Scene {
        title: "The database of a service is full, and its tasks crash",
        proves: "nothing is restarted while the database is down, and the recovery is notified",
        play: healing::database_down,
    },
    Scene {
        title: "The same incident in Slack",
        proves: "an incident is one thread in Slack, whose first message shows its state",
        play: people::one_thread,
    },
    Scene {
        title: "The day is over",
        proves: "the daily report lists incidents, releases, scaling, backups and costs",
        play: people::the_day,
    },
];

fn first_push(stage: &mut Stage<'_>) -> Result<(), String> {
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:deploy", "tag=RC_x.x.x repo=shop/web"),
    ];
    tag_service(stage.stack, &stage.web, &tags);
    stage.decided("the repository shop/web has no tag like RC_x.x.x")?;
    stage.wait_until_idle()?;
    let digest = stage.push("RC_1.4.1", &["amd64", "arm64"], "one");
    stage.rolled_out("RC_1.4.1", &digest)
}

fn same_digest(stage: &mut Stage<'_>) -> Result<(), String> {
    stage.push("RC_1.4.1", &["amd64", "arm64"], "one");
    stage.decided("already runs RC_1.4.1")?;
    stage.wait_until_idle()?;
    stage.unchanged(1)
}

fn wrong_platform(stage: &mut Stage<'_>) -> Result<(), String> {
    stage.push("RC_1.4.2", &["amd64"], "two");
    stage.told("held - image has no linux/arm64")?;
    stage.wait_until_idle()?;
    stage.unchanged(1)?;
    let digest = stage.push("RC_1.4.2", &["amd64", "arm64"], "two");
    stage.rolled_out("RC_1.4.2", &digest)
}

fn lost_event(stage: &mut Stage<'_>) -> Result<(), String> {
    stage.stack.control("settings", json!({"events": false}));
    let digest = stage.push("RC_1.4.3", &["arm64"], "three");
    stage.stack.control("settings", json!({"events": true}));
    stage.unchanged(2)?;
    stage
        .story
        .line("stack", "five minutes pass; the sweep runs");
    stage.stack.sweep();
    stage.rolled_out("RC_1.4.3", &digest)
}

fn bad_tag(stage: &mut Stage<'_>) -> Result<(), String> {
    let image = image(REPOSITORY, "RC_1.4.0");
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:deploy", "tga=RC_x.x.x repo=shop/web"),
    ];
    let service = NewService {
        cluster: "shop",
        name: "worker",
        image: &image,
        architecture: "ARM64",
        tags: &tags,
    };
    let worker = create_service(stage.stack, &service);
    stage.told("shop/worker: invalid tag lamplighter:deploy - its operations are disabled")?;
    stage.wait_until_idle()?;
    stage.stack.sweep();
    stage.wait_until_idle()?;
    stage.told("shop/worker: invalid tag lamplighter:deploy - its operations are disabled")?;
    if deployed_image(stage.stack, &worker) == image {
        stage.unchanged(3)
    } else {
        Err("shop/worker was changed".to_owned())
    }
}
