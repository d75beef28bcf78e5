//! Amazon RDS, including Aurora and DocumentDB, which have the same API.

pub mod databases;
pub mod drills;
pub mod restores;
pub mod retained;
pub mod settings;
pub mod sharing;
pub mod snapshot_listing;
pub mod snapshots;
