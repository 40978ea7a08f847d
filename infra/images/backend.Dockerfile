# The one image of all roles: `helium api`, `stream`, `worker`, `sweeper`, `migrate`, ….
#
#     docker build -f infra/images/backend.Dockerfile -t helium-backend:local .
#
# Pin both bases by digest for a release: --build-arg PYTHON_IMAGE=python:3.12-slim@sha256:….
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
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/helium
COPY backend/requirements-cloud.lock ./
# The lock holds the packages of requirements.lock too. Wheels only: nothing is compiled here.
RUN /opt/helium/bin/pip install --require-hashes --only-binary :all: -r requirements-cloud.lock

FROM ${PYTHON_IMAGE}
RUN groupadd --system --gid 10001 helium \
    && useradd --system --uid 10001 --gid helium --home-dir /var/lib/helium --no-create-home helium \
    && install -d -m 700 -o helium -g helium /var/lib/helium
COPY --from=packages /opt/helium /opt/helium
COPY backend/helium /app/backend/helium
COPY --from=page /app/frontend/out /app/frontend/out
ENV PATH=/opt/helium/bin:$PATH \
    PYTHONPATH=/app/backend \
    PYTHONUNBUFFERED=1 \
    HELIUM_ENVIRONMENT=production \
    HELIUM_HOME=/var/lib/helium \
    HELIUM_HOST=0.0.0.0
# Bytecode now: the file system is read-only when it runs.
RUN python -m compileall -q /app/backend
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/helium
VOLUME ["/var/lib/helium", "/tmp"]
USER 10001:10001
EXPOSE 8000
# A drain ends within HELIUM_WORKER__DRAIN_SECONDS and 4 s more.
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "helium"]
CMD ["api"]
