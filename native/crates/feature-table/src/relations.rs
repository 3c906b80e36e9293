//! Whom a viewer's feed has nothing of: blocked either way, or muted.

use hashbrown::HashMap;

use crate::posts::Slot;

/// What stands between a viewer and another person, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelationBits(u8);

impl RelationBits {
    /// The viewer blocks the other.
    pub const BLOCKS: Self = Self(1);
    /// The other blocks the viewer.
    pub const BLOCKED_BY: Self = Self(2);
    /// The viewer mutes the other.
    pub const MUTES: Self = Self(4);

    /// Bits as a number; none if it has others than these.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !(Self::BLOCKS.0 | Self::BLOCKED_BY.0 | Self::MUTES.0) == 0 {
            Some(Self(bits))
        } else {
            None
        }
    }

    /// The bits as a number.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// These bits, those in `mask` replaced by the ones of `new`.
    #[must_use]
    const fn replaced(self, new: Self, mask: Self) -> Self {
        Self(self.0 & !mask.0 | new.0 & mask.0)
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// One viewer's relation to one other person; never without a bit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relation {
    pub(crate) other: Slot,
    pub(crate) bits: RelationBits,
}

/// Relations of each viewer, sorted by the other. None is ever forgotten: a block must hold.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    by_viewer: HashMap<i64, Vec<Relation>>,
    count: usize,
}

impl Relations {
    /// All relations of a viewer, sorted by the other.
    pub(crate) fn of(&self, viewer_id: i64) -> &[Relation] {
        self.by_viewer.get(&viewer_id).map_or(&[], Vec::as_slice)
    }

    /// Sets the bits that are in `mask`.
    pub(crate) fn set(
        &mut self,
        viewer_id: i64,
        other: Slot,
        bits: RelationBits,
        mask: RelationBits,
    ) {
        let relations = self.by_viewer.entry(viewer_id).or_default();
        let before = relations.len();
        let place = relations.binary_search_by_key(&other, |relation| relation.other);
        let old = place.ok().and_then(|at| relations.get(at));
        let bits = old
            .map_or(RelationBits::default(), |relation| relation.bits)
            .replaced(bits, mask);
        match place {
            Ok(at) if bits.is_empty() => {
                relations.remove(at);
            }
            Ok(at) => {
                if let Some(relation) = relations.get_mut(at) {
                    relation.bits = bits;
                }
            }
            Err(_) if bits.is_empty() => {}
            Err(at) => {
                if relations.len() == relations.capacity() {
                    relations.reserve_exact(1 + relations.len() / 2);
                }
                relations.insert(at, Relation { other, bits });
            }
        }
        self.count = self.count + relations.len() - before;
        if relations.is_empty() {
            self.by_viewer.remove(&viewer_id);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn bytes(&self) -> usize {
        let relations: usize = self.by_viewer.values().map(Vec::capacity).sum();
        self.by_viewer.allocation_size() + relations * size_of::<Relation>()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &Relation)> {
        self.by_viewer.iter().flat_map(|(&viewer_id, relations)| {
            relations.iter().map(move |relation| (viewer_id, relation))
        })
    }
}

/// Whether one of a viewer's relations hides the author.
pub(crate) fn hides(relations: &[Relation], author: Slot) -> bool {
    relations
        .binary_search_by_key(&author, |relation| relation.other)
        .is_ok()
}
