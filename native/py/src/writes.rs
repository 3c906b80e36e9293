//! `FeatureTable`, what changes it: columns in, one lock a call.

use pyo3::prelude::*;

use crate::batches::{self, PostColumns};
use crate::columns::{column, rows};
use crate::error::NativeError;
use crate::table::FeatureTable;

#[pymethods]
impl FeatureTable {
    /// Add posts or replace their features (i64, i64, u8, five times u32, u8, i64; an original id of
    /// 0 for what is no repost); how many were new. A deleted post stays deleted.
    fn upsert_posts(
        &self,
        py: Python<'_>,
        post_ids: &[u8],
        author_ids: &[u8],
        kinds: &[u8],
        likes: &[u8],
        reposts: &[u8],
        opens: &[u8],
        impressions: &[u8],
        report_trust: &[u8],
        spams: &[u8],
        original_ids: &[u8],
    ) -> Result<usize, NativeError> {
        let columns = PostColumns {
            post_ids,
            author_ids,
            kinds,
            likes,
            reposts,
            opens,
            impressions,
            report_trust,
            spams,
            original_ids,
        };
        py.detach(|| {
            let posts = columns.rows()?;
            let mut table = self.write()?;
            Ok(posts
                .map(|post| usize::from(table.upsert_post(&post)))
                .sum())
        })
    }

    /// Delete posts, known or still to come (i64); how many were not deleted before.
    fn delete_posts(&self, py: Python<'_>, post_ids: &[u8]) -> Result<usize, NativeError> {
        py.detach(|| {
            let ids = column("post_ids", post_ids, rows("post_ids", post_ids)?)?;
            let mut table = self.write()?;
            Ok(ids.map(|id| usize::from(table.delete_post(id))).sum())
        })
    }

    /// Set absolute follower counts (i64, u32).
    fn set_followers(
        &self,
        py: Python<'_>,
        author_ids: &[u8],
        counts: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let followers = batches::numbered(("author_ids", "counts"), author_ids, counts)?;
            let mut table = self.write()?;
            followers.for_each(|(author, count)| table.set_followers(author, count));
            Ok(())
        })
    }

    /// Change follower counts (i64, i32); never below zero.
    fn add_followers(
        &self,
        py: Python<'_>,
        author_ids: &[u8],
        deltas: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let followers = batches::numbered(("author_ids", "deltas"), author_ids, deltas)?;
            let mut table = self.write()?;
            followers.for_each(|(author, delta)| table.add_followers(author, delta));
            Ok(())
        })
    }

    /// Set whether authors are private (i64, u8 of 0 or 1).
    fn set_private(
        &self,
        py: Python<'_>,
        author_ids: &[u8],
        flags: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let names = ("author_ids", "flags");
            let mut rows = batches::numbered::<u8, 1>(names, author_ids, flags)?;
            if rows.any(|(_, flag)| flag > 1) {
                return Err(NativeError::Flag);
            }
            let rows = batches::numbered::<u8, 1>(names, author_ids, flags)?;
            let mut table = self.write()?;
            rows.for_each(|(author, flag)| table.set_private(author, flag == 1));
            Ok(())
        })
    }

    /// Set those bits of relations that are in `mask` (i64, i64, u8, u8): 1 the viewer blocks the
    /// other, 2 the other blocks the viewer, 4 the viewer mutes the other.
    fn set_relations(
        &self,
        py: Python<'_>,
        viewer_ids: &[u8],
        other_ids: &[u8],
        bits: &[u8],
        mask: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let rows = batches::relations(viewer_ids, other_ids, bits, mask)?;
            let mut table = self.write()?;
            for (viewer, other, bits, mask) in rows {
                table.set_relation(viewer, other, bits, mask);
            }
            Ok(())
        })
    }

    /// Hide posts from viewers who reported them (i64, i64); each viewer's newest 1,000 are kept.
    fn add_viewer_reports(
        &self,
        py: Python<'_>,
        viewer_ids: &[u8],
        post_ids: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let names = ("viewer_ids", "post_ids");
            let reports = batches::numbered(names, viewer_ids, post_ids)?;
            let mut table = self.write()?;
            reports.for_each(|(viewer, post)| table.add_viewer_report(viewer, post));
            Ok(())
        })
    }

    /// Set decayed sums of interactions as they stood at `as_of_ms` (i64, i64, f64, i64).
    fn set_affinities(
        &self,
        py: Python<'_>,
        viewer_ids: &[u8],
        author_ids: &[u8],
        weights: &[u8],
        as_of_ms: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let rows = batches::affinities(viewer_ids, author_ids, weights, as_of_ms)?;
            let mut table = self.write()?;
            for (viewer, author, weight, as_of_ms) in rows {
                table.set_affinity(viewer, author, weight, as_of_ms);
            }
            Ok(())
        })
    }

    /// Add interactions of viewers with authors (i64, i64, i64, f64). A negative weight takes one
    /// back; `at_ms` is then the time of the one that is taken back.
    fn add_interactions(
        &self,
        py: Python<'_>,
        viewer_ids: &[u8],
        author_ids: &[u8],
        at_ms: &[u8],
        weights: &[u8],
    ) -> Result<(), NativeError> {
        py.detach(|| {
            let rows = batches::interactions(viewer_ids, author_ids, at_ms, weights)?;
            let mut table = self.write()?;
            for (viewer, author, weight, at_ms) in rows {
                table.add_interaction(viewer, author, at_ms, weight);
            }
            Ok(())
        })
    }

    /// Change counters (i64, five times i32), never below zero; how many posts were known.
    fn add_counts(
        &self,
        py: Python<'_>,
        post_ids: &[u8],
        likes: &[u8],
        reposts: &[u8],
        opens: &[u8],
        impressions: &[u8],
        report_trust: &[u8],
    ) -> Result<usize, NativeError> {
        py.detach(|| {
            let columns = [likes, reposts, opens, impressions, report_trust];
            let rows = batches::changes(post_ids, columns)?;
            let mut table = self.write()?;
            let known = |(post, changes)| usize::from(table.add_counts(post, &changes));
            Ok(rows.map(known).sum())
        })
    }
}
