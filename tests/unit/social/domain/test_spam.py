"""What people write to one another is no spam; what is thrown at them is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.social.domain.spam import spam_percent

HARMLESS = [
    "صباح الفل والياسمين على أحلى ناس ❤️",
    "حد يعرف دكتور أسنان شاطر في مدينة نصر؟ ومش غالي لو سمحتم",
    "جوووووووووووول يا أهلييييييي 😂😂😂😂😂😂😂 هههههههههههههههه",
    "الأهلي الأهلي الأهلي ❤️❤️❤️",
    "يا رب يا رب يا رب يا رب",
    "اللهم صل على محمد وعلى آل محمد كما صليت على إبراهيم وعلى آل إبراهيم إنك حميد مجيد",
    "سبحان الله وبحمده سبحان الله العظيم، لا إله إلا الله وحده لا شريك له، له الملك وله الحمد",
    "الزحمة على كوبري أكتوبر النهارده حاجة مش طبيعية، بقالي ساعتين في العربية والله",
    "ضاعت محفظتي في المترو محطة الشهداء، اللي يلاقيها يكلمني على 01012345678 وجزاه الله خير",
    "كل سنة وإنتم طيبين بمناسبة عيد الأضحى المبارك!! عقبال ما نتجمع كلنا السنة الجاية",
    "مقال مهم عن أسعار الشقق في التجمع https://example.com/egypt/housing-2026",
    "شكراً @mona و@ahmed_7 و@sara على اليوم الجميل ده",
    "أحلى كشري في مصر #القاهرة #أكل_شارع #كشري",
    "عاملة إيه يا @mona؟ وحشتيني أوي أوي أوي أوي 😭😭😭",
    "مبرووووووك يا حبيبتي ألف ألف ألف مبروك 🎉🎉🎉",
    "بيقولك واحد صعيدي راح للدكتور قاله يا دكتور أنا كل ما أشرب شاي عيني الشمال توجعني قاله شيل المعلقة من الكوباية",
    "إيه رأيكم في المسلسل الجديد؟؟؟ أنا شايفه مسلسل عبيط جداً بس النهاية حلوة",
    "LOL that is so NASA, thanks BBC",
    "Good morning Cairo! Coffee first, then the world.",
    "Anyone selling two tickets for Friday? Email me at omar@example.com",
    "قال لي: «إنت فين؟» قلت له: «في الشغل.» قال لي: «طيب كلمني لما تخلص.»\nالحوار اليومي مع ماما",
]
SPAM = [
    (
        "اكسب 500 جنيه يومياً من البيت!!!!!!!!!!! ادخل هنا https://a.example/x وهنا https://b.example/y #ربح"
        " #شغل #فلوس #مصر #القاهرة #ترند #فرصة #عاجل وهنا https://c.example/z"
    ),
    "اشترك دلوقتي " * 20,
    (
        "متابعة مقابل متابعة @a1 @b2 @c3 @d4 @e5 @f6 @g7 @h8 #فولو #فولو_باك #متابعين"
        " #زيادة #تيك_توك #انستا #مشاهير #ترند #اكسبلور"
    ),
    "https://x.example/1 https://x.example/2 https://x.example/3 https://x.example/4 https://x.example/5",
    "BUY FOLLOWERS NOW CHEAP PRICES CLICK THE LINK!!!!!!!!!! bit.ly/aaa bit.ly/bbb t.me/ccc",
    "عروض عروض عروض خصومات خصومات خصومات " * 8,
]
LONG = "افتتاح فرعنا الجديد في المعادي، خصم عشرين في المية على كل حاجة لمدة أسبوع"


@pytest.mark.parametrize("body", HARMLESS)
def test_what_people_write_is_no_spam(body: str) -> None:
    assert spam_percent(body) <= 5, body


@pytest.mark.parametrize("body", SPAM)
def test_what_is_thrown_at_people_is(body: str) -> None:
    assert spam_percent(body) >= 60, body


def test_the_same_announcement_again_is_suspect_and_the_same_greeting_hardly() -> None:
    assert spam_percent(LONG) == 0
    assert spam_percent(LONG, published_lately=True) == 50
    assert spam_percent("صباح الخير", published_lately=True) == 10


def test_stretched_letters_and_marks_hide_no_repetition() -> None:
    assert spam_percent("ادخل دلوقتـــي " * 10 + "ادخلللللل دلوقتِي " * 10) == spam_percent("ادخل دلوقتي " * 20) >= 60


def test_a_repetition_of_few_words_is_a_manner_of_speaking() -> None:
    assert spam_percent("حبيبي " * 14) == 0
    assert spam_percent("حبيبي " * 40) > 60


@given(st.text(max_size=1000), st.booleans())
def test_any_text_has_a_score(body: str, published_lately: bool) -> None:  # noqa: FBT001 - hypothesis's
    score = spam_percent(body, published_lately=published_lately)
    assert 0 <= score <= 100
    assert score >= spam_percent(body)


@pytest.mark.parametrize("sign", ["@somebody ", "#وسم ", "https://example.com/a ", "!"])
def test_more_of_a_sign_is_never_less_suspect(sign: str) -> None:
    scores = [spam_percent("كلام عادي " + sign * count) for count in range(20)]
    assert scores == sorted(scores)
    assert scores[1] == 0
    assert scores[-1] >= 25


@pytest.mark.parametrize("body", ["a." * 500, "#" * 1000, "@" * 1000, "www." * 250, "a-" * 500 + ".b/", "ب" * 1000])
def test_hostile_texts_take_no_time(body: str) -> None:
    # A pattern that went back and forth would not end.
    assert 0 <= spam_percent(body) <= 100
