"""What every room stands on: errors, settings, secrets, units, ids, atomic writes, the clock, the stopwatch, progress.

Standard library and pydantic only; nothing here imports another part of the house.
"""
