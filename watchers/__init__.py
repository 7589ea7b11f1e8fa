"""What is new: watchers notice and never act.

`watch` looks at a repository again and again for what wins there. Under it: `registries` (one client per host),
`registry` (asks an OCI registry for digests and tags), `acr` (what Azure's adds), `listing` and `manifests` (what the
answers say), `budget` (how hard a registry is asked). `reference` reads image references. Around them: `addresses`
(where a registry is, and which addresses it may send us to), `transport` (HTTP), `challenges` and `tokens` (how a
registry wants to be shown who asks), `docker_config` (what this machine knows about that), `patience` (when to ask
again), `refusals` (what a registry's refusal means) and `errors`. Nothing is imported here, so that whoever needs one
module loads that one only.
"""
