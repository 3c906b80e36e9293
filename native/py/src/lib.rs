//! The module `daira_native._native`: converts, releases the interpreter, calls the pure crates.

mod batches;
mod columns;
mod error;
mod feed;
mod feeds;
mod ids;
mod json_plan;
mod muted;
mod seen;
mod settings;
mod table;
mod writes;

use mimalloc::MiMalloc;
use pyo3::prelude::*;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The feature table and feed ranking of DAIRA, in Rust.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::feed::RankedFeed;
    #[pymodule_export]
    use crate::json_plan::JsonPlan;
    #[pymodule_export]
    use crate::muted::{fold_words, hide_muted};
    #[pymodule_export]
    use crate::seen::{seen_bits, seen_build, seen_contains};
    #[pymodule_export]
    use crate::settings::RankSettings;
    #[pymodule_export]
    use crate::source_hash;
    #[pymodule_export]
    use crate::table::FeatureTable;
}

/// The hash of the sources this module was built from.
#[pyfunction]
fn source_hash() -> &'static str {
    env!("DAIRA_SOURCE_HASH")
}
