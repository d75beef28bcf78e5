//! The settings of the secret that the stack parameter `InteractionsSecret` names.
//!
//! ```json
//! {"slack_signing_secret": "8f74…", "slack_users": ["U0123ABC"], "slack_groups": ["S0123ABC"], "slack_token": "xoxb-…",
//!  "pagerduty_signing_secrets": ["…"]}
//! ```

use serde::Deserialize;

/// Allows every member of the Slack workspace.
const EVERYONE: &str = "*";
const SLACK_API: &str = "https://slack.com/api";

/// The settings. They have no `Debug`, because they hold secrets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Signs what Slack sends; empty if no Slack app is set up.
    pub slack_signing_secret: String,
    /// The identifier of the Slack workspace whose members may press buttons; empty for any that shares a channel.
    pub slack_team: String,
    /// The identifiers of the Slack users who may press buttons; `*` allows all.
    pub slack_users: Vec<String>,
    /// The identifiers of the Slack user groups whose members may press buttons.
    pub slack_groups: Vec<String>,
    /// A token with `usergroups:read`, which the groups need.
    pub slack_token: String,
    /// The base URL of Slack's Web API.
    pub slack_api: String,
    /// The secrets of the webhook subscriptions of PagerDuty.
    pub pagerduty_signing_secrets: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            slack_signing_secret: String::new(),
            slack_team: String::new(),
            slack_users: Vec::new(),
            slack_groups: Vec::new(),
            slack_token: String::new(),
            slack_api: SLACK_API.to_owned(),
            pagerduty_signing_secrets: Vec::new(),
        }
    }
}

impl Settings {
    /// Parses the secret's JSON document.
    ///
    /// # Errors
    /// What is wrong and how to correct it; never a value.
    pub fn parse(document: &str) -> Result<Self, String> {
        let settings: Self = serde_json::from_str(document).map_err(|error| {
            // The words of serde quote values.
            format!(
                "not a JSON object with the documented fields (line {}, column {})",
                error.line(),
                error.column()
            )
        })?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        let has_slack = !self.slack_signing_secret.is_empty();
        if has_slack && self.slack_users.is_empty() && self.slack_groups.is_empty() {
            return Err(
                "nobody may press a button: set slack_users or slack_groups, or slack_users to [\"*\"]"
                    .to_owned(),
            );
        }
        if self.slack_users.iter().any(|user| user == EVERYONE) && self.slack_team.is_empty() {
            return Err(
                "slack_users with * needs slack_team, the ID of your workspace: channels can be shared with others"
                    .to_owned(),
            );
        }
        if !self.slack_groups.is_empty() && self.slack_token.is_empty() {
            return Err(
                "slack_groups needs slack_token, with the scope usergroups:read".to_owned(),
            );
        }
        // An empty key would accept what anybody signs.
        if self.pagerduty_signing_secrets.iter().any(String::is_empty) {
            return Err("pagerduty_signing_secrets has an empty text".to_owned());
        }
        if !has_slack && self.pagerduty_signing_secrets.is_empty() {
            return Err(
                "neither slack_signing_secret nor pagerduty_signing_secrets is set".to_owned(),
            );
        }
        Ok(())
    }

    /// Reports whether members of a Slack workspace may press buttons at all.
    #[must_use]
    pub fn allows_team(&self, team: &str) -> bool {
        self.slack_team.is_empty() || self.slack_team == team
    }

    /// Reports whether a Slack user is allowed by name, whatever the groups.
    #[must_use]
    pub fn allows_user(&self, user: &str) -> bool {
        self.slack_users
            .iter()
            .any(|allowed| allowed == user || allowed == EVERYONE)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::empty("{}", "neither slack_signing_secret nor")]
    #[case::no_json("xoxb-1", "not a JSON object with the documented fields (line 1")]
    #[case::misspelt(
        r#"{"slack_signing_secrets": "abc"}"#,
        "not a JSON object with the documented fields"
    )]
    #[case::nobody(r#"{"slack_signing_secret": "abc"}"#, "nobody may press a button")]
    #[case::everybody_of_any_workspace(
        r#"{"slack_signing_secret": "abc", "slack_users": ["*"]}"#,
        "needs slack_team"
    )]
    #[case::group_without_token(
        r#"{"slack_signing_secret": "abc", "slack_groups": ["S1"]}"#,
        "slack_groups needs slack_token"
    )]
    #[case::empty_key(r#"{"pagerduty_signing_secrets": [""]}"#, "an empty text")]
    fn an_invalid_document_is_refused_without_its_values(
        #[case] document: &str,
        #[case] problem: &str,
    ) {
        let refused = Settings::parse(document).err().unwrap();
        assert!(refused.contains(problem), "{refused}");
        assert!(
            !refused.contains("abc") && !refused.contains("xoxb"),
            "{refused}"
        );
    }

    #[test]
    fn only_named_users_are_allowed_unless_all_are() {
        let parse = |users: &str| {
            let document = format!(
                r#"{{"slack_signing_secret": "abc", "slack_team": "T1", "slack_users": {users}}}"#
            );
            Settings::parse(&document).ok().unwrap()
        };
        let named = parse(r#"["U1"]"#);
        assert!(named.allows_user("U1") && !named.allows_user("U2") && !named.allows_user(""));
        assert!(parse(r#"["*"]"#).allows_user("U2"));
        assert!(named.allows_team("T1") && !named.allows_team("T2"));
    }
}
