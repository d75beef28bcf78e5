//! What the simulated AWS answers about load, alarms, logs, changes and addresses.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::model::{
    AlarmMetric, AlarmState, Arn, CloudTrailEvent, ExistingAlarm, ExportTask, InactiveSubscription,
    Load, LoadQuery, LogDay, LogGroup, LogStream, Measure, ProbeResult, ScalableTarget, Series,
    Tagged, TargetGroup, Traffic,
};
use lamplighter::policy::TARGET;
use lamplighter::ports::{
    Alarms, ChangeHistory, Dashboards, DeadLetters, Logs, Metrics, Probes, Scaling, Topics,
};

use super::World;

impl Metrics for World {
    async fn read_traffic(
        &self,
        groups: &[TargetGroup],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Traffic>, AwsError> {
        self.call("GetMetricData", &format!("{} groups", groups.len()))
            .await?;
        Ok(groups
            .iter()
            .map(|group| self.state().through(&group.arn, from, to))
            .collect())
    }

    async fn read_measure(
        &self,
        measure: &Measure,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Series, AwsError> {
        self.call("GetMetricData", "an alarm").await?;
        Ok(self.state().measure_of(measure, from, to))
    }

    async fn read_metrics(
        &self,
        metrics: &[AlarmMetric],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Series>, AwsError> {
        self.call("GetMetricData", &format!("{} metrics", metrics.len()))
            .await?;
        let measures = metrics.iter().cloned().map(Measure::One);
        Ok(measures
            .map(|measure| self.state().measure_of(&measure, from, to))
            .collect())
    }

    async fn read_loads(
        &self,
        queries: &[LoadQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Load>, AwsError> {
        for chunk in queries.chunks(125) {
            self.call("GetMetricData", &format!("{} services", chunk.len()))
                .await?;
        }
        Ok(queries
            .iter()
            .map(|query| self.state().measured(query, from, to))
            .collect())
    }
}

impl Scaling for World {
    async fn describe_scalable_targets(
        &self,
        services: &[Arn],
    ) -> Result<Vec<ScalableTarget>, AwsError> {
        for chunk in services.chunks(50) {
            self.call(
                "DescribeScalableTargets",
                &format!("{} services", chunk.len()),
            )
            .await?;
        }
        Ok(services
            .iter()
            .filter_map(|arn| self.state().scalable.get(arn).cloned())
            .collect())
    }
}

impl Alarms for World {
    async fn list_own_alarms(&self, of: Option<&Arn>) -> Result<Vec<Tagged>, AwsError> {
        let mut found = self.state().tagged("cloudwatch", TARGET);
        found.retain(|alarm| of.is_none_or(|of| alarm.tags[TARGET] == of.as_str()));
        self.pages("GetResources", TARGET, found.len(), 100).await?;
        Ok(found)
    }

    async fn alarm_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, AwsError> {
        self.call("ListTagsForResource", arn).await?;
        Ok(self
            .state()
            .tags
            .get(&Arn::new(arn))
            .cloned()
            .unwrap_or_default())
    }

    async fn describe_alarms(
        &self,
        prefix: &str,
        in_alarm: bool,
    ) -> Result<Vec<ExistingAlarm>, AwsError> {
        let wanted = |alarm: &&ExistingAlarm| {
            alarm.name.starts_with(prefix) && (!in_alarm || alarm.state == AlarmState::Alarm)
        };
        let found: Vec<ExistingAlarm> = self
            .state()
            .alarms
            .values()
            .filter(wanted)
            .cloned()
            .collect();
        self.pages("DescribeAlarms", prefix, found.len(), 100)
            .await?;
        Ok(found)
    }

    async fn find_alarms(&self, names: &[String]) -> Result<Vec<ExistingAlarm>, AwsError> {
        self.call("DescribeAlarms", &names.join(", ")).await?;
        let state = self.state();
        Ok(names
            .iter()
            .filter_map(|name| state.alarms.get(name).cloned())
            .collect())
    }
}

impl Dashboards for World {
    async fn get_dashboard(&self, name: &str) -> Result<Option<String>, AwsError> {
        self.call("GetDashboard", name).await?;
        Ok(self.state().dashboards.get(name).cloned())
    }

    async fn list_dashboards(&self, prefix: &str) -> Result<Vec<String>, AwsError> {
        self.call("ListDashboards", prefix).await?;
        Ok(self
            .state()
            .dashboards
            .keys()
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect())
    }
}

impl DeadLetters for World {
    async fn count_dead_letters(&self) -> Result<u64, AwsError> {
        self.call("GetQueueAttributes", "dead letters").await?;
        let count = self.state().dead_letters.len();
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl Topics for World {
    async fn unconfirmed_subscriptions(
        &self,
        topic: &str,
    ) -> Result<Vec<InactiveSubscription>, AwsError> {
        self.call("ListSubscriptionsByTopic", topic).await?;
        Ok(self.state().unreached.clone())
    }
}

impl Logs for World {
    async fn last_log_lines(&self, stream: &LogStream, _: usize) -> Result<Vec<String>, AwsError> {
        self.call("GetLogEvents", &stream.name).await?;
        Ok(self
            .state()
            .written
            .get(stream)
            .cloned()
            .unwrap_or_default())
    }

    async fn describe_log_groups(&self, arns: &[Arn]) -> Result<Vec<LogGroup>, AwsError> {
        self.pages("DescribeLogGroups", "tagged", arns.len(), 50)
            .await?;
        Ok(arns
            .iter()
            .filter_map(|arn| self.state().log_groups.get(arn).cloned())
            .collect())
    }

    async fn running_export_tasks(&self) -> Result<Vec<ExportTask>, AwsError> {
        self.call("DescribeExportTasks", "RUNNING").await?;
        Ok(self.state().running_exports())
    }

    async fn find_export_task(&self, id: &str) -> Result<Option<ExportTask>, AwsError> {
        self.call("DescribeExportTasks", id).await?;
        Ok(self.state().export(id))
    }

    async fn is_export_complete(&self, day: &LogDay) -> Result<bool, AwsError> {
        self.call("HeadObject", &day.manifest_key()).await?;
        Ok(self.state().manifests.contains(&day.manifest_key()))
    }
}

impl ChangeHistory for World {
    async fn cloudtrail_events(
        &self,
        resource: &str,
        since: Timestamp,
    ) -> Result<Vec<CloudTrailEvent>, AwsError> {
        self.call("LookupEvents", resource).await?;
        Ok(self.changes_since(resource, since))
    }

    async fn calls_about(
        &self,
        _: &str,
        names: &[&str],
        since: Timestamp,
    ) -> Result<Vec<CloudTrailEvent>, AwsError> {
        let name = names.join("/");
        self.call("LookupEvents", &name).await?;
        Ok(self.changes_since(&name, since))
    }
}

impl World {
    /// What CloudTrail says of calls about a resource.
    fn changes_since(&self, resource: &str, since: Timestamp) -> Vec<CloudTrailEvent> {
        let state = self.state();
        let known = state.changes.get(resource).into_iter().flatten();
        known.filter(|change| change.at >= since).cloned().collect()
    }
}

impl Probes for World {
    async fn probe_url(&self, url: &str, _: Option<&str>) -> ProbeResult {
        let _ = self.call("Ask", url).await;
        let now = self.state().now;
        let problem = self
            .state()
            .unwell
            .as_ref()
            .filter(|unwell| unwell(now))
            .map(|_| "HTTP 503".to_owned());
        ProbeResult {
            url: url.to_owned(),
            problem,
        }
    }
}
