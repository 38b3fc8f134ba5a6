"""Choose pictures, fetch each exactly once, check that it can be decoded, and keep it under the name of its content.

In: rows of ``artwork_candidates``, then of ``artwork_wanted``. Out: rows of ``artwork`` and files below ``artwork/``.
"""
