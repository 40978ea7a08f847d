"""The proof of its reasoning that a provider wants back, marked with who may have it.

A conversation may change its model (by the caller, or by a fallback). A signature of one model means
an error to another, so each is wrapped with the format and the model that it came from.
"""

import msgspec


class Proof(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    format: str
    model: str
    id: str = ""
    signature: str = ""
    """Anthropic's signature, OpenAI's encrypted content."""
    redacted: str = ""
    """Anthropic: thinking that is encrypted as a whole."""
    provider: str = ""
    """pydantic-ai: which of its providers gave the signature."""
    call_signatures: dict[str, str] = msgspec.field(default_factory=dict)
    """Gemini: signatures of tool calls, by call id."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Proof)


def seal(proof: Proof) -> str:
    return _encoder.encode(proof).decode()


def unseal(opaque: str | None, *, format: str, model: str) -> Proof | None:
    """The proof, if this format and model gave it."""
    if not opaque:
        return None
    try:
        proof = _decoder.decode(opaque)
    except msgspec.DecodeError:
        return None
    return proof if proof.format == format and proof.model == model else None
