"""Names and values for invented organisations, drawn by chance."""

from __future__ import annotations

import random
from collections.abc import Callable

_STARTS = "Ar Bel Bram Cal Cor Dun El Fen Gar Hal Ing Jor Kel Lan Mar Nor Or Pel Quen Ros Sel Tor Ul Ver Wes Yar Zen".split()
_ENDS = "wick ford dale mere ton ley by stone well ham den more bury field ick ora ane eth und ova".split()
_WORDS = (
    "Wren Robin Heron Otter Badger Falcon Maple Birch Cedar Willow Comet Orion Atlas Delta Ruby Amber"
    " Silver Gold Basic Family Junior Senior Summer Winter Evening Harbour Garden Castle Mill Bridge"
    " Meadow Lantern Anchor Compass Bell Tower"
).split()
_FIRST = "Ada Ben Clara David Edith Farid Greta Hugo Irene Jonas Kavya Leon Mina Nadia Oscar Petra Ravi Sofia Tom Yusuf".split()
_UNITS = ("days", "weeks", "months", "years", "hours", "minutes")
_DAYS = "Mondays Tuesdays Wednesdays Thursdays Fridays Saturdays Sundays".split()
_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_COLOURS = "red green blue white black grey yellow brown orange violet cream ivory".split()
_MATERIALS = (
    "oak", "beech", "cast iron", "stainless steel", "aluminium", "brass", "glass", "fired clay",
    "linen", "felt", "rubber", "copper", "slate", "bamboo", "concrete",
)  # fmt: skip
_ITEMS = (
    "a map", "lunch", "two towels", "insurance", "a guide", "tea", "a locker", "flour", "salt",
    "butter", "honey", "rye", "walnuts", "a manual", "spare screws", "a bag", "oil", "vinegar",
)  # fmt: skip
_MISUSE = (
    "it is opened by others", "it has been dropped", "it is used outdoors", "the seal is broken",
    "it is run without water", "parts of other makers are fitted", "it was painted over",
    "the receipt is missing", "it stood in frost", "it is hired out", "a longer cable is used",
    "it is cleaned with solvents", "it runs for longer than an hour at a time",
)  # fmt: skip
_EVENTS = (
    "operating hours",
    "firings",
    "cycles",
    "journeys",
    "washes",
    "starts",
    "uses",
    "charges",
)
_SITES = (
    "behind the station", "next to the town hall", "on the second floor", "opposite the church",
    "at 12 Mill Lane", "in Harbour Street", "beside the car park", "under the bridge",
    "in the old brewery", "on the north bank", "at the end of Quay Road", "above the bakery",
)  # fmt: skip
_WORDS_OF_ALARM = "Kingfisher Sandstone Marigold Thunder Juniper Lighthouse Saffron Obelisk Nightjar Copper".split()
_BODIES = (
    "to the board", "to the auditor", "to the director", "to the safety officer", "to the council",
    "to the treasurer", "to headquarters", "to the ministry", "to the works council",
)  # fmt: skip
_SEASONS = (
    "from May to July", "in autumn", "from October on", "before Christmas", "in early spring",
    "from the first frost", "all summer", "in September", "after Easter",
)  # fmt: skip
_HOURS = (
    "from {a} to {b}",
    "between {a} and {b}",
    "daily from {a} to {b}",
    "on weekdays from {a} to {b}",
)


def name(chance: random.Random) -> str:
    """A name that says nothing about what bears it."""
    if chance.random() < 0.4:
        return chance.choice(_WORDS)
    return chance.choice(_STARTS) + chance.choice(_ENDS)


def person(chance: random.Random) -> str:
    """First and last name."""
    return f"{chance.choice(_FIRST)} {chance.choice(_STARTS)}{chance.choice(_ENDS)}"


def company(chance: random.Random) -> str:
    """A firm's or a club's name."""
    return (
        f"{name(chance)} {chance.choice(('Ltd', '& Sons', 'Works', 'Society', 'Group', 'Trust'))}"
    )


def part_number(chance: random.Random) -> str:
    """Such as ``K40`` or ``TR-2081``."""
    letters = "".join(chance.choice("ABCDEFGHKLMNPRSTVWX") for _ in range(chance.choice((1, 1, 2))))
    return f"{letters}{chance.choice(('', '-'))}{chance.randint(2, 9999)}"


def draw(kind: str, chance: random.Random) -> str:
    """A value of a kind named in ``company.toml``."""
    return _DRAW[kind](chance)


def _money(chance: random.Random) -> str:
    amount = chance.choice(
        (chance.randint(2, 95), chance.randint(100, 990), chance.randint(1, 99) * 100)
    )
    cents = chance.choice(("", "", ".50", ".90", ".20"))
    if chance.random() < 0.1:
        return f"{chance.randint(5, 95)}p"
    text = f"{amount:,}{cents}"
    return chance.choice((f"£{text}", f"€{text}", f"${text}", f"{text} euros", f"EUR {text}"))


def _duration(chance: random.Random) -> str:
    unit = chance.choice(_UNITS)
    n = chance.randint(2, 60 if unit in ("days", "minutes", "hours") else 14)
    words = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 10: "ten", 12: "twelve"}
    return f"{words.get(n, n) if chance.random() < 0.5 else n} {unit}"


def _either(chance: random.Random) -> str:
    return f"{_duration(chance)} or {chance.randint(2, 90) * 10} {chance.choice(_EVENTS)}"


def _interval(chance: random.Random) -> str:
    n, unit = chance.randint(2, 18), chance.choice(_UNITS[:4])
    return chance.choice(
        (f"every {n} {unit}", f"every {n} {unit}", "once a year", "twice a year", "every quarter",
         f"after every {chance.randint(2, 50) * 10} hours of use", "once a month")
    )  # fmt: skip


def _hours(chance: random.Random) -> str:
    start, end = chance.randint(6, 11), chance.randint(1, 9)
    halves = ("", ":30")
    return chance.choice(_HOURS).format(
        a=f"{start}{chance.choice(halves)} am", b=f"{end}{chance.choice(halves)} pm"
    )


def _date(chance: random.Random) -> str:
    day, month = chance.randint(1, 28), chance.choice(_MONTHS)
    return chance.choice(
        (f"{day} {month}", f"{day} {month} {chance.randint(2015, 2030)}", f"{month} {day}")
    )


def _colours(chance: random.Random) -> str:
    some = chance.sample(_COLOURS, chance.choice((1, 2, 2, 3)))
    return _listed(some)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _number(low: int, high: int, *forms: str) -> Callable[[random.Random], str]:
    return lambda chance: chance.choice(forms).format(chance.randint(low, high))


def _of(*words: str) -> Callable[[random.Random], str]:
    return lambda chance: chance.choice(words)


def _code(chance: random.Random) -> str:
    """An order number or a message on a display."""
    return chance.choice(
        (
            part_number(chance),
            f"E{chance.randint(10, 99)}",
            f"{chance.randint(10, 99)}-{chance.randint(1000, 9999)}",
        )
    )


_DRAW: dict[str, Callable[[random.Random], str]] = {
    "age": _number(3, 21, "{}", "{} years"),
    "area": _number(12, 9000, "{} square metres", "{} m²"),
    "capacity": _number(2, 900, "{} litres", "{} people", "{} kg", "{} boxes", "{} books", "{} seats"),
    "code": _code,
    "colours": _colours,
    "company": company,
    "date": _date,
    "day": _of(*_DAYS, "public holidays", "the first Monday of the month"),
    "duration": _duration,
    "either": _either,
    "extension": _number(100, 9999, "extension {}", "{}", "0300 {}", "line {}"),
    "hours": _hours,
    "interval": _interval,
    "items": lambda c: _listed(c.sample(_ITEMS, c.choice((2, 2, 3)))),
    "length": _number(2, 980, "{} cm", "{} mm", "{} metres", "{}.5 m"),
    "material": _of(*_MATERIALS),
    "meeting": lambda c: f"on {c.choice(_DAYS)} at {c.randint(1, 8)} pm",
    "misuse": _of(*_MISUSE),
    "money": _money,
    "noise": _number(20, 110, "{} dB", "{} decibels"),
    "oil": lambda c: c.choice((f"ISO VG {c.choice((22, 32, 46, 68, 100))}", f"SAE {c.choice((10, 20, 30, 40))}", "linseed oil", "paraffin oil", "rape oil")),
    "people": _number(2, 80, "{} people", "{} persons", "{} guests", "{} members"),
    "percent": _number(2, 97, "{} %", "{} per cent"),
    "permission": _of("are allowed", "are welcome", "are not allowed", "are not permitted"),
    "ban": _of("is allowed", "is permitted", "is not allowed", "is not permitted"),
    "person": person,
    "power": _number(1, 90, "{} kW", "{}00 watts", "{}0 W"),
    "report": _of(*_BODIES),
    "room": _number(1, 420, "room {}", "office {}", "building {}"),
    "season": _of(*_SEASONS),
    "site": _of(*_SITES),
    "speed": _number(3, 180, "{} km/h", "{} mph", "{} metres a minute"),
    "temperature": _number(2, 1300, "{} °C", "{} degrees"),
    "town": lambda c: f"{c.choice(_STARTS)}{c.choice(_ENDS)}",
    "voltage": _number(6, 690, "{} volts", "{} V"),
    "weight": _number(1, 900, "{} kg", "{}.5 kg", "{} grams", "{} tonnes"),
    "word": _of(*_WORDS_OF_ALARM),
    "year": _number(1790, 2024, "{}"),
}  # fmt: skip
