//! Keeps the newest posts that may be shown.

/// The outcome of [`newest_eligible`].
#[derive(Clone, Debug, PartialEq)]
pub struct Eligible<T> {
    /// What was kept, newest first.
    pub kept: Vec<T>,
    /// Whether an eligible post was left out because `cap` were kept already.
    pub cut: bool,
}

/// Keeps the first `cap` ids that `lookup` knows; the others (deleted, unknown) do not count.
pub fn newest_eligible<T>(
    newest_first: impl Iterator<Item = i64>,
    cap: usize,
    mut lookup: impl FnMut(i64) -> Option<T>,
) -> Eligible<T> {
    let mut kept = Vec::with_capacity(cap.min(newest_first.size_hint().1.unwrap_or(cap)));
    for id in newest_first {
        let Some(found) = lookup(id) else { continue };
        if kept.len() == cap {
            return Eligible { kept, cut: true };
        }
        kept.push(found);
    }
    Eligible { kept, cut: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_ids_do_not_use_up_the_cap() {
        let even = |id: i64| (id % 2 == 0).then_some(id);
        let eligible = newest_eligible([9, 8, 7, 6, 5].into_iter(), 2, even);
        assert_eq!(
            eligible,
            Eligible {
                kept: vec![8, 6],
                cut: false
            }
        );
        let eligible = newest_eligible([8, 6, 5, 4].into_iter(), 2, even);
        assert_eq!(
            eligible,
            Eligible {
                kept: vec![8, 6],
                cut: true
            }
        );
    }
}
