"""Mirror of ``tasks`` and ``flows``."""
