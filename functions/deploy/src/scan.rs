//! `scan=`: holds an image until its scan is finished and clean.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use lamplighter::Plan;
use lamplighter::model::ImageScan;
use lamplighter::policy::FindingSeverity;

use crate::candidate::Candidate;
use crate::messages::{self, format_findings};

/// How long after a push ECR may still report no scan.
const SCAN_STARTS_WITHIN: SignedDuration = SignedDuration::from_mins(15);

impl Candidate<'_> {
    /// Holds an image whose scan found something, or is not finished.
    pub fn check_scan(&self) -> Option<Plan> {
        if self.is_expected() {
            return None;
        }
        let level = self.context.policy.deploy.scan?;
        match self.observed.scan.as_ref()? {
            ImageScan::Pending(why) => Some(self.wait_for_scan(why)),
            ImageScan::Unavailable(why) if self.can_scan_still_start() => {
                Some(self.wait_for_scan(why))
            }
            ImageScan::Unavailable(why) => {
                Some(Plan::notify(messages::not_scanned(self.image, why)))
            }
            ImageScan::Finished(counts) => self.check_findings(level, counts),
        }
    }

    fn can_scan_still_start(&self) -> bool {
        self.pushed_at
            .is_some_and(|at| self.now.duration_since(at) < SCAN_STARTS_WITHIN)
    }

    fn wait_for_scan(&self, why: &str) -> Plan {
        Plan::nothing(format!("{} waits for its scan: {why}", self.label()))
    }

    fn check_findings(
        &self,
        level: FindingSeverity,
        counts: &BTreeMap<String, u32>,
    ) -> Option<Plan> {
        let findings = format_findings(level, counts);
        (!findings.is_empty()).then(|| Plan::notify(messages::scan_findings(self.image, &findings)))
    }
}
