"""The performance lab: profiles and presets come in, stored benchmarks, comparisons and verdicts come out.

A benchmark refreshes the same library with several profiles in turn. A profile is nothing but values of the settings
(``profiles``), a library and a service are described by a preset (``presets``), what came out lies in
``<data>/lab/<id>/`` (``store``) and is compared by pure functions that notebooks may use (``compare``, ``statistics``).
``flows.lab`` runs it.
"""
