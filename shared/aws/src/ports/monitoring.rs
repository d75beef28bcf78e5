//! The ports on what is observed: metrics, alarms, dashboards, logs, changes, probes, subscriptions.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::aws::Aws;
use crate::cloudwatch::{alarms, dashboards, loads, measures, traffic};
use crate::config::is_local;
use crate::{cloudtrail, dead_letters, http, log_archive, logs, tagging, topic};
use lamplighter::AwsError;
use lamplighter::model::{
    AlarmMetric, Arn, CloudTrailEvent, ExistingAlarm, ExportTask, InactiveSubscription, Load,
    LoadQuery, LogDay, LogGroup, LogStream, Measure, ProbeResult, Series, Tagged, TargetGroup,
    Traffic,
};
use lamplighter::ports::{
    Alarms, ChangeHistory, Dashboards, DeadLetters, Logs, Metrics, Probes, Topics,
};

impl<R> Metrics for Aws<R> {
    async fn read_traffic(
        &self,
        groups: &[TargetGroup],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Traffic>, AwsError> {
        traffic::read_traffic(self.account.clients.cloudwatch(), groups, from, to).await
    }

    async fn read_measure(
        &self,
        measure: &Measure,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Series, AwsError> {
        measures::read_measure(self.account.clients.cloudwatch(), measure, from, to).await
    }

    async fn read_metrics(
        &self,
        metrics: &[AlarmMetric],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Series>, AwsError> {
        measures::read_metrics(self.account.clients.cloudwatch(), metrics, from, to).await
    }

    async fn read_loads(
        &self,
        queries: &[LoadQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Load>, AwsError> {
        loads::read_loads(self.account.clients.cloudwatch(), queries, from, to).await
    }
}

impl<R> Alarms for Aws<R> {
    async fn list_own_alarms(&self, of: Option<&Arn>) -> Result<Vec<Tagged>, AwsError> {
        tagging::list_own_alarms(self.account.clients.tagging(), of).await
    }

    async fn alarm_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, AwsError> {
        alarms::list_alarm_tags(self.account.clients.cloudwatch(), arn).await
    }

    async fn describe_alarms(
        &self,
        prefix: &str,
        in_alarm: bool,
    ) -> Result<Vec<ExistingAlarm>, AwsError> {
        alarms::describe_alarms(self.account.clients.cloudwatch(), prefix, in_alarm).await
    }

    async fn find_alarms(&self, names: &[String]) -> Result<Vec<ExistingAlarm>, AwsError> {
        alarms::find_alarms(self.account.clients.cloudwatch(), names).await
    }
}

impl<R> Dashboards for Aws<R> {
    async fn get_dashboard(&self, name: &str) -> Result<Option<String>, AwsError> {
        dashboards::get_dashboard(self.account.clients.cloudwatch(), name).await
    }

    async fn list_dashboards(&self, prefix: &str) -> Result<Vec<String>, AwsError> {
        dashboards::list_dashboards(self.account.clients.cloudwatch(), prefix).await
    }
}

impl<R> Logs for Aws<R> {
    async fn last_log_lines(
        &self,
        stream: &LogStream,
        most: usize,
    ) -> Result<Vec<String>, AwsError> {
        logs::read_last_lines(self.account.clients.logs(), stream, most).await
    }

    async fn describe_log_groups(&self, arns: &[Arn]) -> Result<Vec<LogGroup>, AwsError> {
        logs::describe_log_groups(self.account.clients.logs(), arns).await
    }

    async fn running_export_tasks(&self) -> Result<Vec<ExportTask>, AwsError> {
        logs::list_running_exports(self.account.clients.logs()).await
    }

    async fn find_export_task(&self, id: &str) -> Result<Option<ExportTask>, AwsError> {
        logs::find_export_task(self.account.clients.logs(), id).await
    }

    async fn is_export_complete(&self, day: &LogDay) -> Result<bool, AwsError> {
        log_archive::is_export_complete(self.account.clients.s3(), day).await
    }
}

impl<R> ChangeHistory for Aws<R> {
    async fn cloudtrail_events(
        &self,
        resource: &str,
        since: Timestamp,
    ) -> Result<Vec<CloudTrailEvent>, AwsError> {
        cloudtrail::lookup_changes(self.account.clients.cloudtrail(), resource, since).await
    }

    async fn calls_about(
        &self,
        source: &str,
        names: &[&str],
        since: Timestamp,
    ) -> Result<Vec<CloudTrailEvent>, AwsError> {
        let client = self.account.clients.cloudtrail();
        cloudtrail::lookup_calls(client, source, names, since).await
    }
}

impl<R> Topics for Aws<R> {
    async fn unconfirmed_subscriptions(
        &self,
        topic: &str,
    ) -> Result<Vec<InactiveSubscription>, AwsError> {
        topic::list_unconfirmed(self.account.clients.sns(), topic).await
    }
}

impl<R> DeadLetters for Aws<R> {
    async fn count_dead_letters(&self) -> Result<u64, AwsError> {
        let clients = &self.account.clients;
        dead_letters::count_messages(clients.sqs(), clients.queues()).await
    }
}

impl<R> Probes for Aws<R> {
    async fn probe_url(&self, url: &str, expect: Option<&str>) -> ProbeResult {
        let probed_url = url.to_owned();
        let expected_text = expect.map(str::to_owned);
        // The HTTP client blocks, so that it runs on a thread of its own.
        let probe = tokio::task::spawn_blocking(move || {
            http::probe_url(&probed_url, expected_text.as_deref(), is_local())
        });
        probe.await.unwrap_or_else(|error| ProbeResult {
            url: url.to_owned(),
            problem: Some(error.to_string()),
        })
    }
}
