"""A small, faithful Kubernetes API server without sockets or threads, and what runs behind it.

`objects` is the store with one counter of versions; `api` answers HTTP values over it as a real server does, down to
its error texts; everything else here is either a part of `api` or a controller that reads and writes the store.
"""
