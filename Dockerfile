# syntax=docker/dockerfile:1
# The same image as `make image` writes without Docker: static programs, no shell, no root.
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api/ api/
COPY cmd/ cmd/
COPY controllers/ controllers/
COPY internal/ internal/
ARG TARGETOS TARGETARCH VERSION=unknown
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /manager ./cmd/manager && \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /mover ./cmd/mover

FROM scratch
LABEL org.opencontainers.image.source=https://github.com/lifeboat-dev/lifeboat \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=build /manager /mover /
USER 65532:65532
ENTRYPOINT ["/manager"]
