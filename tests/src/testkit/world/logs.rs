//! Log groups and their exports in the simulated world.

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::model::{Arn, ExportTask, LogGroup};
use lamplighter::plan::{ExportLogs, SetRetention, WriteManifest};

use super::{State, World, confirm_answer, error};

/// From asking for an export until it is complete.
const TAKES: SignedDuration = SignedDuration::from_mins(7);

impl World {
    /// A log group with this tag, made long ago, that keeps its events for ever.
    pub fn log_group(&self, name: &str, logs: &str) -> Arn {
        let arn = Arn::new(format!(
            "arn:aws:logs:eu-west-1:123456789012:log-group:{name}"
        ));
        let mut state = self.state_mut();
        let created = Some(Timestamp::UNIX_EPOCH);
        let group = LogGroup {
            arn: arn.clone(),
            created,
            retention_days: None,
            class: "STANDARD".to_owned(),
        };
        state.log_groups.insert(arn.clone(), group);
        let tags = [("lamplighter:managed", "true"), ("lamplighter:logs", logs)];
        state.tags.insert(
            arn.clone(),
            tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        );
        drop(state);
        arn
    }

    pub(super) async fn export_logs(&self, export: &ExportLogs) -> Result<String, AwsError> {
        let name = export.of.group.display_name();
        let answered = self.call("CreateExportTask", &export.of.prefix).await?;
        let id = {
            let mut state = self.state_mut();
            if !state.running_exports().is_empty() {
                return Err(error(
                    "CreateExportTask",
                    &name,
                    "LimitExceededException",
                    "Resource limit exceeded.",
                ));
            }
            let id = format!("task-{}", state.exports.len() + 1);
            let task = ExportTask {
                id: id.clone(),
                name: export.of.task_name(),
                log_group: name.clone(),
                bucket: export.of.bucket.clone(),
                prefix: export.of.prefix.clone(),
                status: "RUNNING".to_owned(),
                message: String::new(),
            };
            let now = state.now;
            state.exports.push((task, now));
            id
        };
        confirm_answer(answered, "CreateExportTask", &name)?;
        Ok(id)
    }

    pub(super) async fn write_manifest(
        &self,
        complete: &WriteManifest,
    ) -> Result<String, AwsError> {
        let key = complete.of.manifest_key();
        let answered = self.call("PutObject", &key).await?;
        self.state_mut().manifests.insert(key.clone());
        confirm_answer(answered, "PutObject", &key)?;
        Ok("0 objects, 0 bytes".to_owned())
    }

    pub(super) async fn retain(&self, retain: &SetRetention) -> Result<String, AwsError> {
        let name = retain.group.display_name();
        let answered = self.call("PutRetentionPolicy", &name).await?;
        if let Some(group) = self.state_mut().log_groups.get_mut(&retain.group) {
            group.retention_days = Some(retain.days);
        }
        confirm_answer(answered, "PutRetentionPolicy", &name)?;
        Ok("kept".to_owned())
    }
}

impl State {
    /// A task as AWS describes it now.
    #[must_use]
    pub fn export(&self, id: &str) -> Option<ExportTask> {
        self.exports
            .iter()
            .find(|(task, _)| task.id == id)
            .map(|(task, began)| self.seen(task, *began))
    }

    #[must_use]
    pub fn running_exports(&self) -> Vec<ExportTask> {
        let seen = self
            .exports
            .iter()
            .map(|(task, began)| self.seen(task, *began));
        seen.filter(|task| task.status == "RUNNING").collect()
    }

    fn seen(&self, task: &ExportTask, began: Timestamp) -> ExportTask {
        let is_over = task.status == "RUNNING" && self.now.duration_since(began) >= TAKES;
        let status = if is_over {
            "COMPLETED".to_owned()
        } else {
            task.status.clone()
        };
        ExportTask {
            status,
            ..task.clone()
        }
    }
}
