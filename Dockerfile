# One image for every process of DAIRA: wheels are made in throw-away stages, the runtime runs as nobody in particular.
# The command chooses the process: python -m services.auth, python -m services.social.workers.relay, python -m gateway …

ARG PYTHON_BASE=docker.io/library/python:3.12-slim-bookworm
ARG RUST_BASE=docker.io/library/rust:1.95-slim-bookworm

# The Rust extension as an abi3 wheel: any Python from 3.11 on loads it.
FROM ${RUST_BASE} AS native
RUN apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends python3 python3-venv python3-pip \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.lock ./
# maturin in the very version that the lock names, with its hash.
RUN python3 -m venv /opt/build \
 && awk '/^maturin==/{take=1} take{print} take && !/\\$/{exit}' requirements.lock > maturin.lock \
 && /opt/build/bin/pip install --quiet --no-deps --require-hashes -r maturin.lock
COPY native ./native
RUN cd native && /opt/build/bin/maturin build --release --locked --out /wheels

# The dependencies of the runtime, and no others.
FROM ${PYTHON_BASE} AS dependencies
WORKDIR /src
COPY requirements-runtime.lock ./
RUN python3 -m venv --copies /opt/daira \
 && /opt/daira/bin/pip install --quiet --no-cache-dir --no-deps --require-hashes -r requirements-runtime.lock
COPY --from=native /wheels /wheels
RUN /opt/daira/bin/pip install --quiet --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM ${PYTHON_BASE} AS runtime
ENV PATH=/opt/daira/bin:$PATH \
    PYTHONPATH=/srv/daira:/srv/daira/protos/gen \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=dependencies /opt/daira /opt/daira
WORKDIR /srv/daira
COPY protos/gen ./protos/gen
COPY services ./services
COPY gateway ./gateway
USER 65532:65532
CMD ["python", "-m", "gateway"]
