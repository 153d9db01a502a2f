"""`python -m netiv`: what the supervisor starts its children with."""

from netiv.main import run

run()
