# syntax=docker/dockerfile:1
# Two stages: build with the whole toolchain, run with the shared libraries alone.
#   docker build -t fermi:0.1.0 .

FROM debian:12 AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
      g++ cmake ninja-build pkg-config protobuf-compiler \
      libcurl4-openssl-dev nlohmann-json3-dev libyaml-cpp-dev libssl-dev libspdlog-dev \
      libprotobuf-dev libboost-dev libboost-system-dev libsqlite3-dev libcli11-dev \
      prometheus-cpp-dev libre2-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CMakeLists.txt CMakePresets.json ./
COPY libk8s libk8s
COPY scheduler scheduler
COPY operator operator
COPY crds crds
COPY manifests manifests
RUN cmake -S . -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DFERMI_TESTS=OFF -DFERMI_BENCH=OFF \
    && cmake --build /build --target fermi \
    && install -D -s /build/operator/fermi /out/fermi \
    # The packages that own the libraries the program is linked to: what the second stage installs.
    && ldd /out/fermi | awk '$3 ~ /^\// {print $3}' | xargs -n 1 realpath | sed 's|^/usr||' \
       | while read -r file; do dpkg -S "*$file" ; done | cut -d: -f1 | sort -u > /out/packages

FROM debian:12-slim
RUN --mount=from=build,source=/out/packages,target=/tmp/packages \
    apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates $(cat /tmp/packages) \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/fermi /usr/local/bin/fermi
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/fermi"]
CMD ["operator", "--leader-elect", "--http-address=0.0.0.0:8080"]
