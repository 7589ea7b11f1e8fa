"""The zones of names that every cluster gives its Services."""

SERVICE_ZONES = (".svc.cluster.local", ".svc")
