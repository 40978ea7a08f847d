# The page alone, for an installation whose page is neither on Vercel nor served by the API: `helium-frontend`.
#
#     docker build -f infra/images/frontend.Dockerfile -t helium-frontend:local .
#
# Pin both bases by digest for a release: --build-arg NGINX_IMAGE=nginx:1.30-alpine@sha256:….
ARG NODE_IMAGE=node:22-slim
ARG NGINX_IMAGE=nginx:stable-alpine

# Files of the page are the same on every processor: built once, on the builder's own.
FROM --platform=${BUILDPLATFORM} ${NODE_IMAGE} AS page
ENV NEXT_TELEMETRY_DISABLED=1 CI=1
WORKDIR /app/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY contracts /app/contracts
COPY frontend ./
RUN npm run build
COPY infra/images/page-headers.mjs /app/
RUN node /app/page-headers.mjs nginx out /app/policies.conf

FROM ${NGINX_IMAGE}
COPY infra/images/frontend.nginx.conf /etc/nginx/nginx.conf
COPY --from=page /app/policies.conf /srv/policies.conf
COPY --from=page /app/frontend/out /srv/page
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="helium-frontend" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.created="$CREATED"
VOLUME ["/tmp"]
USER 101:101
EXPOSE 8080
# Ends open answers, then itself.
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["nginx", "-g", "daemon off;"]
