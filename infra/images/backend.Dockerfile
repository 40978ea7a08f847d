# The one image of all roles: `helium api`, `stream`, `worker`, `sweeper`, `migrate`, ….
#
#     docker build -f infra/images/backend.Dockerfile -t helium-backend:local .
#
# Pin both bases by digest for a release: --build-arg PYTHON_IMAGE=python:3.12-slim@sha256:….
# `--build-context page=DIR` takes the web page from DIR/app/frontend/out instead of building it.
# docs/operations/image.md says what is in it, how large it is and how it is checked.
ARG PYTHON_IMAGE=python:3.12-slim
ARG NODE_IMAGE=node:22-slim

FROM ${NODE_IMAGE} AS page
ENV NEXT_TELEMETRY_DISABLED=1 CI=1
WORKDIR /app/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY contracts /app/contracts
COPY frontend ./
RUN npm run build

FROM ${PYTHON_IMAGE} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_PYTHON=/opt/helium/bin/python \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0
WORKDIR /src
# hadolint ignore=DL3008 # `strip` of the base's Debian, whichever that is; it stays in this stage.
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
# pip stays here: the environment that is copied from here has none.
RUN python -m venv /opt/pip && python -m venv --without-pip /opt/helium
COPY backend/requirements-cloud.lock ./
# The lock holds the packages of requirements.lock too. Wheels only: nothing is compiled here. The two secrets
# are for networks with an index or an authority of their own; without them pip's defaults hold.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.pem,target=/etc/pip.pem \
    /opt/pip/bin/pip install --require-hashes --only-binary :all: --no-compile -r requirements-cloud.lock
COPY infra/images/trim.py ./
RUN python trim.py packages /opt/helium \
    && find /opt/helium -name "*.so*" -type f -exec strip --strip-unneeded {} + \
    && python -m compileall -q -j 1 --invalidation-mode unchecked-hash /opt/helium/lib

FROM ${PYTHON_IMAGE} AS code
COPY backend/helium /app/backend/helium
COPY infra/images/healthcheck.py /app/
# Bytecode now, because the file system is read-only when it runs; valid whatever becomes of the files' dates.
RUN PYTHONHASHSEED=0 python -m compileall -q -j 1 --invalidation-mode unchecked-hash /app/backend

FROM ${PYTHON_IMAGE}
# Nobody in it becomes another account, also where a platform has no `no-new-privileges`.
RUN --mount=type=bind,source=infra/images,target=/mnt \
    PYTHONDONTWRITEBYTECODE=1 python /mnt/trim.py base \
    && groupadd --system --gid 10001 helium \
    && useradd --system --uid 10001 --gid helium --home-dir /var/lib/helium --no-create-home --no-log-init \
    --shell /usr/sbin/nologin helium \
    && install -d -m 700 -o helium -g helium /var/lib/helium \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
COPY --from=packages /opt/helium /opt/helium
COPY --from=code /app /app
COPY --from=page /app/frontend/out /app/frontend/out
ENV PATH=/opt/helium/bin:$PATH \
    PYTHONPATH=/app/backend \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HELIUM_ENVIRONMENT=production \
    HELIUM_HOME=/var/lib/helium \
    HELIUM_HOST=0.0.0.0 \
    HELIUM_PORT=8000 \
    HELIUM_WORKER__PORT=8000
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
RUN --mount=type=bind,source=.,target=/mnt \
    python -IB /mnt/infra/images/sbom.py --version "$VERSION" --created "$CREATED" \
    --python-lock /mnt/backend/requirements-cloud.lock --node-lock /mnt/frontend/package-lock.json \
    --output /app/sbom.cdx.json
LABEL org.opencontainers.image.title="helium-backend" \
    org.opencontainers.image.description="Runs AI agents for many people at once and never loses their work." \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.created="$CREATED" \
    helium.sbom="/app/sbom.cdx.json" \
    helium.stop-grace-seconds="10"
WORKDIR /var/lib/helium
VOLUME ["/var/lib/helium", "/tmp"]
USER 10001:10001
EXPOSE 8000
# A drain ends within HELIUM_WORKER__DRAIN_SECONDS (4) and 4 s more.
STOPSIGNAL SIGTERM
# The process only: an outage of the database must not restart everything. `/api/ready` as its argument asks more.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-IS", "/app/healthcheck.py"]
ENTRYPOINT ["python", "-m", "helium"]
CMD ["api"]
