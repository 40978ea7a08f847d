"""What is sealed opens as it was, or not at all."""

import base64
import os

import pytest

from helium.backup import BackupFailed, Keyring
from helium.backup.sealing import PIECE_BYTES, Opener, Sealer, new_data_key


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, 3 * PIECE_BYTES + 7])
@pytest.mark.parametrize("key", [new_data_key(), None], ids=["sealed", "open"])
def test_what_is_sealed_can_be_opened_in_any_chunks(size: int, key: bytes | None) -> None:
    content = new_data_key() * (size // 32) + b"x" * (size % 32)
    sealer, opener = Sealer(key, "part"), Opener(key, "part")

    stored = sealer.add(content) + sealer.finish()

    opened = b"".join(
        b"".join(opener.add(stored[at : at + 70_001])) for at in range(0, len(stored), 70_001)
    )
    assert opened + b"".join(opener.finish()) == content
    assert (opener.size, opener.digest) == (sealer.size, sealer.digest) == (len(stored), opener.digest)


@pytest.mark.parametrize("pieces", [[0], [1, 0, 2], [0, 0, 1, 2], [0, 2]])
def test_pieces_cannot_be_left_out_exchanged_or_repeated(pieces: list[int]) -> None:
    key = new_data_key()
    sealer = Sealer(key, "part")
    stored = sealer.add(os.urandom(2 * PIECE_BYTES + 5)) + sealer.finish()
    stride = PIECE_BYTES + 16
    cut = [stored[:stride], stored[stride : 2 * stride], stored[2 * stride :]]
    opener = Opener(key, "part")

    def opened() -> None:
        for _ in opener.add(b"".join(cut[number] for number in pieces)):
            continue
        list(opener.finish())

    with pytest.raises(BackupFailed, match="The part part of the backup is damaged or was changed"):
        opened()


def test_a_part_opens_under_its_own_name_only() -> None:
    key = new_data_key()
    sealer, opener = Sealer(key, "one"), Opener(key, "two")

    list(opener.add(sealer.add(b"hello") + sealer.finish()))

    with pytest.raises(BackupFailed, match="The part two of the backup is damaged or was changed"):
        list(opener.finish())


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(b"x" * 31).decode(), "!" * 44])
def test_a_key_that_is_none_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(BackupFailed, match="not 32 bytes in base64") as caught:
        Keyring.parse(text)

    assert not text or text not in str(caught.value)
    assert "kkkk" not in repr(Keyring((b"k" * 32,)))
