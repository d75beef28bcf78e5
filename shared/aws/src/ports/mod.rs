//! The implementation of the reading ports, one file per area. Reads need no capability.

mod databases;
mod monitoring;
mod releases;
mod services;
