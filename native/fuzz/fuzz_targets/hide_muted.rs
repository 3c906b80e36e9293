//! Muted words over any bytes: no panic, and hiding does not depend on how a phrase was folded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muted_words::{MutedWords, body_of, words};

fuzz_target!(|input: (Vec<u8>, String, String)| {
    let (post, text, phrase) = input;
    let muted = MutedWords::new([phrase.as_str()]);
    if let Some(body) = body_of(&post) {
        let _ = muted.hide(body);
    }
    let folded = words(&phrase).collect::<Vec<_>>().join(" ");
    assert_eq!(
        muted,
        MutedWords::new([folded.as_str()]),
        "folding twice is folding once"
    );
    assert_eq!(
        muted.hide(&text),
        muted.hide(&words(&text).collect::<Vec<_>>().join(" "))
    );
    if !folded.is_empty() {
        assert!(muted.hide(&phrase));
        assert!(muted.hide(&format!("{text} {phrase}! {text}")));
    }
    // A post of one field is found whatever stands in it.
    let length = u8::try_from(text.len())
        .ok()
        .filter(|length| *length < 0x80);
    if let Some(length) = length {
        let post = [&[0x1a, length], text.as_bytes()].concat();
        assert_eq!(body_of(&post), Some(text.as_str()));
    }
});
