"""Circumstances under which anything may be photographed."""

#: A template for each combination of a medium or quality with a place or light.
CONTEXTS = tuple(
    f"{kind} of a {{}}{where}."
    for kind in ("a photo", "a close-up photo", "a blurry photo", "a drawing", "a black and white photo")
    for where in ("", " outdoors", " indoors", " on a plain background", " in dim light", " in bright light")
)
