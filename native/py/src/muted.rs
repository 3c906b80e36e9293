//! Muted words, as functions of text and of serialised posts.

use muted_words::MutedWords;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyBytesMethods};

use crate::error::{NativeError, in_range};

/// More than a page has, and more than a person may mute.
const POSTS_MAX: usize = 10_000;
const WORDS_MAX: usize = 1_000;

/// Which of the posts (serialised daira.social.v1.Post) have one of the words or phrases.
#[pyfunction]
#[pyo3(signature = (posts, words))]
pub(crate) fn hide_muted(
    py: Python<'_>,
    posts: Vec<Bound<'_, PyBytes>>,
    words: Vec<String>,
) -> Result<Vec<bool>, NativeError> {
    in_range("len(posts)", posts.len(), 0, POSTS_MAX)?;
    in_range("len(words)", words.len(), 0, WORDS_MAX)?;
    let posts: Vec<&[u8]> = posts.iter().map(PyBytesMethods::as_bytes).collect();
    Ok(py.detach(|| {
        let muted = MutedWords::new(words.iter().map(String::as_str));
        let hide = |post: &&[u8]| muted_words::body_of(post).is_some_and(|body| muted.hide(body));
        posts.iter().map(hide).collect()
    }))
}

/// The words of a phrase as they are compared, one space between them; empty without any.
#[pyfunction]
#[pyo3(signature = (phrase))]
pub(crate) fn fold_words(phrase: &str) -> String {
    muted_words::words(phrase).collect::<Vec<_>>().join(" ")
}
