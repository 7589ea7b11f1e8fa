"""A daemon instead of a store and hands of one's own: what `--server` puts behind every verb.

`calls` is the one table of what may be asked, for both ends; `sending` and `errors` say how wishes and refusals cross;
`wire` carries them over HTTP; `client` is the store and the desk that verbs are given. The other end is
`orchestrator.http.api`.
"""
