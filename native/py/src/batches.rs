//! Rows of the batch calls, zipped from their columns.

use feature_table::{CounterChanges, PostFeatures, RelationBits};
use feed_rank::Counters;

use crate::columns::{Packed, column, rows};
use crate::error::NativeError;

/// A viewer, an author, a weight and a time: the affinity as of then, or an interaction of then.
pub(crate) type AffinityRow = (i64, i64, f64, i64);

/// The columns of `upsert_posts`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PostColumns<'a> {
    pub(crate) post_ids: &'a [u8],
    pub(crate) author_ids: &'a [u8],
    pub(crate) kinds: &'a [u8],
    pub(crate) likes: &'a [u8],
    pub(crate) reposts: &'a [u8],
    pub(crate) opens: &'a [u8],
    pub(crate) impressions: &'a [u8],
    pub(crate) report_trust: &'a [u8],
    pub(crate) spams: &'a [u8],
    pub(crate) original_ids: &'a [u8],
}

impl<'a> PostColumns<'a> {
    pub(crate) fn rows(self) -> Result<impl Iterator<Item = PostFeatures> + use<'a>, NativeError> {
        let rows = rows("post_ids", self.post_ids)?;
        if column::<u8, 1>("spams", self.spams, rows)?.any(|spam| spam > 100) {
            return Err(NativeError::Spam);
        }
        let mut author_ids = column("author_ids", self.author_ids, rows)?;
        let mut original_ids = column("original_ids", self.original_ids, rows)?;
        let mut kinds = column("kinds", self.kinds, rows)?;
        let mut spams = column("spams", self.spams, rows)?;
        let mut likes = column("likes", self.likes, rows)?;
        let mut reposts = column("reposts", self.reposts, rows)?;
        let mut opens = column("opens", self.opens, rows)?;
        let mut impressions = column("impressions", self.impressions, rows)?;
        let mut report_trust = column("report_trust", self.report_trust, rows)?;
        let posts = column("post_ids", self.post_ids, rows)?.map_while(move |id| {
            Some(PostFeatures {
                id,
                author_id: author_ids.next()?,
                original_id: original_ids.next()?,
                counters: Counters {
                    likes: likes.next()?,
                    reposts: reposts.next()?,
                    opens: opens.next()?,
                    impressions: impressions.next()?,
                    report_trust: report_trust.next()?,
                },
                kind: kinds.next()?,
                spam: spams.next()?,
            })
        });
        Ok(posts)
    }
}

/// Rows of `add_counts`: a post and the changes of its counters.
pub(crate) fn changes(
    post_ids: &[u8],
    [likes, reposts, opens, impressions, report_trust]: [&[u8]; 5],
) -> Result<impl Iterator<Item = (i64, CounterChanges)>, NativeError> {
    let rows = rows("post_ids", post_ids)?;
    let mut likes = column("likes", likes, rows)?;
    let mut reposts = column("reposts", reposts, rows)?;
    let mut opens = column("opens", opens, rows)?;
    let mut impressions = column("impressions", impressions, rows)?;
    let mut report_trust = column("report_trust", report_trust, rows)?;
    let changes = column("post_ids", post_ids, rows)?.map_while(move |id| {
        let changes = CounterChanges {
            likes: likes.next()?,
            reposts: reposts.next()?,
            opens: opens.next()?,
            impressions: impressions.next()?,
            report_trust: report_trust.next()?,
        };
        Some((id, changes))
    });
    Ok(changes)
}

/// Rows of absolute affinities; their weights are not negative.
pub(crate) fn affinities(
    viewer_ids: &[u8],
    author_ids: &[u8],
    weights: &[u8],
    as_of_ms: &[u8],
) -> Result<impl Iterator<Item = AffinityRow>, NativeError> {
    let rows = rows("viewer_ids", viewer_ids)?;
    if column::<f64, 8>("weights", weights, rows)?.any(|weight| weight < 0.0) {
        return Err(NativeError::NegativeWeight);
    }
    interactions(viewer_ids, author_ids, as_of_ms, weights)
}

/// Rows of interactions; a negative weight takes one back.
pub(crate) fn interactions(
    viewer_ids: &[u8],
    author_ids: &[u8],
    at_ms: &[u8],
    weights: &[u8],
) -> Result<impl Iterator<Item = AffinityRow>, NativeError> {
    let rows = rows("viewer_ids", viewer_ids)?;
    if column::<f64, 8>("weights", weights, rows)?.any(|weight| !weight.is_finite()) {
        return Err(NativeError::Weight);
    }
    let pairs =
        column("viewer_ids", viewer_ids, rows)?.zip(column("author_ids", author_ids, rows)?);
    let held = column("weights", weights, rows)?.zip(column("at_ms", at_ms, rows)?);
    Ok(pairs
        .zip(held)
        .map(|((viewer, author), (weight, at))| (viewer, author, weight, at)))
}

/// Rows of `set_relations`: a viewer, another person, bits, and which of them are set.
pub(crate) fn relations(
    viewer_ids: &[u8],
    other_ids: &[u8],
    bits: &[u8],
    mask: &[u8],
) -> Result<impl Iterator<Item = (i64, i64, RelationBits, RelationBits)>, NativeError> {
    let rows = rows("viewer_ids", viewer_ids)?;
    let mut all = column::<u8, 1>("bits", bits, rows)?.chain(column("mask", mask, rows)?);
    if all.any(|bits| RelationBits::from_bits(bits).is_none()) {
        return Err(NativeError::RelationBits);
    }
    let pairs = column("viewer_ids", viewer_ids, rows)?.zip(column("other_ids", other_ids, rows)?);
    let changes = column("bits", bits, rows)?.zip(column("mask", mask, rows)?);
    Ok(pairs
        .zip(changes)
        .map_while(|((viewer, other), (bits, mask))| {
            let (bits, mask) = (
                RelationBits::from_bits(bits)?,
                RelationBits::from_bits(mask)?,
            );
            Some((viewer, other, bits, mask))
        }))
}

/// Ids with a number each: a count, a change, a flag, or another id.
pub(crate) fn numbered<T: Packed<WIDTH>, const WIDTH: usize>(
    names: (&'static str, &'static str),
    ids: &[u8],
    numbers: &[u8],
) -> Result<impl Iterator<Item = (i64, T)>, NativeError> {
    let rows = rows(names.0, ids)?;
    Ok(column(names.0, ids, rows)?.zip(column(names.1, numbers, rows)?))
}

/// Bytes of one row of `FeatureTable.features`.
pub(crate) const FEATURE_ROW_BYTES: usize = 56;

/// Packs the features of one post; zeros for none.
pub(crate) fn push_feature_row(rows: &mut Vec<u8>, features: Option<(PostFeatures, u32)>) {
    let end = rows.len() + FEATURE_ROW_BYTES;
    if let Some((post, followers)) = features {
        for id in [post.id, post.author_id, post.original_id] {
            rows.extend_from_slice(&id.to_le_bytes());
        }
        let counters = &post.counters;
        for count in [
            counters.likes,
            counters.reposts,
            counters.opens,
            counters.impressions,
            counters.report_trust,
            followers,
        ] {
            rows.extend_from_slice(&count.to_le_bytes());
        }
        rows.extend_from_slice(&[post.kind, post.spam]);
    }
    rows.resize(end, 0);
}
