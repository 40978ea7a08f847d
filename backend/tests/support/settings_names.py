"""The names of all settings, for pages and files that use them."""

from pydantic import BaseModel

from helium.settings import Settings, variable


def setting_names() -> set[str]:
    """Every variable that Helium reads as a setting."""
    found: set[str] = set()
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= {variable(name, inner) for inner in field.annotation.model_fields}
        else:
            found.add(variable(name))
    return found
