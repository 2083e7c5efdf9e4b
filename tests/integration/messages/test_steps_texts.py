"""What messages say: templates, contacts' attributes, translation, tracked links, length."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stage import Dictionary, Stage

from clarion.engine.messages.model import Options
from clarion.engine.senders.templates.model import Designation
from clarion.errors import BadTrackingUrl, InvalidInput, MessageTooLong
from clarion.kit import ids

ONE, TWO = "+4915112345678", "+4915112345679"
WITH_TEMPLATE = '#set($shop="Acme")\n#parse("hello")'


@pytest.fixture
def dictionary(stage: Stage) -> Dictionary:
    """What the gateway translates with."""
    made = Dictionary()
    stage.gateway.expander._means = replace(stage.gateway.means, translator=made)
    return made


def _shown(*contacts: object) -> list[str]:
    return [f"contact:{ids.show(each)}" for each in contacts]  # type: ignore[arg-type]


# ---------------------------------------------------------------- templates


async def test_each_contact_gets_a_text_of_their_own(stage: Stage) -> None:
    ann = await stage.contact(ONE, first_name="Ann")
    bob = await stage.contact(TWO, first_name="Bob")
    request = await stage.send(*_shown(ann, bob), body="Hello $contact.first_name!")
    assert await stage.bodies(request) == ["Hello Ann!", "Hello Bob!"]
    assert (await stage.request(request))["body"] == "Hello $contact.first_name!"


async def test_a_template_is_filled_in(stage: Stage) -> None:
    await stage.template("hello", "Dear ${contact.last_name}, your $shop")
    ann = await stage.contact(ONE, last_name="Ark")
    request = await stage.send(*_shown(ann), body=WITH_TEMPLATE)
    assert await stage.bodies(request) == ["Dear Ark, your Acme"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('#parse("nothing")', "no template"),
        ("#if($x", ""),
    ],
)
async def test_a_text_that_cannot_be_made_fails(stage: Stage, body: str, words: str) -> None:
    request = await stage.send(ONE, TWO, body=body)
    assert {row[1:] for row in await stage.fate(request)} == {("FAILED", "1006")}
    shown = await stage.request(request)
    assert (shown["state"], shown["failure_code"]) == ("REJECTED", "1006")
    assert words in shown["failure_details"]


async def test_a_text_that_one_contact_has_not_the_words_for_fails_for_that_one(
    stage: Stage,
) -> None:
    await stage.template("empty", "#if($contact.last_name)$contact.last_name#end")
    ann, bob = await stage.contact(ONE, last_name="Ark"), await stage.contact(TWO)
    request = await stage.send(*_shown(ann, bob), body='#parse("empty")')
    assert await stage.fate(request) == [(ONE, "CREATED", None), (TWO, "FAILED", "1006")]


async def test_what_only_looks_like_a_template_is_sent_as_it_stands(stage: Stage) -> None:
    request = await stage.accept(ONE, body="The #1 deal: $5 off")
    assert (await stage.message(request))["state"] == "CREATED"  # at once: it needed no steps
    assert await stage.bodies(request) == ["The #1 deal: $5 off"]


async def test_a_sender_takes_only_what_its_validators_know(stage: Stage) -> None:
    rule = await stage.template("rule", "Your code is $code", designation=Designation.VALIDATOR)
    sender = await stage.sender(message_templates=[ids.show(rule)])
    good = await stage.send(ONE, sender=sender, body="Your code is 1234")
    bad = await stage.send(ONE, TWO, sender=sender, body="Buy now")
    assert [row[1:] for row in await stage.fate(good)] == [("CREATED", None)]
    assert {row[1:] for row in await stage.fate(bad)} == {("FAILED", "1006")}


async def test_a_made_text_that_is_too_long_fails(stage: Stage) -> None:
    ann = await stage.contact(ONE, first_name="x" * 200)
    bob = await stage.contact(TWO, first_name="Bob")
    request = await stage.send(*_shown(ann, bob), body="$contact.first_name" * 10)
    assert [row[1:] for row in await stage.fate(request)] == [("FAILED", "1012"), ("CREATED", None)]


async def test_fragments_are_counted_of_each_text(stage: Stage) -> None:
    ann, bob = await stage.contact(ONE, first_name="x" * 200), await stage.contact(TWO)
    request = await stage.send(*_shown(ann, bob), body="Hi $!contact.first_name я")
    assert [(r["fragments"], r["encoding"]) for r in await stage.messages(request)] == [
        (4, 2),
        (1, 2),
    ]


async def test_a_body_too_long_for_everybody_is_refused(stage: Stage) -> None:
    with pytest.raises(MessageTooLong):
        await stage.accept(ONE, body="x" * 2000, consent_requirement="OPT_OUT")
    with pytest.raises(MessageTooLong):
        await stage.accept(ONE, body="$x" * 60_000)
    for body in ("", "a\0$b"):
        with pytest.raises(InvalidInput, match="body"):
            await stage.accept(ONE, body=body, consent_requirement="OPT_OUT")


# ---------------------------------------------------------------- translation


async def test_contacts_read_their_own_language(stage: Stage, dictionary: Dictionary) -> None:
    contacts = [
        await stage.contact(f"+49151{10_000_000 + n}", preferred_language=language, first_name="Al")
        for n, language in enumerate(["es", "es", "en", None, "xx"])
    ]
    request = await stage.send(
        *_shown(*contacts), body="Hello $contact.first_name", options=Options(translate=True)
    )
    rows = await stage.messages(request)
    assert [row["body"] for row in rows] == [
        "[es] Hello Al",
        "[es] Hello Al",
        "Hello Al",
        "Hello Al",
        "Hello Al",
    ]
    assert [row["language"] for row in rows] == ["es", "es", None, None, None]
    assert rows[4]["failed_translation"] == "The language is not known."
    assert len(dictionary.asked) == 2  # equal texts once a language
    assert (await stage.request(request))["translations"] == [2, 1, 2]


async def test_one_language_can_be_wished_for_all(stage: Stage, dictionary: Dictionary) -> None:
    options = Options(translate=True, src_language="de", dst_language="fr")
    request = await stage.send(ONE, TWO, body="Hallo", options=options)
    assert await stage.bodies(request) == ["[fr] Hallo"] * 2
    assert (await stage.request(request))["translations"] == [2, 0, 1]


async def test_a_templates_text_is_translated_too(stage: Stage, dictionary: Dictionary) -> None:
    await stage.template("hello", "Dear $contact.last_name of $shop")
    ann = await stage.contact(ONE, last_name="Ark", preferred_language="es")
    options = Options(translate=True)
    request = await stage.send(*_shown(ann), body=WITH_TEMPLATE, options=options)
    assert await stage.bodies(request) == ["[es] Dear Ark of Acme"]


async def test_without_a_service_messages_go_untranslated_and_say_so(stage: Stage) -> None:
    options = Options(translate=True, dst_language="fr")
    request = await stage.send(ONE, options=options)
    row = await stage.message(request)
    assert (row["state"], row["body"], row["language"]) == ("CREATED", None, None)
    assert row["failed_translation"] == "No translation service is set up."


# ---------------------------------------------------------------- links


async def test_each_recipient_has_a_link_of_their_own(stage: Stage) -> None:
    body = 'See #track("https://example.com/offer") now'
    request = await stage.send(ONE, TWO, body=body)
    texts = await stage.bodies(request)
    assert len(set(texts)) == 2
    base = stage.gateway.means.links
    assert all(text.startswith(f"See {base}/t/") and text.endswith(" now") for text in texts)
    links = await stage.db.fetch(
        "select message_id, url from short_link where company_id = $1 order by message_id",
        stage.company_id,
    )
    assert [row["message_id"] for row in links] == [r["id"] for r in await stage.messages(request)]
    assert {row["url"] for row in links} == {"https://example.com/offer"}


async def test_a_test_has_links_that_lead_nowhere(stage: Stage) -> None:
    body = 'See #track("https://example.com/offer") now'
    request = await stage.send(ONE, body=body, test=True)
    (text,) = await stage.bodies(request)
    assert "/t/" in text
    assert not await stage.db.fetch(
        "select from short_link where company_id = $1", stage.company_id
    )


@pytest.mark.parametrize("url", ["ftp://example.com", "javascript:alert(1)", "nonsense"])
async def test_a_link_that_cannot_be_tracked_is_refused(stage: Stage, url: str) -> None:
    with pytest.raises(BadTrackingUrl):
        await stage.accept(ONE, body=f'See #track("{url}")')


async def test_a_link_that_a_template_makes_wrong_fails(stage: Stage) -> None:
    ann = await stage.contact(ONE, first_name="no address")
    request = await stage.send(*_shown(ann), body='See #track("$contact.first_name")')
    assert [row[1:] for row in await stage.fate(request)] == [("FAILED", "1006")]
