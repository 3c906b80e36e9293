"""Sentences of the demo community in English, with slots in braces filled from the word lists."""

from __future__ import annotations

WORDS: dict[str, tuple[str, ...]] = {
    "dish": ("koshary", "foul", "taameya", "molokhia", "fatta", "shakshouka", "hawawshi", "mahshi"),
    "drink": ("mint tea", "Turkish coffee", "cane juice", "hibiscus", "sahlab", "iced lemonade"),
    "place": ("Zamalek", "Maadi", "Heliopolis", "Downtown", "Alexandria", "Aswan", "Dahab", "Fayoum", "Mansoura"),
    "skill": ("Rust", "Python", "the oud", "calligraphy", "film photography", "baking", "chess", "swimming"),
    "time": ("this morning", "last night", "today", "after sunset", "before the rush", "this week"),
    "when": ("tonight", "tomorrow", "on Friday", "this evening", "early on Saturday"),
    "person": ("my sister", "my grandmother", "a neighbour", "my flatmate", "an old friend", "my uncle"),
    "number": ("two", "three", "four", "five", "six", "seven", "ten"),
    "thing": ("this book", "this film", "this podcast", "this album", "this course"),
    "weather": ("soft sun", "a light breeze", "unexpected rain", "fog on the river", "a perfectly blue sky"),
    "link": ("koshary-map", "nile-walks", "old-cairo", "arabic-type", "bread-notes", "night-sky", "first-rust"),
}

PHRASES: tuple[str, ...] = (
    "Made {dish} from scratch {time}. {number} attempts, one edible result. I call that progress.",
    "Where do you get the best {dish} in {place}?",
    "{drink} and {weather}. {place} was at its best {time}.",
    "Day {number} of learning {skill}. The trick seems to be showing up.",
    "Wrote down what I know about {skill} so far: https://example.com/{link}",
    "{person} taught me how to make {dish} properly. Turns out I had the order wrong for years.",
    "Finished {thing} {time}. Still thinking about the ending.",
    "Is {thing} worth it? Honest opinions please.",
    "Walked through {place} {time} and counted {number} cats. A good day.",
    "The metro was on time {time}. I do not know what to do with the extra {number} minutes.",
    "Small joys: {drink}, an open window, nobody asking for anything.",
    "Anyone in {place} up for a slow ride along the river {when}?",
    "Deleted {number} hundred lines of code {time}. Everything still works. Best feeling there is.",
    "A map of places I keep going back to: https://example.com/{link}",
    "What is one thing about {skill} you wish somebody had told you earlier?",
    "Heard {person} laugh {time} about something from fifteen years ago. We need more of that.",
    "{weather} over {place}. I stopped for a photo and stayed an hour.",
    "Note to self: never plan {number} errands on one side of the river and dinner on the other.",
    "Thank you to whoever left {number} books on the bench in {place}. I took one and left one.",
    "Back to practising {skill} {time}. Slow is fine.",
    "Which {place} rooftop has the best view at sunset?",
    "The bakery downstairs starts at four. I have never slept badly to that smell.",
    "If you are new to {skill}, this helped me a lot: https://example.com/{link}",
    "Rainy {place}, warm {dish}, no plans. Perfect.",
    "Half the city is asleep and {drink} is ready. Who is up?",
)
