//! Any table, any request: the feed keeps its promises.
#![no_main]

mod promises;
mod request;
mod writes;

use arbitrary::Arbitrary;
use feature_table::{FeatureTable, TableSettings};
use libfuzzer_sys::fuzz_target;

use request::Request;
use writes::Write;

#[derive(Arbitrary, Debug)]
struct Input {
    max_posts: u8,
    posts_per_author: u8,
    writes: Vec<Write>,
    request: Request,
}

fuzz_target!(|input: Input| {
    let settings = TableSettings::new(
        8 + usize::from(input.max_posts),
        1 + usize::from(input.posts_per_author),
        2_592_000_000.0,
    );
    let mut table = FeatureTable::new(settings.expect("settings within their bounds"));
    for write in &input.writes {
        write.apply(&mut table);
    }
    promises::check(&table, &input.request);
});
