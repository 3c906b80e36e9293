//! Text as it is compared.

/// The words of a text, each folded: what stands between letters, digits and marks separates them.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !is_of_a_word(letter))
        .map(fold)
        .filter(|word| !word.is_empty())
}

/// A word without case, Arabic marks and tatweel, with like letters alike.
#[must_use]
pub fn fold(word: &str) -> String {
    word.chars()
        .flat_map(char::to_lowercase)
        .filter(|&letter| !is_mark(letter))
        .map(alike)
        .collect()
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || is_mark(letter)
}

/// Combining accents (İ in lower case has one), harakat, Quranic marks, the dagger alef and tatweel.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{0300}'..='\u{036f}' | '\u{0610}'..='\u{061a}' | '\u{0640}' | '\u{064b}'..='\u{065f}' | '\u{0670}' | '\u{06d6}'..='\u{06dc}' | '\u{06df}'..='\u{06e8}' | '\u{06ea}'..='\u{06ed}')
}

/// Letters that are written for one another.
fn alike(letter: char) -> char {
    match letter {
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ى' | 'ئ' => 'ي',
        'ة' => 'ه',
        'ؤ' => 'و',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arabic_is_folded_as_it_is_read() {
        assert_eq!(fold("القَاهِـرَةُ"), "القاهره");
        assert_eq!(fold("إِلَىٰ"), "الي");
        assert_eq!(fold("مسؤول"), "مسوول");
        assert_eq!(fold("İstanbul"), "istanbul");
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in ".*") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn folded_words_are_words_of_themselves(text in ".*") {
            let once: Vec<String> = words(&text).collect();
            prop_assert_eq!(words(&once.join(" ")).collect::<Vec<_>>(), once);
        }

        #[test]
        fn no_text_panics(text in ".*") {
            prop_assert!(words(&text).all(|word| !word.is_empty()));
        }
    }
}
