"""Names of people and places that do not exist: every one of them is put together from a list."""

from __future__ import annotations

from random import Random

CITIES = (
    "Port Alder",
    "Eastmere",
    "Brackwater",
    "Nordhaven",
    "Tilmouth",
    "Saint Osk",
    "Lindow",
    "Marrow Bay",
)
FIRST_NAMES = (
    "Ada", "Bruno", "Cleo", "Dario", "Edda", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Leo", "Mina",
    "Noor", "Oskar", "Pia", "Quirin", "Rosa", "Sami", "Tilda", "Uma", "Viktor", "Wanda", "Yusuf", "Zoe",
)  # fmt: skip
LAST_NAMES = (
    "Amberg", "Bellweather", "Castellan", "Dunmore", "Eklund", "Farrow", "Grell", "Hartwhistle", "Ibsley",
    "Jorvik", "Kestrel", "Lindqvist", "Marlowe", "Nightingale", "Ostrander", "Pemberley", "Quill",
    "Rosewarne", "Saltmarsh", "Thistlewood", "Underhill", "Vantongeren", "Wolverton", "Yarrow", "Zeller",
)  # fmt: skip
COLOURS = ("Copper", "Gilded", "Crimson", "Silver", "Blue", "Ivory", "Amber", "Velvet", "Scarlet", "Jade")
CREATURES = ("Heron", "Fox", "Otter", "Swallow", "Badger", "Magpie", "Hare", "Pike", "Owl", "Stag")
PLAY_HEADS = (
    "The Lighthouse", "A Winter", "The Clockmaker", "Seven Letters", "The Orchard", "The Quiet Harbour",
    "Midsummer", "The Last Ferry", "A House", "The Glass Garden", "Twelve Lanterns", "The Cartographer",
    "The Other Sister", "An Empty Chair", "The Salt Road", "Tomorrow",
)  # fmt: skip
PLAY_TAILS = (
    "of Small Hours", "at Low Tide", "without Wolves", "for Two Voices", "in Three Storms", "of No Return",
    "and the Magpie", "on Hollow Street",
)  # fmt: skip
BANDS = (
    "The Paper Tigers", "Velvet Semaphore", "Nine Mile Static", "Ottoline & the Owls", "Glass Harbour",
    "Marble Arcade", "The Slow Comets", "Foxglove Radio", "Tin Cathedral", "Juniper Falls",
    "The Night Ferries", "Hollow Pines", "Saffron Motel", "Kite Season", "The Lost Umbrellas",
    "Low Orbit Choir",
)  # fmt: skip
CLUBS = (
    "Rovers", "Athletic", "Wanderers", "United", "Harriers", "Albion", "Rangers", "Town", "County", "Villa",
    "Dynamo", "Orient", "Thistle", "Argyle", "Olympic", "Corinthians", "Mariners",
)  # fmt: skip
TOWNS = (
    "Ashgrove", "Birkdale", "Cranmoor", "Dunholm", "Elmsport", "Fairwater", "Gorseton", "Hexley",
    "Ironbridge Vale", "Kingsmere", "Larkhill", "Millbrook", "Netherby", "Oakhaven",
    "Penmarsh", "Ravensea", "Stonewick",
)  # fmt: skip
KITCHENS = (
    "Osteria {}", "The {} Table", "Brasserie {}", "{} & Daughters", "Café {}", "Taverna {}",
    "{} Noodle House", "The {} Grill", "Bistro {}", "Little {}",
)  # fmt: skip
KITCHEN_WORDS = (
    "Lumaca", "Saffron", "Juniper", "Mirabel", "Olmo", "Basilisk", "Tamarind", "Quince", "Sorrel", "Marlin",
    "Fennel", "Anise", "Pomelo", "Chestnut", "Laurel", "Medlar", "Caper", "Bergamot", "Thyme", "Damson",
)  # fmt: skip
GATHERINGS = (
    "Repair café", "Chess for beginners", "Urban gardening", "Choir open evening", "First aid refresher",
    "Board games night", "Sketching by the canal", "Bicycle workshop", "Story hour", "Bread baking",
    "Beginners' yoga", "Language exchange", "Film club", "Bird walk", "Knitting circle", "Ask a lawyer",
    "Robot building for kids", "Community kitchen", "Poetry slam", "Neighbourhood forum",
)  # fmt: skip
HOUSES = ("Canal Street Library", "Old Fire Station", "Community House", "Lantern Hall", "Mill Lane School")


def shuffled(words: tuple[str, ...], rng: Random) -> list[str]:
    return rng.sample(words, len(words))


def person(rng: Random, number: int) -> dict[str, str]:
    """A customer; `number` makes the address theirs alone among those of one event or restaurant."""
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    return {"name": f"{first} {last}", "email": f"{first}.{last}.{number}@example.org".lower()}
