"""Quick constructors for the values of the normal form that come by the thousand.

A frozen dataclass sets each of its fields by a call of `object.__setattr__`: for a feed of a
thousand episodes that is a hundred thousand calls. A draft has the same slots and is not frozen,
so that its fields are set at the speed of plain attributes; then it becomes the value itself,
frozen from there on. What comes out is no different from what the class would have made.

Here are the constructors of what nearly every item of a modern feed has.
"""

from __future__ import annotations

from dataclasses import MISSING, field, fields, make_dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from tallycast.feeds.model import (
    AlternateEnclosure,
    Enclosure,
    Episode,
    Link,
    Person,
    SocialInteract,
    Soundbite,
    Source,
    Transcript,
    Value,
    ValueRecipient,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")


def quick(kind: Callable[_P, _T]) -> Callable[_P, _T]:
    """A constructor of `kind`, a frozen dataclass with slots and without a `__post_init__`.

    It takes the same arguments and gives the same values, three times as fast.
    """

    def become(draft: object) -> None:
        draft.__class__ = cast("type[Any]", kind)

    draft = make_dataclass(
        f"{kind.__name__}Draft",
        [
            (one.name, Any, field() if one.default is MISSING else field(default=one.default))
            for one in fields(cast("type[Any]", kind))
        ],
        slots=True,
        repr=False,
        eq=False,
        match_args=False,
        namespace={"__post_init__": become},
    )
    return cast("Callable[_P, _T]", draft)


new_alternate_enclosure = quick(AlternateEnclosure)
new_enclosure = quick(Enclosure)
new_episode = quick(Episode)
new_link = quick(Link)
new_person = quick(Person)
new_recipient = quick(ValueRecipient)
new_social_interact = quick(SocialInteract)
new_soundbite = quick(Soundbite)
new_source = quick(Source)
new_transcript = quick(Transcript)
new_value = quick(Value)
