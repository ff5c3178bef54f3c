"""Words that have a value or a sense of their own, in English, German, French and Spanish.

Only words that mean the same wherever they stand: Spanish "once" (11) and German "elf" are English
words too, and are left out.
"""

from __future__ import annotations

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen twenty"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
NUMBER_WORDS = (
    {word: float(value) for value, word in enumerate(SMALL)}
    | {word: 10.0 * value for value, word in enumerate(TENS, 2)}
    | {"hundred": 100.0, "dozen": 12.0}
    | dict(zip("zwei drei vier fünf sechs sieben acht neun zehn".split(), range(2, 11), strict=True))
    | dict(zip("deux trois quatre cinq huit neuf dix".split(), (2, 3, 4, 5, 8, 9, 10), strict=True))
    | dict(zip("dos tres cuatro cinco seis siete ocho nueve diez".split(), range(2, 11), strict=True))
    | {"null": 0.0, "dreißig": 30.0, "vierzig": 40.0, "fünfzig": 50.0, "sechzig": 60.0,
       "siebzig": 70.0, "achtzig": 80.0, "neunzig": 90.0, "trente": 30.0, "quarante": 40.0,
       "cinquante": 50.0, "treinta": 30.0, "cuarenta": 40.0, "cincuenta": 50.0, "zwölf": 12.0, "zwanzig": 20.0, "hundert": 100.0, "douze": 12.0, "vingt": 20.0,
       "doce": 12.0, "veinte": 20.0, "cien": 100.0}
)  # fmt: skip
SCALES = {
    word: value
    for value, words in (
        (1e3, "thousand thousands k tausend mil mille"),
        (1e6, "million millions mn mio millionen millón millones"),
        (1e9, "billion billions bn b mrd milliarde milliarden milliard milliards"),
        (1e12, "trillion trillions tn"),
    )
    for word in words.split()
}
# A dimension's units: the size of each in the first one, and how else it is spelled. Months and
# years stand apart from days, because they differ in length.
_UNITS: dict[str, dict[str, tuple[float, str]]] = {
    "mass": {
        "g": (1, "gram grams gramme grammes gramm"),
        "mg": (1e-3, "milligram milligrams milligramme milligrammes milligramm"),
        "kg": (1e3, "kilogram kilograms kilo kilos kgs kilogramme kilogrammes kilogramm"),
        "t": (1e6, "ton tons tonne tonnes tonnen"),
        "lb": (453.592, "lbs pound pounds"),
    },
    "length": {
        "m": (1, "metre metres meter meters metern mètre mètres metro metros"),
        "mm": (1e-3, "millimetre millimetres millimeter millimeters"),
        "cm": (1e-2, "centimetre centimetres centimeter centimeters zentimeter"),
        "km": (1e3, "kilometre kilometres kilometer kilometers kilomètres kilómetros"),
        "mi": (1609.344, "mile miles"),
        "ft": (0.3048, "foot feet"),
        "inch": (0.0254, "inches"),
    },
    "volume": {
        "l": (1, "litre litres liter liters litro litros"),
        "ml": (1e-3, "millilitre millilitres milliliter milliliters"),
    },
    "time": {
        "s": (1, "second seconds sec secs sekunde sekunden seconde secondes segundo segundos"),
        "min": (60, "minute minutes mins minuten minuto minutos"),
        "h": (3600, "hour hours hr hrs stunde stunden heure heures hora horas"),
        "day": (86400, "days tag tage tagen jour jours día días"),
        "week": (604800, "weeks wk wks woche wochen semaine semaines semana semanas"),
    },
    "months": {
        "month": (1, "months monat monate monaten mois meses"),
        "year": (12, "years yr yrs jahr jahre jahren ans année années año años"),
    },
    "share": {"%": (1, "percent pct percentage prozent"), "bps": (0.01, "bp")},
    "data": {
        "mb": (1, "megabyte megabytes"),
        "kb": (1e-3, "kilobyte kilobytes"),
        "gb": (1e3, "gigabyte gigabytes"),
        "tb": (1e6, "terabyte terabytes"),
    },
    "speed": {"km/h": (1, "kph kmh"), "mph": (1.609344, "")},
    "pressure": {"bar": (1, "bars"), "mbar": (1e-3, "millibar"), "psi": (0.0689476, "")},
    "power": {"w": (1, "watt watts"), "kw": (1e3, "kilowatt kilowatts")},
    "voltage": {"v": (1, "volt volts")},
    "temperature": {"°": (1, "degree degrees celsius °c grad")},
    "fahrenheit": {"°f": (1, "fahrenheit")},
    "usd": {"usd": (1, "dollar dollars")},
    "eur": {"eur": (1, "euro euros")},
    "gbp": {"gbp": (1, "sterling")},
}
CURRENCIES = {"$": "usd", "€": "eur", "£": "gbp"}
MONEY = frozenset(CURRENCIES.values())
UNITS = {
    word: unit
    for units in _UNITS.values()
    for unit, (_, spellings) in units.items()
    for word in [unit, *spellings.split()]
}
# Of each unit: its dimension and its size in that dimension's first unit.
MEASURES = {
    unit: (dimension, size)
    for dimension, units in _UNITS.items()
    for unit, (size, _) in units.items()
}
_MONTHS = (
    "january jan januar janvier enero",
    "february feb februar février fevrier febrero",
    "march mar märz maerz mars marzo",
    "april apr avril abril",
    "may mai mayo",
    "june jun juni juin junio",
    "july jul juli juillet julio",
    "august aug août aout agosto",
    "september sep sept septembre septiembre setiembre",
    "october oct oktober okt octobre octubre",
    "november nov novembre noviembre",
    "december dec dezember dez décembre decembre diciembre",
)
MONTHS = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
# Verbs of change: what a report says most often, in any of these words.
CHANGES = {
    word: change
    for change, words in {
        "increase": "increase increases increased increasing rise rises rose risen rising grow grows"
        " grew grown growing growth climb climbs climbed stieg gestiegen steigt augmenté subió",
        "decrease": "decrease decreases decreased decreasing fall falls fell fallen falling decline"
        " declines declined declining drop drops dropped dropping shrink shrank shrunk sank gesunken"
        " fiel gefallen sinkt baissé diminué bajó",
    }.items()
    for word in words.split()
}
# Pairs of which a text that means the other holds the other, both ways.
_OPPOSITES = (
    "increase/decrease improve/worsen improve/deteriorate open/close open/shut allow/forbid"
    " allow/prohibit allow/ban permit/forbid permit/prohibit include/exclude cover/exclude start/stop"
    " begin/end minimum/maximum higher/lower high/low stronger/weaker strong/weak before/after"
    " above/below inside/outside east/west north/south left/right upper/lower first/last early/late"
    " earlier/later pass/fail win/lose won/lost accept/reject approve/reject buy/sell bought/sold"
    " import/export legal/illegal possible/impossible more/less more/fewer better/worse longer/shorter"
    " faster/slower larger/smaller positive/negative profit/loss gain/loss present/absent always/never"
    " mandatory/optional required/optional enable/disable full/empty warm/cold hot/cold true/false"
    " offen/geschlossen erlaubt/verboten größer/kleiner höher/niedriger ouvert/fermé permis/interdit"
    " abierto/cerrado permitido/prohibido"
).split()
OPPOSITES = tuple((one, other) for one, _, other in (pair.partition("/") for pair in _OPPOSITES))
# Stems of words that deny without a "not".
DENYING = (
    "exclud prohibit forbid forbidden bann refus deni deny fail miss reject impossibl illegal unabl"
    " ineligibl disallow unavailabl lack ausgeschlossen verboten untersagt unmöglich exclu interdit"
    " impossible excluid prohibid imposibl"
).split()
# One spelling of what has several; a name's short form stands for the long one.
SHORT_FORMS = {
    "usa": "united states", "u.s.a.": "united states", "u.s.": "united states", "uk":
    "united kingdom", "u.k.": "united kingdom", "eu": "european union", "un": "united nations",
    "uno": "united nations",
}  # fmt: skip
