//! Rows of the batch calls, zipped from their columns.

use feature_table::{Like, PostFeatures};

use crate::columns::{column, rows};
use crate::error::NativeError;

/// A viewer, an author, the affinity's weight and the time it holds at.
pub(crate) type AffinityRow = (i64, i64, f64, i64);

pub(crate) fn posts(
    post_ids: &[u8],
    author_ids: &[u8],
    kinds: &[u8],
    likes: &[u8],
    reports: &[u8],
) -> Result<impl Iterator<Item = PostFeatures>, NativeError> {
    let rows = rows("post_ids", post_ids)?;
    let ids = column("post_ids", post_ids, rows)?.zip(column("author_ids", author_ids, rows)?);
    let counts = column("likes", likes, rows)?.zip(column("reports", reports, rows)?);
    let features = ids.zip(column("kinds", kinds, rows)?).zip(counts);
    Ok(
        features.map(|(((id, author_id), kind), (likes, reports))| PostFeatures {
            id,
            author_id,
            kind,
            likes,
            reports,
        }),
    )
}

pub(crate) fn affinities(
    viewer_ids: &[u8],
    author_ids: &[u8],
    weights: &[u8],
    as_of_ms: &[u8],
) -> Result<impl Iterator<Item = AffinityRow>, NativeError> {
    let rows = rows("viewer_ids", viewer_ids)?;
    let mut checked = column::<f64, 8>("weights", weights, rows)?;
    if checked.any(|weight| !(weight.is_finite() && weight >= 0.0)) {
        return Err(NativeError::Weight);
    }
    let pairs =
        column("viewer_ids", viewer_ids, rows)?.zip(column("author_ids", author_ids, rows)?);
    let held = column("weights", weights, rows)?.zip(column("as_of_ms", as_of_ms, rows)?);
    Ok(pairs
        .zip(held)
        .map(|((viewer, author), (weight, at))| (viewer, author, weight, at)))
}

/// Rows of likes; zero or no `author_ids` where the caller does not know the authors.
pub(crate) fn likes(
    viewer_ids: &[u8],
    post_ids: &[u8],
    at_ms: &[u8],
    deltas: &[u8],
    author_ids: Option<&[u8]>,
) -> Result<impl Iterator<Item = Like>, NativeError> {
    let rows = rows("viewer_ids", viewer_ids)?;
    if column::<i8, 1>("deltas", deltas, rows)?.any(|delta| delta != 1 && delta != -1) {
        return Err(NativeError::LikeDelta);
    }
    let known = author_ids
        .map(|ids| column("author_ids", ids, rows))
        .transpose()?;
    let authors = known
        .into_iter()
        .flatten()
        .map(|id: i64| (id != 0).then_some(id));
    let pairs = column("viewer_ids", viewer_ids, rows)?.zip(column("post_ids", post_ids, rows)?);
    let changes = column("at_ms", at_ms, rows)?.zip(column("deltas", deltas, rows)?);
    let rows = pairs
        .zip(changes)
        .zip(authors.chain(std::iter::repeat(None)));
    Ok(rows.map(
        |(((viewer_id, post_id), (at_ms, change)), author_id)| Like {
            viewer_id,
            post_id,
            author_id,
            at_ms,
            change,
        },
    ))
}

/// Author ids with an absolute count (u32) or a change (i32) each.
pub(crate) fn followers<T: crate::columns::Packed<4>>(
    author_ids: &[u8],
    numbers: &[u8],
) -> Result<impl Iterator<Item = (i64, T)>, NativeError> {
    let rows = rows("author_ids", author_ids)?;
    Ok(column("author_ids", author_ids, rows)?.zip(column("numbers", numbers, rows)?))
}

/// Bytes of one row of `FeatureTable.features`.
pub(crate) const FEATURE_ROW_BYTES: usize = 32;

/// Packs the features of one post; zeros for none.
pub(crate) fn push_feature_row(rows: &mut Vec<u8>, features: Option<(PostFeatures, u32)>) {
    let end = rows.len() + FEATURE_ROW_BYTES;
    if let Some((post, followers)) = features {
        rows.extend_from_slice(&post.id.to_le_bytes());
        rows.extend_from_slice(&post.author_id.to_le_bytes());
        rows.extend_from_slice(&post.likes.to_le_bytes());
        rows.extend_from_slice(&post.reports.to_le_bytes());
        rows.extend_from_slice(&followers.to_le_bytes());
        rows.push(post.kind);
    }
    rows.resize(end, 0);
}
