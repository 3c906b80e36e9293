"""Passwords that everybody guesses first, from lists that come with the code: looked up in memory."""

from __future__ import annotations

from typing import Final

from zxcvbn.frequency_lists import FREQUENCY_LISTS

from services.auth.domain.guessable_passwords import normal_form

# zxcvbn's 30,000 were gathered where Latin is written.
_ARABIC: Final = """
بسم الله|بسم الله الرحمن الرحيم|الحمد لله|الحمدلله رب العالمين|سبحان الله
سبحان الله وبحمده|الله اكبر|الله أكبر|لا اله الا الله|لا إله إلا الله
محمد رسول الله|صلى الله عليه وسلم|صلي على النبي|استغفر الله|أستغفر الله
ان شاء الله|إن شاء الله|ما شاء الله|يا رب|يارب العالمين|توكلت على الله|حسبي الله
حسبي الله ونعم الوكيل|الله المستعان|رمضان كريم|كلمة السر|كلمة المرور|كلمه السر
كلمه المرور|باسورد|الباسورد|مصر|أم الدنيا|مصر ام الدنيا|تحيا مصر|القاهرة|القاهره
الاسكندرية|اسكندرية|الجيزة|المنصورة|الاهلي|الأهلي|النادي الاهلي|الزمالك
نادي الزمالك|محمد صلاح|مو صلاح|حبيبي|حبيبتي|حبيبي يا نور العين|بحبك|احبك|أحبك
انا بحبك|عمري|حياتي|يا قلبي|ماما وبابا|بابا وماما|محمد|احمد|أحمد|محمود|مصطفى
عبدالله|عبد الرحمن|ابراهيم|فاطمة|عائشة|مريم|ضصثقفغعهخحجد|شسيبلاتنمكط|شسيبلاتن
ضصثقفغعه
""".strip().replace("\n", "|")


class GuessedPasswords:
    """The 30,000 passwords that zxcvbn's authors found most often in leaks, and those of Arabic."""

    def __init__(self) -> None:
        words = (*FREQUENCY_LISTS["passwords"], *_ARABIC.split("|"))
        self._normal_forms = frozenset(normal_form(word) for word in words)

    def __len__(self) -> int:
        return len(self._normal_forms)

    def __contains__(self, normal: object) -> bool:
        """Whether a normal form is among them."""
        return normal in self._normal_forms
