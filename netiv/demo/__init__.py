"""The demo: a small Hebrew and English web shop, its customers' journeys over 60 days, and the truth about them.

`simulate` is pure (a seed in, parcels and truth out); `send` ships through the real HTTP endpoints; `compare` asks
the warehouse what was derived and sets it against the truth.
"""
