"""Deployments and Gateway API routes on any cluster: AKS, Arc-enabled, or your own.

`settings` and everything whose name ends in `requests` or `views` is pure. Only what `client` is made of (`line`,
`errors.translate`) loads the `kubernetes` package, and only when the first call is made; all other modules speak to an
API server through `api.Api`.
"""
