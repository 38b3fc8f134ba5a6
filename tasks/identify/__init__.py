"""Names become titles: paths go in, rows of ``identities`` come out. No disk, no network.

::

    tags -> folders -> extras -> strict -> loose + parsers -> vote -> row

Each stage may refuse and leave a name to the next. The strict patterns read clean libraries; release names get our own
loose reading, and PTT, and guessit where those two differ.
"""
