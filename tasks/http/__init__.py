"""The one door to the network: a polite client for each host, and a store of every answer.

In: an address and a :class:`~tasks.http.client.Policy`. Out: an :class:`~tasks.http.store.Answer`, from the store where
that is young enough. No other part of the house opens a connection.
"""
