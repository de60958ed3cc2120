"""Colours that colour-blind readers tell apart: those of Okabe & Ito 2008."""

BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9",
)  # fmt: skip

GREY, PALE = "#555555", "#D0D0D0"
