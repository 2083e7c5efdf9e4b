"""What the gateway writes to subscribers by itself, about consent, in their languages.

A company puts its own words in place of these: a message template of the name beside each kind,
with the language behind it (`consent-welcome-fr`) or without. The texts here name nobody, fit one
message, and have only letters that fit it (GSM 03.38), as is the custom in messages of this kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What is written; the value is the name of the template that a company may have for it."""

    ASK = "consent-ask"  # a double opt-in message: whoever answers yes has agreed
    WELCOME = "consent-welcome"  # to those who agreed
    STOPPED = "consent-stopped"  # to those who refused, and can come back
    BLOCKED = "consent-blocked"  # to those who refused, and are on a black list since
    HELP = "consent-help"  # to those who asked for help


TEXTS: Mapping[Kind, Mapping[str, str]] = MappingProxyType(
    {
        Kind.ASK: {
            "en": "Reply YES to get messages from this number. Msg&data rates may apply. "
            "HELP for help, STOP to end.",
            "es": "Responda SI para recibir mensajes de este numero. Puede haber cargos por "
            "mensajes y datos. AYUDA para ayuda, ALTO para terminar.",
            "fr": "Répondez OUI pour recevoir les messages de ce numéro. Des frais peuvent "
            "s'appliquer. AIDE pour l'aide, ARRET pour terminer.",
            "de": "Antworten Sie JA, um Nachrichten von dieser Nummer zu erhalten. Kosten je nach "
            "Tarif. HILFE für Hilfe, STOPP zum Beenden.",
            "pt": "Responda SIM para receber mensagens deste numero. Podem aplicar-se tarifas. "
            "AJUDA para ajuda, SAIR para terminar.",
            "it": "Rispondi SI per ricevere i messaggi di questo numero. Costi secondo il tuo "
            "piano. AIUTO per aiuto, BASTA per smettere.",
            "nl": "Antwoord JA om berichten van dit nummer te krijgen. Er kunnen kosten zijn. "
            "HULP voor hulp, STOP om te stoppen.",
        },
        Kind.WELCOME: {
            "en": "You will get messages from this number. Msg&data rates may apply. Reply HELP "
            "for help, STOP to end.",
            "es": "Recibira mensajes de este numero. Puede haber cargos por mensajes y datos. "
            "Responda AYUDA para ayuda, ALTO para terminar.",
            "fr": "Vous recevrez les messages de ce numéro. Des frais peuvent s'appliquer. "
            "Répondez AIDE pour l'aide, ARRET pour terminer.",
            "de": "Sie erhalten Nachrichten von dieser Nummer. Kosten je nach Tarif. Antworten "
            "Sie HILFE für Hilfe, STOPP zum Beenden.",
            "pt": "Vai receber mensagens deste numero. Podem aplicar-se tarifas. Responda AJUDA "
            "para ajuda, SAIR para terminar.",
            "it": "Riceverai i messaggi di questo numero. Costi secondo il tuo piano. Rispondi "
            "AIUTO per aiuto, BASTA per smettere.",
            "nl": "U krijgt berichten van dit nummer. Er kunnen kosten zijn. Antwoord HULP voor "
            "hulp, STOP om te stoppen.",
        },
        Kind.STOPPED: {
            "en": "You are unsubscribed and will get no more messages from this number. Reply "
            "START to get them again.",
            "es": "Ha cancelado: no recibira mas mensajes de este numero. Responda ALTA para "
            "recibirlos de nuevo.",
            "fr": "Vous voici désabonné et ne recevrez plus de messages de ce numéro. "
            "Répondez START pour les recevoir à nouveau.",
            "de": "Sie sind abgemeldet und erhalten keine Nachrichten mehr von dieser Nummer. "
            "Antworten Sie START, um sie wieder zu erhalten.",
            "pt": "Cancelado: nao vai receber mais mensagens deste numero. Responda START para "
            "voltar a receber.",
            "it": "Non riceverai altri messaggi da questo numero. Rispondi START per riceverli di "
            "nuovo.",
            "nl": "U bent afgemeld en krijgt geen berichten meer van dit nummer. Antwoord START "
            "om ze weer te krijgen.",
        },
        Kind.BLOCKED: {
            "en": "You will get no more messages from this number.",
            "es": "No recibira mas mensajes de este numero.",
            "fr": "Vous ne recevrez plus de messages de ce numéro.",
            "de": "Sie erhalten keine Nachrichten mehr von dieser Nummer.",
            "pt": "Nao vai receber mais mensagens deste numero.",
            "it": "Non riceverai altri messaggi da questo numero.",
            "nl": "U krijgt geen berichten meer van dit nummer.",
        },
        Kind.HELP: {
            "en": "This number writes to those who have agreed to it. Msg&data rates may apply. "
            "Reply START to agree, STOP to end.",
            "es": "Este numero escribe a quienes lo han aceptado. Puede haber cargos por mensajes "
            "y datos. Responda ALTA para aceptar, ALTO para terminar.",
            "fr": "Ce numéro écrit à ceux qui l'ont accepté. Des frais peuvent s'appliquer. "
            "Répondez START pour accepter, ARRET pour terminer.",
            "de": "Diese Nummer schreibt denen, die zugestimmt haben. Kosten je nach Tarif. "
            "Antworten Sie START zum Zustimmen, STOPP zum Beenden.",
            "pt": "Este numero escreve a quem aceitou. Podem aplicar-se tarifas. Responda START "
            "para aceitar, SAIR para terminar.",
            "it": "Questo numero scrive a chi ha accettato. Costi secondo il tuo piano. Rispondi "
            "START per accettare, BASTA per smettere.",
            "nl": "Dit nummer schrijft aan wie daarmee heeft ingestemd. Er kunnen kosten zijn. "
            "Antwoord START om in te stemmen, STOP om te stoppen.",
        },
    }
)


def text_of(kind: Kind, language: str) -> str:
    """The gateway's own words; English where it has none in this language."""
    texts = TEXTS[kind]
    return texts.get(language, texts["en"])


def templates_of(kind: Kind, language: str) -> tuple[str, ...]:
    """Names of templates that a company may have in place of them, the first one first."""
    return f"{kind}-{language}", str(kind)
