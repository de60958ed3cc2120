"""Checks every call against its annotations: arrays by jaxtyping, the rest by beartype."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
