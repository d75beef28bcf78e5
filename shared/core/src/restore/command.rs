//! Commands of the AWS CLI.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::EnhancedMonitoring;
use crate::plan::Network;
use crate::restore::origin::{Origin, Place};

/// Columns after which a command goes on in the next line.
const MAX_COLUMNS: usize = 100;
/// The variable with the AWS CLI's profile for the vault's account.
pub const VAULT_PROFILE: &str = "VAULT_PROFILE";

/// A command of the AWS CLI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliCommand {
    words: Vec<Word>,
    /// The shell runs it again until it succeeds.
    is_repeated: bool,
}

/// A word of a command. The shell refuses a command whose variable is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    Literal(String),
    /// A variable of the shell that the reader sets first.
    Variable(&'static str),
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self::Literal(text.to_owned())
    }
}

impl From<String> for Word {
    fn from(text: String) -> Self {
        Self::Literal(text)
    }
}

impl From<&String> for Word {
    fn from(text: &String) -> Self {
        Self::Literal(text.clone())
    }
}

impl CliCommand {
    /// Begins a command in the region and account of a backup. `operation`: one or two words, such as `wait db-instance-available`.
    #[must_use]
    pub fn new(service: &str, operation: &str, origin: &Origin) -> Self {
        let words = ["aws", service].into_iter().chain(operation.split(' '));
        let command = Self {
            words: words.map(Word::from).collect(),
            is_repeated: false,
        };
        let command = match origin.place() {
            Place::Vault => command.option("profile", Word::Variable(VAULT_PROFILE)),
            Place::Here | Place::OtherRegion => command,
        };
        command.option("region", origin.region())
    }

    /// Lets the shell run the command again until it succeeds.
    #[must_use]
    pub fn repeated(self) -> Self {
        Self {
            is_repeated: true,
            ..self
        }
    }

    /// Adds an option with one value.
    #[must_use]
    pub fn option(self, name: &str, value: impl Into<Word>) -> Self {
        self.options(name, [value.into()])
    }

    /// Adds an option with several values; none without a value.
    #[must_use]
    pub fn options(mut self, name: &str, values: impl IntoIterator<Item = Word>) -> Self {
        let mut values = values.into_iter().peekable();
        if values.peek().is_some() {
            self.words.push(Word::Literal(format!("--{name}")));
            self.words.extend(values);
        }
        self
    }

    /// Adds an option if there is a value.
    #[must_use]
    pub fn optional(self, name: &str, value: Option<impl ToString>) -> Self {
        let value = value.map(|value| Word::Literal(value.to_string()));
        self.options(name, value)
    }

    /// Adds a switch: `--name` or `--no-name`.
    #[must_use]
    pub fn switch(mut self, name: &str, is_on: bool) -> Self {
        let no = if is_on { "" } else { "no-" };
        self.words.push(Word::Literal(format!("--{no}{name}")));
        self
    }

    /// Adds a switch that is off unless it is named.
    #[must_use]
    pub fn switch_on(self, name: &str, is_on: bool) -> Self {
        if is_on { self.switch(name, true) } else { self }
    }

    /// Adds Enhanced Monitoring, if there is any.
    #[must_use]
    pub fn monitoring(self, monitoring: Option<&EnhancedMonitoring>) -> Self {
        let interval = monitoring.map(|monitoring| monitoring.interval_seconds);
        let role = monitoring.map(|monitoring| &monitoring.role);
        self.optional("monitoring-interval", interval)
            .optional("monitoring-role-arn", role)
    }

    /// Adds tags.
    #[must_use]
    pub fn tags(self, tags: &BTreeMap<String, String>) -> Self {
        let tags = tags
            .iter()
            .map(|(key, value)| Word::Literal(format!("Key={key},Value={value}")));
        self.options("tags", tags)
    }

    /// Returns the words, with variables as the shell writes them.
    pub fn words(&self) -> impl Iterator<Item = &Word> {
        self.words.iter()
    }

    fn network(self, network: &Network) -> Self {
        let groups = network.security_groups.iter().map(Word::from);
        let command = self
            .optional("db-subnet-group-name", network.subnet_group.as_ref())
            .options("vpc-security-group-ids", groups)
            .optional("port", network.port)
            .optional("network-type", network.network_type.as_ref());
        match network.is_public {
            Some(is_public) => command.switch("publicly-accessible", is_public),
            None => command,
        }
    }

    /// Adds the network of a database that is restored elsewhere, which the reader chooses.
    fn chosen_network(self, network: &Network) -> Self {
        let chosen = Network {
            subnet_group: None,
            security_groups: Vec::new(),
            ..network.clone()
        };
        self.option("db-subnet-group-name", Word::Variable("SUBNET_GROUP"))
            .option("vpc-security-group-ids", Word::Variable("SECURITY_GROUP"))
            .network(&chosen)
    }

    /// Adds the network: that of the source, or one that the reader chooses.
    #[must_use]
    pub fn network_at(self, place: Place, network: &Network) -> Self {
        match place {
            Place::Here => self.network(network),
            Place::OtherRegion | Place::Vault => self.chosen_network(network),
        }
    }
}

/// Writes the command for a shell, in lines that end with a backslash.
impl fmt::Display for CliCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut column = 0;
        if self.is_repeated {
            f.write_str("until ")?;
            column = "until ".len();
        }
        for (n, word) in self.words.iter().enumerate() {
            let word = word.to_string();
            let is_option = word.starts_with("--");
            if n > 0 && is_option && column + word.len() > MAX_COLUMNS - 30 {
                f.write_str(" \\\n  ")?;
                column = 2;
            } else if n > 0 {
                f.write_str(" ")?;
                column += 1;
            }
            f.write_str(&word)?;
            column += word.len();
        }
        if self.is_repeated {
            f.write_str("; do sleep 10; done")?;
        }
        Ok(())
    }
}

/// Writes a word for a shell, quoted where it must be.
impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A shell can't take a NUL, and neither can AWS.
            Self::Literal(text) => match shlex::try_quote(text) {
                Ok(quoted) => f.write_str(&quoted),
                Err(_) => f.write_str("''"),
            },
            // An empty value would mean another account, or a default.
            Self::Variable(name) => write!(f, "\"${{{name}:?}}\""),
        }
    }
}
