"""What stands in for the world: a local server that answers like TMDB, and libraries of invented videos.

For the demo, the benchmarks and the tests only. In come numbers (how many titles) and options; out go a server on
loopback (:mod:`tasks.standin.running`) and folders of really encoded videos (:mod:`tasks.standin.library`,
:mod:`tasks.standin.bench_library`) whose titles the server knows. Every title, person and company is invented.
"""
