//! Versions of engines, as far as restores depend on them.

use crate::model::{Database, Snapshot};

/// Engines whose major version is the first part alone. For others, it is the first two: MySQL 8.4, MariaDB 10.11.
const ONE_PART: [&str; 4] = ["postgres", "aurora-postgresql", "oracle", "sqlserver"];

/// Returns the major version, for which AWS keeps groups of parameters and options apart.
/// Source: DescribeDBEngineVersions, `DBParameterGroupFamily`.
pub fn find_major<'a>(engine: &str, version: &'a str) -> &'a str {
    let has_one_part = ONE_PART
        .iter()
        .any(|known| engine == *known || engine.strip_prefix(known).is_some_and(is_edition));
    let mut dots = version.match_indices('.').map(|(at, _)| at);
    let end = if has_one_part {
        dots.next()
    } else {
        dots.nth(1)
    };
    end.and_then(|end| version.get(..end)).unwrap_or(version)
}

/// Reports whether the rest of an engine's name is its edition: `-ee` of `oracle-ee`.
fn is_edition(rest: &str) -> bool {
    rest.starts_with('-')
}

/// Returns the engine version of a backup if the database has another major version now; `None` if they agree, or if one
/// of them is unknown.
pub fn find_other_major<'a>(source: &Database, backup: Option<&'a Snapshot>) -> Option<&'a str> {
    let version = backup?.engine_version.as_str();
    let differs =
        find_major(&source.engine, version) != find_major(&source.engine, &source.engine_version);
    (differs && !version.is_empty() && !source.engine_version.is_empty()).then_some(version)
}

/// Returns the version as AWS takes it: a snapshot has `7.0.7`, and a group is created with `7.0`; up to Redis 5 with all three parts.
/// Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/supported-engine-versions.html>
pub fn shorten_version(version: &str) -> String {
    let parts: Vec<&str> = version.split('.').collect();
    match parts.as_slice() {
        [major, minor, _, ..] if major.parse::<u32>().is_ok_and(|major| major >= 6) => {
            format!("{major}.{minor}")
        }
        _ => version.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::postgres("postgres", "16.4", "16")]
    #[case::aurora_postgres("aurora-postgresql", "15.10", "15")]
    #[case::mysql("mysql", "8.4.3", "8.4")]
    #[case::aurora_mysql("aurora-mysql", "8.0.mysql_aurora.3.05.2", "8.0")]
    #[case::maria("mariadb", "10.11.9", "10.11")]
    #[case::oracle("oracle-ee", "19.0.0.0.ru-2024-10.rur-2024-10.r1", "19")]
    #[case::sql_server("sqlserver-se", "15.00.4415.2.v1", "15")]
    #[case::documents("docdb", "5.0.0", "5.0")]
    #[case::short("mysql", "8.0", "8.0")]
    #[case::unknown("postgres", "", "")]
    fn major_versions(#[case] engine: &str, #[case] version: &str, #[case] major: &str) {
        assert_eq!(find_major(engine, version), major);
    }

    #[rstest]
    #[case::upgraded("16.4", "17.2", Some("16.4"))]
    #[case::minor("16.4", "16.8", None)]
    #[case::unknown_backup("", "17.2", None)]
    #[case::unknown_database("16.4", "", None)]
    fn backups_of_another_major_version(
        #[case] backup: &str,
        #[case] now: &str,
        #[case] found: Option<&str>,
    ) {
        let source = Database {
            engine: "postgres".into(),
            engine_version: now.into(),
            ..Database::default()
        };
        let snapshot = Snapshot {
            engine_version: backup.into(),
            ..Snapshot::default()
        };
        assert_eq!(find_other_major(&source, Some(&snapshot)), found);
    }
}
