//! What the repository promises elsewhere than in code: the template, the sample events, the manual and the pictures.

mod comparison;
mod corpus;
mod manual;
mod pictures;
mod pipelines;
mod references;
mod restores;
mod rules;
mod template;
