"""Words that have a value or a sense of their own, in English, German, French and Spanish.

Only words that mean the same wherever they stand: Spanish "once" (11) and German "elf" are English
words too, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen twenty"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
# From 2 to 31 and the tens, as far as they are no other words: "elf", "once", "six", "mille" are left out.
_FOREIGN = (
    "zwei drei vier fünf sechs sieben acht neun zehn - zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn"
    " neunzehn zwanzig einundzwanzig zweiundzwanzig dreiundzwanzig vierundzwanzig fünfundzwanzig sechsundzwanzig"
    " siebenundzwanzig achtundzwanzig neunundzwanzig dreißig einunddreißig",
    "deux trois quatre cinq - - huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf vingt"
    " vingt-et-un vingt-deux vingt-trois vingt-quatre vingt-cinq vingt-six vingt-sept vingt-huit vingt-neuf trente",
    "dos tres cuatro cinco seis siete ocho nueve diez - doce trece catorce quince dieciséis diecisiete dieciocho"
    " diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho"
    " veintinueve treinta",
    "- tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette"
    " diciotto diciannove venti ventuno ventidue ventitré ventiquattro venticinque ventisei ventisette ventotto"
    " ventinove trenta",
    "twee drie vier vijf zes zeven acht negen tien - twaalf dertien veertien vijftien zestien zeventien achttien"
    " negentien twintig eenentwintig tweeëntwintig drieëntwintig vierentwintig vijfentwintig zesentwintig"
    " zevenentwintig achtentwintig negenentwintig dertig",
    "dois três quatro cinco seis sete oito nove dez - doze treze quatorze quinze dezesseis dezessete dezoito"
    " dezenove vinte",
)
NUMBER_WORDS = (
    {word: float(value) for words in _FOREIGN for value, word in enumerate(words.split(), 2) if word != "-"}
    | {word: float(value) for value, word in enumerate(SMALL)}
    | {word: 10.0 * value for value, word in enumerate(TENS, 2)}
    | {"hundred": 100.0, "dozen": 12.0, "duas": 2.0, "null": 0.0, "hundert": 100.0, "cien": 100.0}
    | dict(zip("vierzig fünfzig sechzig siebzig achtzig neunzig".split(), range(40, 100, 10), strict=True))
    | {"quarante": 40.0, "cinquante": 50.0, "cuarenta": 40.0, "cincuenta": 50.0, "quaranta": 40.0, "cinquanta": 50.0}
)  # fmt: skip
# Numbers that are other words as well, where an hour is told: "halb elf", "las once y media".
HOURS = {
    "midi": 12.0,
    "minuit": 12.0,
    "elf": 11.0,
    "onze": 11.0,
    "once": 11.0,
    "una": 1.0,
    "une": 1.0,
    "eins": 1.0,
    "sept": 7.0,
    "six": 6.0,
}
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
    "area": {
        "m2": (1, "sqm qm"),
        "cm2": (1e-4, ""),
        "mm2": (1e-6, ""),
        "km2": (1e6, ""),
        "ha": (1e4, "hectare hectares hektar"),
    },
    "volume": {
        "l": (1, "litre litres liter liters litro litros"),
        "ml": (1e-3, "millilitre millilitres milliliter milliliters"),
        "cl": (1e-2, "centilitre centilitres"),
        "m3": (1e3, "cbm"),
    },
    "time": {
        "s": (1, "second seconds sec secs sekunde sekunden seconde secondes segundo segundos"),
        "min": (60, "minute minutes mins minuten minuto minutos minuti minuut"),
        "h": (3600, "hour hours hr hrs stunde stunden heure heures hora horas ore ora uur"),
        "day": (86400, "days tag tage tagen jour jours día días giorno giorni dag dagen dia dias"),
        "week": (
            604800,
            "weeks wk wks woche wochen semaine semaines semana semanas settimana settimane weken",
        ),
    },
    "months": {
        "month": (1, "months monat monate monaten mois meses mese mesi maand maanden mês"),
        "year": (
            12,
            "years yr yrs jahr jahre jahren ans année années año años anno anni jaar jaren ano anos",
        ),
    },
    "share": {"%": (1, "percent pct percentage prozent"), "bps": (0.01, "bp")},
    "data": {
        "mb": (1, "megabyte megabytes"),
        "kb": (1e-3, "kilobyte kilobytes"),
        "gb": (1e3, "gigabyte gigabytes"),
        "tb": (1e6, "terabyte terabytes"),
    },
    "speed": {"km/h": (1, "kph kmh"), "mph": (1.609344, "")},
    "pressure": {
        "bar": (1, "bars"),
        "mbar": (1e-3, "millibar hpa hectopascal"),
        "pa": (1e-5, "pascal"),
        "kpa": (1e-2, "kilopascal kilopascals"),
        "mpa": (10, "megapascal megapascals"),
        "psi": (0.0689476, ""),
    },
    "power": {
        "w": (1, "watt watts"),
        "kw": (1e3, "kilowatt kilowatts"),
        "mw": (1e6, "megawatt megawatts"),
    },
    "energy": {"wh": (1, ""), "kwh": (1e3, "kilowatt-hours"), "mwh": (1e6, "")},
    "voltage": {
        "v": (1, "volt volts"),
        "mv": (1e-3, "millivolt"),
        "kv": (1e3, "kilovolt kilovolts"),
    },
    "current": {"amp": (1, "amps ampere amperes"), "ma": (1e-3, "milliampere milliamps")},
    "frequency": {
        "hz": (1, "hertz"),
        "khz": (1e3, "kilohertz"),
        "mhz": (1e6, "megahertz"),
        "ghz": (1e9, "gigahertz"),
    },
    "temperature": {"°": (1, "degree degrees celsius °c grad")},
    "fahrenheit": {"°f": (1, "fahrenheit")},
    "usd": {"usd": (1, "dollar dollars")},
    "eur": {"eur": (1, "euro euros")},
    "gbp": {"gbp": (1, "sterling")},
    "cents": {"cent": (1, "cents ct")},
}
CURRENCIES = {"$": "usd", "€": "eur", "£": "gbp"}
# "Second" after a number is a time; that it is none elsewhere, ``rewriting`` finds out.
ORDINALS = {
    word: place
    for place, words in enumerate(
        (
            "second zweite zweiter zweiten zweites deuxième segundo segunda secondo seconda tweede",
            "third dritte dritter dritten drittes troisième tercero tercera terzo terza derde terceiro terceira",
            "fourth vierte vierter vierten viertes quatrième cuarto cuarta",
            "fifth fünfte fünfter fünften fünftes cinquième quinto quinta",
            "sixth sechste sechster sechsten sechstes sixième sexto sexta",
            "seventh siebte siebter siebten siebtes septième",
            "eighth achte achter achten achtes huitième",
            "ninth neunte neunter neunten neuntes neuvième",
            "tenth zehnte zehnter zehnten zehntes dixième",
            "eleventh elfte elfter elften", "twelfth zwölfte zwölfter zwölften",
        ),
        2,
    )
    for word in words.split()
}  # fmt: skip
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
# One word for another that means the same wherever it stands.
SAME = {"shut": "closed", "shuts": "close", "anticlockwise": "counterclockwise", "final": "last"}
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
    " impossible excluid prohibid imposibl separat esclus vietat proibid uitgeslot verbod"
).split()
# Before a surname, in place of a first name.
TITLES = frozenset(
    "mr mrs ms miss mx dr prof professor sir herr frau monsieur madame mme señor señora sr sra".split()
)
# One spelling of what has several; a name's short form stands for the long one.
SHORT_FORMS = {
    "usa": "united states", "u.s.a.": "united states", "u.s.": "united states", "uk":
    "united kingdom", "u.k.": "united kingdom", "eu": "european union", "un": "united nations",
    "uno": "united nations", "ext.": "extension", "dept.": "department", "approx.": "about", "incl.": "including",
    "excl.": "excluding", "max.": "maximum", "tel.": "telephone", "p.a.": "per year",
}  # fmt: skip
SHORT_FORMS |= {
    f"{short}{dash}{end}": f"{long} {to} {last}"
    for short, long, to, ends in (
        ("mon", "monday", "to", {"thu": "thursday", "fri": "friday", "sat": "saturday"}),
        ("sat", "saturday", "to", {"sun": "sunday"}),
        ("mo", "montag", "bis", {"do": "donnerstag", "fr": "freitag", "sa": "samstag"}),
    )
    for end, last in ends.items()
    for dash in "-–"
}


def any_of(words: Iterable[str]) -> str:
    """A pattern for any of the words; the longest first, or a shorter one would be taken for it."""
    return "|".join(sorted(words, key=len, reverse=True))
