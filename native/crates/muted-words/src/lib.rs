//! Finds the words that a person does not want to read.
//!
//! Words are compared as people read them: without case, and Arabic without its marks and with the
//! forms of alef, yeh and teh marbuta alike, as Egyptians write them. Only whole words match; a
//! phrase matches the same words in a row, whatever stands between them.

mod fold;
mod post;

pub use fold::{fold, words};
pub use post::body_of;

/// Words and phrases, folded once and compared many times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MutedWords {
    phrases: Vec<Vec<String>>,
}

impl MutedWords {
    /// Takes words and phrases; those of punctuation alone match nothing.
    pub fn new<'a>(phrases: impl IntoIterator<Item = &'a str>) -> Self {
        let phrases = phrases.into_iter().map(|phrase| words(phrase).collect());
        Self {
            phrases: phrases
                .filter(|words: &Vec<String>| !words.is_empty())
                .collect(),
        }
    }

    /// Whether the text has one of them.
    #[must_use]
    pub fn hide(&self, text: &str) -> bool {
        if self.phrases.is_empty() {
            return false;
        }
        let text: Vec<String> = words(text).collect();
        self.phrases
            .iter()
            .any(|phrase| text.windows(phrase.len()).any(|row| row == phrase))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_match_however_they_are_written() {
        let muted = MutedWords::new(["أهلي", "Spoiler", "كرة القدم"]);
        for hidden in [
            "مبروك للاهلي يا جماعة اهلى بطل",
            "SPOILER: he dies",
            "ماتش #اهلي",
            "بحب كُرَةَ القَدَم",
            "كره   القدم!",
        ] {
            assert!(muted.hide(hidden), "{hidden}");
        }
        for shown in ["مبروك للاهلي", "spoilers", "كرة", "القدم كرة", ""] {
            assert!(!muted.hide(shown), "{shown}");
        }
    }

    #[test]
    fn nothing_muted_hides_nothing() {
        assert!(!MutedWords::new([]).hide("أي كلام"));
        assert!(!MutedWords::new(["…", " "]).hide("… أي كلام"));
    }
}
