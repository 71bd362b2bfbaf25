# The manager (default) or another program of cmd/: docker build --build-arg PROGRAM=worker .
# Without a container engine: make images.
FROM golang:1.26 AS build
ARG PROGRAM=manager
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
COPY worker worker
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /program ./cmd/${PROGRAM}

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /program /program
USER 65532:65532
ENTRYPOINT ["/program"]
