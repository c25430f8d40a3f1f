"""A small grammar for titles, names and blurbs that no real show would want."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

THINGS = (
    "Gravel", "Turnips", "Barometers", "Moss", "Kettles", "Pigeons", "Ladders", "Custard",
    "Accordions", "Staplers", "Marmalade", "Umbrellas", "Doorknobs", "Beeswax", "Gaskets",
    "Puddings", "Lint", "Teaspoons", "Drizzle", "Hinges", "Radishes", "Tarpaulin",
)  # fmt: skip
MOODS = (
    "Reluctant", "Lukewarm", "Overconfident", "Unsupervised", "Slightly Damp", "Apologetic",
    "Provisional", "Nocturnal", "Mildly Famous", "Second-Hand", "Semi-Retired", "Inflatable",
)  # fmt: skip
PEOPLE = (
    "Botanist", "Lighthouse Keeper", "Locksmith", "Archivist", "Beekeeper", "Cartographer",
    "Tuba Player", "Night Porter", "Ferryman", "Cheesemonger", "Piano Mover", "Weathervane",
)  # fmt: skip
ROOMS = ("Parliament", "Committee", "Almanac", "Dispatch", "Tribunal", "Understudy", "Inquest")
ADVERBS = ("Allegedly", "Eventually", "Under Protest", "In Triplicate", "Before Breakfast")
FIRST_NAMES = (
    "Odette", "Jürgen", "Amélie", "Zoë", "Barnaby", "Søren", "Perpetua", "Iñigo", "Wilhelmina",
    "Cosmo", "Désirée", "Ptolemy", "Hedwig", "Ambrose",
)  # fmt: skip
LAST_NAMES = (
    "Brambleworth", "Kieselbach", "Vantongerloo", "Thistlewick", "Pumpernik", "Quagmyre",
    "Oxenholt", "Fiddlestone", "Dübelhaus", "Marrowfat", "Snodgrove", "Crumpetier",
)  # fmt: skip
VERDICTS = (
    "and what it cost the choir", "revisited", "with a straight face", "for absolute beginners",
    "against medical advice", "as told by the neighbours", "live from the car park",
    "and the missing ferry", "without instruments", "& other family business",
)  # fmt: skip
CATEGORIES = (
    ("Society & Culture", "Documentary"), ("Leisure", "Hobbies"), ("Comedy", None),
    ("Science", "Natural Sciences"), ("Arts", "Food"), ("History", None),
)  # fmt: skip


def show_title(dice: Random) -> str:
    """A show's title, such as `The Lukewarm Ferryman` or `Gravel, Allegedly`."""
    shape = dice.randrange(4)
    if shape == 0:
        return f"The {dice.choice(MOODS)} {dice.choice(PEOPLE)}"
    if shape == 1:
        return f"{dice.choice(THINGS)}, {dice.choice(ADVERBS)}"
    if shape == 2:  # noqa: PLR2004 - the third of four shapes
        return f"The {dice.choice(THINGS)} {dice.choice(ROOMS)}"
    return f"{dice.choice(('Nine', 'Eleven', 'Forty'))} Minutes of {dice.choice(THINGS)}"


def episode_title(dice: Random) -> str:
    """An episode's title, such as `Hinges, against medical advice`."""
    if dice.random() < 0.5:  # noqa: PLR2004 - a coin
        return f"{dice.choice(THINGS)}, {dice.choice(VERDICTS)}"
    return f"The {dice.choice(MOODS).lower()} {dice.choice(PEOPLE).lower()} {dice.choice(VERDICTS)}"


def person_name(dice: Random) -> str:
    """A full name; many carry an accent, so that encodings matter."""
    return f"{dice.choice(FIRST_NAMES)} {dice.choice(LAST_NAMES)}"


def blurb(dice: Random) -> str:
    """Two sentences about nothing, with characters that XML must escape."""
    guest, thing = person_name(dice), dice.choice(THINGS).lower()
    place = dice.choice(("a café", "the Bäckerei", "a rowing boat", "Q&A hour", "platform <3>"))
    return f"{guest} explains {thing} from {place}. Nobody asked, {dice.choice(PEOPLE)} included."


def slug_of(title: str) -> str:
    """The title as a path segment: lower case, words joined by hyphens."""
    kept = "".join(letter if letter.isalnum() else " " for letter in title.lower())
    return "-".join(kept.split())
