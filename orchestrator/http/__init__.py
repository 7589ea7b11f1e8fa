"""One socket for everything that comes in: webhooks, the API, health and metrics.

`server` carries routes on a thread of its own; `answers` gives every refusal the same shape; `guard` lets in whom the
settings name (`credentials`, `entra`); `body` reads what is sent, within limits, and `readings` says whose is read
while nobody is known; `receiver` takes webhooks; `health` and `scrape` say how the daemon is. Nothing is imported here,
so that whoever needs one module loads that one only.
"""
