"""The warm interpreter of `tests/support/forge.py`, with `helium release` among its commands."""

from helium.cli import app, release
from helium.release import amazon
from tests.release.place import warm_opener
from tests.support import forge

if "release" not in {group.name for group in app.app.registered_groups}:
    app.app.add_typer(release.app, name="release")

# A fork has what its parent read: the SDK's models are read here, once.
amazon.sdk_opener = warm_opener
for service in ("ecs", "s3", "cloudwatch"):
    warm_opener().get_service_model(service)

if __name__ == "__main__":
    forge.main()
