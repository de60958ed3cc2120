# The command vcohort in a container.
#
#     docker build -t vcohort .                                   a CPU
#     docker build -t vcohort --build-arg EXTRAS=cuda13 .         an NVIDIA GPU: docker run --gpus all
#     docker run --rm -v "$PWD:/work" vcohort demo
FROM python:3.13-slim

ARG EXTRAS=parquet,sbml

WORKDIR /source
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY vcohort vcohort
# What the lock does not name, as libraries of CUDA, is what this version of JAX asks for.
RUN python -m pip install --no-cache-dir --constraint requirements.lock ".[$EXTRAS]"

# Files that it writes belong to whoever owns the folder that it is given, where that is the first user.
RUN useradd --create-home --uid 1000 vcohort
USER vcohort
WORKDIR /work
ENTRYPOINT ["vcohort"]
CMD ["--help"]
